"""StatefulSet."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.groups.columns import AGE, CONTAINERS, IMAGES, NAME, age, names_and_images, status, template_spec
from kybern.api.groups.disabled_fields import drop_from_pod_spec
from kybern.api.groups.workload_warnings import of_template
from kybern.api.resource import Change, Column, Object
from kybern.api.validation.core.volume_warnings import claim_spec_warnings
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


def prepare_create(obj: Object, change: Change) -> None:
    _drop_disabled(obj, {})


def prepare_update(new: Object, old: Object, change: Change) -> None:
    _drop_disabled(new, old)


def _drop_disabled(new: Object, old: Object) -> None:
    """MaxUnavailableStatefulSet is off in v1.36."""
    drop_from_pod_spec(template_spec(new), template_spec(old))
    rolling, before = (
        ((obj.get("spec") or {}).get("updateStrategy") or {}).get("rollingUpdate") or {} for obj in (new, old)
    )
    if "maxUnavailable" in rolling and "maxUnavailable" not in before:
        del rolling["maxUnavailable"]


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
    claims = [
        warning
        for index, claim in enumerate(spec.get("volumeClaimTemplates") or ())
        for warning in claim_spec_warnings(
            claim.get("spec") or {}, f"spec.volumeClaimTemplates[{index}]{'' if old is None else '.Spec'}"
        )
    ]
    negative = [
        "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
    ]
    return [*_template_warnings(new, old), *claims, *(negative if revisions is not None and revisions < 0 else [])]


BEHAVIOUR = {
    "StatefulSet": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=spec_changed,
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        validate=lambda obj: list(validate_stateful_set(obj)),
        validate_update=lambda new, old: list(validate_stateful_set_update(new, old)),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_stateful_set_status(new, old)),
        validate_name=label_name,
        warnings=_warnings,
    )
}
