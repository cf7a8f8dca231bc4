"""ServiceAccount."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, age
from kybern.api.resource import Change, Object

COLUMNS = (NAME, AGE)


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], age(obj, now)


_ENFORCE = "kubernetes.io/enforce-mountable-secrets"
_DEPRECATED = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"


def _warnings(new: Object, old: Object | None) -> Sequence[str]:
    """Of an annotation that is newly set."""
    set_before = old is not None and _ENFORCE in (old["metadata"].get("annotations") or {})
    if set_before or _ENFORCE not in (new["metadata"].get("annotations") or {}):
        return ()
    return (f"metadata.annotations[{_ENFORCE}]: {_DEPRECATED}",)


def _keep_names(obj: Object) -> None:
    """Of a reference to a Secret nothing but its name means anything."""
    if "secrets" in obj:
        obj["secrets"] = [{"name": secret["name"]} if "name" in secret else {} for secret in obj["secrets"]]


def prepare_create(obj: Object, change: Change) -> None:
    _keep_names(obj)


def prepare_update(new: Object, old: Object, change: Change) -> None:
    _keep_names(new)


BEHAVIOUR = {
    "ServiceAccount": Behaviour(
        columns=COLUMNS,
        cells=cells,
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        warnings=_warnings,
    )
}
