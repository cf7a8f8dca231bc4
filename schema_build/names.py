"""How upstream's names are spelt in Python: modules, classes, fields."""

import keyword
import re

from schema_build.source import Definition

_PREFIXES = {
    "io.k8s.api.": 0,
    "io.k8s.apiextensions-apiserver.pkg.apis.": 0,
    "io.k8s.kube-aggregator.pkg.apis.": 0,
    "io.k8s.apimachinery.pkg.apis.": 0,
}
MODULES = (
    "meta_v1",
    "core_v1",
    "apps_v1",
    "batch_v1",
    "autoscaling_v1",
    "autoscaling_v2",
    "networking_v1",
    "policy_v1",
    "rbac_v1",
    "storage_v1",
    "scheduling_v1",
    "node_v1",
    "discovery_v1",
    "events_v1",
    "coordination_v1",
    "certificates_v1",
    "admissionregistration_v1",
    "apiextensions_v1",
    "apiregistration_v1",
    "flowcontrol_v1",
    "authentication_v1",
    "authorization_v1",
    "resource_v1",
)
"""The group-versions that have typed structs, each a module of `kybern.api.types`."""

_TYPE_NAMES = {"str", "int", "bool", "float", "list", "dict"}
"""Fields of these names would hide the types that the annotations beside them use."""
_IRREGULAR = {"openAPIV3Schema": "open_api_v3_schema", "cephFS": "ceph_fs", "uuid": "uuid"}


def module_of(name: str) -> str:
    """`io.k8s.api.core.v1.Pod` -> `core_v1`; "" for definitions outside any API group."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            group, version, _ = name[len(prefix) :].split(".")
            return f"{group}_{version}"
    return ""


def class_of(name: str) -> str:
    return name.rpartition(".")[2]


def field_name(wire: str) -> str:
    """`clusterIPs` -> `cluster_ips`, `podCIDR` -> `pod_cidr`, `from` -> `from_`."""
    if wire in _IRREGULAR:
        return _IRREGULAR[wire]
    name = re.sub(r"([A-Z]{2,})s(?=[A-Z]|$)", lambda match: match[1].capitalize() + "s", wire)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    name = re.sub(r"[^a-z0-9_]", "_", name).strip("_")
    return name + "_" if keyword.iskeyword(name) or name in _TYPE_NAMES else name


def regular_wire_name(name: str) -> str:
    """What `kybern.api.types.base` derives from a Python name without being told."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def own_kind(definition: Definition) -> tuple[str, str, str] | None:
    """The (group, version, kind) that the definition is for, None for mere parts of objects."""
    if not {"apiVersion", "kind"} <= definition.fields.keys():
        return None
    return definition.kinds[0] if definition.kinds else None
