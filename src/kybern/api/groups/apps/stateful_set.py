"""StatefulSet."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.groups.columns import AGE, CONTAINERS, IMAGES, NAME, age, names_and_images, status, template_spec
from kybern.api.groups.workload_warnings import of_template
from kybern.api.resource import Column, Object
from kybern.api.validation.names import label_name
from kybern.api.validation.stateful_set import (
    validate_stateful_set,
    validate_stateful_set_status,
    validate_stateful_set_update,
)

COLUMNS = (
    NAME,
    Column("Ready", description="Number of the pod with ready state"),
    AGE,
    CONTAINERS,
    IMAGES,
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    desired = (obj.get("spec") or {}).get("replicas") or 0
    return (
        obj["metadata"]["name"],
        f"{status(obj, 'readyReplicas')}/{desired}",
        age(obj, now),
        *names_and_images(template_spec(obj)),
    )


_template_warnings = of_template("spec", "template", names=False)


def _warnings(new: Object, old: Object | None) -> Sequence[str]:
    spec = new.get("spec") or {}
    revisions = spec.get("revisionHistoryLimit")
    negative = ["spec.revisionHistoryLimit: a negative value retains all historical revisions"]
    return [*_template_warnings(new, old), *(negative if revisions is not None and revisions < 0 else [])]


BEHAVIOUR = {
    "StatefulSet": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=spec_changed,
        validate=lambda obj: list(validate_stateful_set(obj)),
        validate_update=lambda new, old: list(validate_stateful_set_update(new, old)),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_stateful_set_status(new, old)),
        validate_name=label_name,
        warnings=_warnings,
    )
}
