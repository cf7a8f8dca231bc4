"""Dynamic resource allocation: DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, keep_metadata, spec_changed
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Column, Object
from kybern.api.validation import device as rules

NAMED_COLUMNS = (NAME, AGE)
CLAIM_COLUMNS = (
    NAME,
    Column("State", description="A summary of the current state (allocated, pending, reserved, etc.)."),
    AGE,
)
SLICE_COLUMNS = (
    NAME,
    column("Node", "resource.v1.ResourceSliceSpec.nodeName"),
    column("Driver", "resource.v1.ResourceSliceSpec.driver"),
    column("Pool", "resource.v1.ResourcePool.name"),
    AGE,
)


def named_cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], age(obj, now)


def claim_cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], _state(obj), age(obj, now)


def _state(claim: Object) -> str:
    status, deleted = claim.get("status") or {}, bool(claim["metadata"].get("deletionTimestamp"))
    states = ["deleted"] if deleted else []
    if status.get("allocation") is None:
        states += [] if deleted else ["pending"]
    else:
        states += ["allocated", "reserved"] if status.get("reservedFor") else ["allocated"]
    return ",".join(states)


def slice_cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    return (
        obj["metadata"]["name"],
        spec.get("nodeName") or "",
        spec.get("driver") or "",
        (spec.get("pool") or {}).get("name") or "",
        age(obj, now),
    )


def _spec(key: str) -> Any:
    return lambda obj: (obj.get("spec") or {}).get(key) or ""


BEHAVIOUR = {
    "DeviceClass": Behaviour(
        columns=NAMED_COLUMNS,
        cells=named_cells,
        generation=spec_changed,
        validate=lambda obj: list(rules.validate_class(obj)),
    ),
    "ResourceClaim": Behaviour(
        columns=CLAIM_COLUMNS,
        cells=claim_cells,
        prepare_status=keep_metadata,
        validate=lambda obj: list(rules.validate_claim(obj)),
        validate_update=lambda new, old: list(rules.validate_claim_update(new, old)),
        validate_status=lambda new, old: list(rules.validate_claim_status(new, old)),
    ),
    "ResourceClaimTemplate": Behaviour(
        columns=NAMED_COLUMNS,
        cells=named_cells,
        validate=lambda obj: list(rules.validate_claim_template(obj)),
        validate_update=lambda new, old: list(rules.validate_claim_update(new, old)),
    ),
    "ResourceSlice": Behaviour(
        columns=SLICE_COLUMNS,
        cells=slice_cells,
        selectable_fields={"spec.nodeName": _spec("nodeName"), "spec.driver": _spec("driver")},
        generation=spec_changed,
        validate=lambda obj: list(rules.validate_slice(obj)),
        validate_update=lambda new, old: list(rules.validate_slice_update(new, old)),
    ),
}
