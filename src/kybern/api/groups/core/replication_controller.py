"""ReplicationController."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, spec_changed
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
from kybern.api.selectors import format_map
from kybern.api.validation.workloads import validate_replicas_status, validate_replication_controller

COLUMNS = (
    NAME,
    column("Desired", "core.v1.ReplicationControllerSpec.replicas", "integer"),
    column("Current", "core.v1.ReplicationControllerStatus.replicas", "integer"),
    column("Ready", "core.v1.ReplicationControllerStatus.readyReplicas", "integer"),
    AGE,
    CONTAINERS,
    IMAGES,
    column("Selector", "core.v1.ReplicationControllerSpec.selector", priority=1),
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
        format_map(spec.get("selector")),
    )


BEHAVIOUR = {
    "ReplicationController": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"status.replicas": lambda obj: str(status(obj, "replicas"))},
        generation=spec_changed,
        prepare_create=drop_on_create("spec", "template", "spec"),
        prepare_update=drop_on_update("spec", "template", "spec"),
        validate=lambda obj: list(validate_replication_controller(obj)),
        validate_status=lambda new, old: list(validate_replicas_status(new, old)),
        warnings=of_template("spec", "template", of_old=True),
    )
}
