"""Upstream's defaults, as data beside short functions: what `SetDefaults_*` of each group does.

Each module has for each version a table (`V1`: definition -> field -> value) and functions (`V1_CODE`: definition ->
function of the object, which its parts' defaults have already reached). Whether an explicit zero counts as absent
follows from how Go holds the field (see `schema_build.go_types`). What conversion between upstream's versions adds (the
alias `serviceAccount`, `podIPs` from `podIP`) is here too. Everything is idempotent.
"""

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

Code = Callable[[dict[str, Any]], None]

_GROUPS = frozenset(
    (
        "admissionregistration",
        "apiextensions",
        "apiregistration",
        "apps",
        "authentication",
        "autoscaling",
        "batch",
        "core",
        "discovery",
        "flowcontrol",
        "networking",
        "rbac",
        "resource",
        "scheduling",
        "storage",
    )
)


def keeps_empty(name: str) -> Collection[str]:
    """Fields of a definition for which an empty list or map is not the same as none: their code sees it, or
    what is there refuses it."""
    return _KEEP_EMPTY.get(name, ())


_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
_KEEP_EMPTY = {
    "io.k8s.api.autoscaling.v2.HPAScalingRules": ("policies",),
    f"{_EXTENSIONS}.CustomResourceDefinitionSpec": ("versions",),
    f"{_EXTENSIONS}.CustomResourceDefinitionStatus": ("conditions",),
    f"{_EXTENSIONS}.JSONSchemaProps": ("dependencies",),
}


def of(name: str) -> tuple[dict[str, Any], Code | None]:
    """Fixed defaults and code for a definition (`io.k8s.api.core.v1.Pod`)."""
    group, version, kind = name.split(".")[-3:]
    if group not in _GROUPS:
        return {}, None
    module = import_module(f"kybern.api.defaults.{group}")
    table: dict[str, dict[str, Any]] = getattr(module, version.upper(), {})
    code: dict[str, Code] = getattr(module, f"{version.upper()}_CODE", {})
    return table.get(kind, {}), code.get(kind)
