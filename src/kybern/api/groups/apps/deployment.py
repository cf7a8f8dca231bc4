"""Deployment."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, checked_first, keep_labels, spec_or_annotations_changed
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
from kybern.api.resource import Column, Object
from kybern.api.selectors import SelectorError, labels_from_struct
from kybern.api.validation.workloads import validate_deployment, validate_deployment_status, validate_selector_update

COLUMNS = (
    NAME,
    Column("Ready", description="Number of the pod with ready state"),
    column("Up-to-date", "apps.v1.DeploymentStatus.updatedReplicas"),
    column("Available", "apps.v1.DeploymentStatus.availableReplicas"),
    AGE,
    CONTAINERS,
    IMAGES,
    column("Selector", "apps.v1.DeploymentSpec.selector", priority=1),
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    return (
        obj["metadata"]["name"],
        f"{status(obj, 'readyReplicas')}/{spec.get('replicas') or 0}",
        status(obj, "updatedReplicas"),
        status(obj, "availableReplicas"),
        age(obj, now),
        *names_and_images(template_spec(obj)),
        _selector(spec.get("selector")),
    )


def _selector(selector: Object | None) -> str:
    try:
        return str(labels_from_struct(selector))
    except SelectorError:
        return "<invalid>"


def _watched(obj: Object) -> object:
    """What makes a new generation."""
    return obj.get("spec"), obj["metadata"].get("annotations") or {}


BEHAVIOUR = {
    "Deployment": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=spec_or_annotations_changed,
        prepare_status=keep_labels,
        prepare_create=drop_on_create("spec", "template", "spec"),
        prepare_update=drop_on_update("spec", "template", "spec"),
        validate=lambda obj: list(validate_deployment(obj)),
        validate_update=checked_first(validate_deployment, validate_selector_update),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_deployment_status(new, old)),
        warnings=of_template("spec", "template", watched=_watched),
    )
}
