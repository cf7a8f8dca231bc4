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
from kybern.api.groups.disabled_fields import drop_on_create, drop_on_update
from kybern.api.groups.workload_warnings import of_template
from kybern.api.resource import Object
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
    column("Selector", "apps.v1.ReplicaSetSpec.selector", priority=1),
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
        generation=spec_changed,
        prepare_create=drop_on_create("spec", "template", "spec"),
        prepare_update=drop_on_update("spec", "template", "spec"),
        validate=lambda obj: list(validate_replica_set(obj)),
        validate_update=checked_first(validate_replica_set, validate_selector_update),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_replicas_status(new, old)),
        warnings=of_template("spec", "template"),
    )
}
