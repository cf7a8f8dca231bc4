"""Dynamic resource allocation: DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, checked_first, keep_metadata, spec_changed
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Change, Column, Object
from kybern.api.validation.dynamic_resources import claim, claim_status, resource_slice
from kybern.api.validation.dynamic_resources.claim_status import allocated, device_id
from kybern.api.validation.names import long_name
from kybern.base.clock import format_time

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


def prepare_status(new: Object, old: Object, change: Change) -> None:
    """What drivers told of devices goes when those are given back."""
    keep_metadata(new, old)
    status = new.get("status") or {}
    gone = allocated(old.get("status") or {}) - allocated(status)
    devices = [device for device in status.get("devices") or () if device_id(device) not in gone]
    if devices:
        status["devices"] = devices
    else:
        status.pop("devices", None)


_OFF_VALUES = ("bools", "ints", "strings", "versions")


def prepare_slice(new: Object, change: Change) -> None:
    """Lists as attributes and what devices mean for a node's own resources are off by default: their fields go."""
    for device in (new.get("spec") or {}).get("devices") or ():
        for taint in device.get("taints") or ():
            taint.setdefault("timeAdded", format_time(change.now))
        device.pop("nodeAllocatableResourceMappings", None)
        for attribute in (device.get("attributes") or {}).values():
            for key in _OFF_VALUES:
                attribute.pop(key, None)


BEHAVIOUR = {
    "DeviceClass": Behaviour(
        columns=NAMED_COLUMNS,
        cells=named_cells,
        generation=spec_changed,
        validate=lambda obj: list(claim.validate_class(obj)),
        validate_name=lambda name, prefix: () if prefix else long_name(name, prefix),
    ),
    "ResourceClaim": Behaviour(
        columns=CLAIM_COLUMNS,
        cells=claim_cells,
        prepare_status=prepare_status,
        validate=lambda obj: list(claim.validate_claim(obj)),
        validate_update=lambda new, old: list(claim.validate_claim_update(new, old)),
        validate_on_update=False,
        validate_status=lambda new, old: list(claim_status.validate_claim_status(new, old)),
    ),
    "ResourceClaimTemplate": Behaviour(
        columns=NAMED_COLUMNS,
        cells=named_cells,
        validate=lambda obj: list(claim.validate_claim_template(obj)),
        validate_update=checked_first(claim.validate_claim_template, claim.validate_claim_update),
        validate_on_update=False,
    ),
    "ResourceSlice": Behaviour(
        columns=SLICE_COLUMNS,
        cells=slice_cells,
        selectable_fields={"spec.nodeName": _spec("nodeName"), "spec.driver": _spec("driver")},
        generation=spec_changed,
        prepare_create=prepare_slice,
        prepare_update=lambda new, old, change: prepare_slice(new, change),
        validate=lambda obj: list(resource_slice.validate_slice(obj)),
        validate_update=lambda new, old: list(resource_slice.validate_slice_update(new, old)),
        validate_on_update=False,
        warnings=resource_slice.warn_of_slice,
    ),
}
