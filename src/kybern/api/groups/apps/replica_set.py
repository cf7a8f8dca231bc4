"""ReplicaSet."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, checked_first, spec_changed
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
from kybern.api.groups.workload_warnings import of_template
from kybern.api.resource import Column, Object
from kybern.api.selectors import format_struct
from kybern.api.validation.workloads import validate_replica_set, validate_replicas_status, validate_selector_update

COLUMNS = (
    NAME,
    column("Desired", "apps.v1.ReplicaSetSpec.replicas", "integer"),
    column("Current", "apps.v1.ReplicaSetStatus.replicas", "integer"),
    column("Ready", "apps.v1.ReplicaSetStatus.readyReplicas", "integer"),
    AGE,
    CONTAINERS,
    IMAGES,
    Column(
        "Selector",
        priority=1,
        description=(
            "Selector is a label query over pods that should match the replica count. If the "
            "selector is empty, it is defaulted to the labels present on the pod template. Label "
            "keys and values that must match in order to be controlled by this replica set. More "
            "info: "
            "https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"
        ),
    ),
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    return (
        obj["metadata"]["name"],
        spec.get("replicas") or 0,
        status(obj, "replicas"),
        status(obj, "readyReplicas"),
        age(obj, now),
        *names_and_images(template_spec(obj)),
        format_struct(spec.get("selector")),
    )


BEHAVIOUR = {
    "ReplicaSet": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"status.replicas": lambda obj: str(status(obj, "replicas"))},
        generation=spec_changed,
        validate=lambda obj: list(validate_replica_set(obj)),
        validate_update=checked_first(validate_replica_set, validate_selector_update),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_replicas_status(new, old)),
        warnings=of_template("spec", "template"),
    )
}
