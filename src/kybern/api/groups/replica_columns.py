"""Columns of what keeps a number of equal Pods: ReplicaSet and ReplicationController show the same."""

from collections.abc import Callable, Sequence
from typing import Any

from kybern.api.groups.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    age,
    column,
    names_and_images,
    status,
    template_spec,
)
from kybern.api.resource import Column, Object

Cells = Callable[[Object, float], Sequence[Any]]


def replica_columns(kind: str) -> tuple[Column, ...]:
    """`kind` as the definitions name it, for the descriptions of its fields: `apps.v1.ReplicaSet`."""
    return (
        NAME,
        column("Desired", f"{kind}Spec.replicas", "integer"),
        column("Current", f"{kind}Status.replicas", "integer"),
        column("Ready", f"{kind}Status.readyReplicas", "integer"),
        AGE,
        CONTAINERS,
        IMAGES,
        column("Selector", f"{kind}Spec.selector", priority=1),
    )


def replica_cells(selector: Callable[[Any], str]) -> Cells:
    """`selector` prints the kind's own sort of selector."""

    def cells(obj: Object, now: float) -> Sequence[Any]:
        spec = obj.get("spec") or {}
        return (
            obj["metadata"]["name"],
            spec.get("replicas") or 0,
            status(obj, "replicas"),
            status(obj, "readyReplicas"),
            age(obj, now),
            *names_and_images(template_spec(obj)),
            selector(spec.get("selector")),
        )

    return cells
