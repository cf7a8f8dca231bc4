"""Namespace: it carries its name as a label, and a finalizer until it is empty."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, SubresourceBehaviour, keep
from kybern.api.groups.columns import AGE, NAME, age
from kybern.api.resource import Change, Column, Object
from kybern.api.validation.core.namespace import (
    validate_namespace,
    validate_namespace_finalize,
    validate_namespace_status,
)
from kybern.api.validation.names import label_name

COLUMNS = (
    NAME,
    Column("Status", description="The status of the namespace"),
    AGE,
)
_NAME_LABEL = "kubernetes.io/metadata.name"
_FINALIZER = "kubernetes"


def prepare_create(obj: Object, change: Change) -> None:
    obj["status"] = {"phase": "Active"}
    obj["metadata"]["labels"] = {**(obj["metadata"].get("labels") or {}), _NAME_LABEL: obj["metadata"].get("name", "")}
    spec = obj.setdefault("spec", {})
    finalizers = spec.get("finalizers") or []
    if _FINALIZER not in finalizers:
        spec["finalizers"] = [*finalizers, _FINALIZER]


def prepare_update(new: Object, old: Object, change: Change) -> None:
    spec = dict(new.get("spec") or {})
    keep("finalizers", spec, old.get("spec") or {})
    new["spec"] = spec


def prepare_finalize(new: Object, old: Object, change: Change) -> None:
    keep("status", new, old)


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], (obj.get("status") or {}).get("phase", ""), age(obj, now)


BEHAVIOUR = {
    "Namespace": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"status.phase": lambda obj: (obj.get("status") or {}).get("phase") or ""},
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        validate=lambda obj: list(validate_namespace(obj)),
        validate_on_update=False,
        validate_name=label_name,
        validate_status=lambda new, old: list(validate_namespace_status(new, old)),
        subresources={
            "finalize": SubresourceBehaviour(
                prepare_update=prepare_finalize,
                validate_update=lambda new, old: list(validate_namespace_finalize(new, old)),
            )
        },
    )
}
