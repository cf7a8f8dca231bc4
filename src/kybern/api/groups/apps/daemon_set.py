"""DaemonSet."""

from collections.abc import Sequence
from typing import Any

from kybern.api.defaults.apps import TEMPLATE_GENERATION
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
from kybern.api.groups.disabled_fields import drop_from_pod_spec
from kybern.api.groups.workload_warnings import of_template
from kybern.api.resource import Change, Object
from kybern.api.selectors import format_map, format_struct
from kybern.api.validation.workloads import validate_daemon_set, validate_daemon_set_status, validate_selector_update

COLUMNS = (
    NAME,
    column("Desired", "apps.v1.DaemonSetStatus.desiredNumberScheduled", "integer"),
    column("Current", "apps.v1.DaemonSetStatus.currentNumberScheduled", "integer"),
    column("Ready", "apps.v1.DaemonSetStatus.numberReady", "integer"),
    column("Up-to-date", "apps.v1.DaemonSetStatus.updatedNumberScheduled", "integer"),
    column("Available", "apps.v1.DaemonSetStatus.numberAvailable", "integer"),
    column("Node Selector", "core.v1.PodSpec.nodeSelector"),
    AGE,
    CONTAINERS,
    IMAGES,
    column("Selector", "apps.v1.DaemonSetSpec.selector", priority=1),
)
COUNTS = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)


def prepare_create(obj: Object, change: Change) -> None:
    _annotate(obj, max(1, _template_generation(obj)))
    drop_from_pod_spec(template_spec(obj), {})


def prepare_update(new: Object, old: Object, change: Change) -> None:
    drop_from_pod_spec(template_spec(new), template_spec(old))
    before = _template_generation(old)
    _annotate(new, before + 1 if _template(new) != _template(old) else before)


def prepare_status(new: Object, old: Object, change: Change) -> None:
    """It belongs to the spec, which a status leaves as it is."""
    _annotate(new, _template_generation(old))


def _template(obj: Object) -> Any:
    return (obj.get("spec") or {}).get("template")


def _template_generation(obj: Object) -> int:
    try:
        return int((obj["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "0"))
    except ValueError:
        return 0


def _annotate(obj: Object, generation: int) -> None:
    annotations = obj["metadata"].get("annotations") or {}
    obj["metadata"]["annotations"] = {**annotations, TEMPLATE_GENERATION: str(generation)}


def cells(obj: Object, now: float) -> Sequence[Any]:
    return (
        obj["metadata"]["name"],
        *(status(obj, count) for count in COUNTS),
        format_map(template_spec(obj).get("nodeSelector")),
        age(obj, now),
        *names_and_images(template_spec(obj)),
        format_struct((obj.get("spec") or {}).get("selector")),
    )


BEHAVIOUR = {
    "DaemonSet": Behaviour(
        columns=COLUMNS,
        cells=cells,
        internal_annotations=frozenset((TEMPLATE_GENERATION,)),
        generation=spec_changed,
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        prepare_status=prepare_status,
        validate=lambda obj: list(validate_daemon_set(obj)),
        validate_update=lambda new, old: list(validate_selector_update(new, old)),
        validate_status=lambda new, old: list(validate_daemon_set_status(new, old)),
        warnings=of_template("spec", "template", names=False, watched=_template),
    )
}
