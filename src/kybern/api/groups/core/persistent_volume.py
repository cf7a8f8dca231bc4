"""PersistentVolume."""

from collections.abc import Sequence
from typing import Any

from kybern.api import quantity
from kybern.api.groups.behaviour import Behaviour, checked_first
from kybern.api.groups.columns import AGE, NAME, UNSET, age, column
from kybern.api.groups.core.storage_cells import access_modes, storage_class
from kybern.api.resource import Change, Column, Object
from kybern.api.validation.core.persistent_volume import validate_volume, validate_volume_update
from kybern.api.validation.core.volume_warnings import persistent_volume_warnings
from kybern.base.clock import format_time

COLUMNS = (
    NAME,
    column("Capacity", "core.v1.PersistentVolumeSpec.capacity"),
    column("Access Modes", "core.v1.PersistentVolumeSpec.accessModes"),
    column("Reclaim Policy", "core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy"),
    column("Status", "core.v1.PersistentVolumeStatus.phase"),
    column("Claim", "core.v1.PersistentVolumeSpec.claimRef"),
    Column("StorageClass", description="StorageClass of the pv"),
    Column("VolumeAttributesClass", description="VolumeAttributesClass of the pv"),
    column("Reason", "core.v1.PersistentVolumeStatus.reason"),
    AGE,
    column("VolumeMode", "core.v1.PersistentVolumeSpec.volumeMode", priority=1),
)


def prepare_create(obj: Object, change: Change) -> None:
    obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": format_time(change.now)}


def prepare_status(new: Object, old: Object, change: Change) -> None:
    """The time of the last change of phase is the server's to tell."""
    status, before = new.setdefault("status", {}), old.get("status") or {}
    since, known = status.get("lastPhaseTransitionTime"), before.get("lastPhaseTransitionTime")
    if status.get("phase") == before.get("phase"):
        if since is None and known is not None:
            status["lastPhaseTransitionTime"] = known
    elif since in (None, known):
        status["lastPhaseTransitionTime"] = format_time(change.now)


def cells(obj: Object, now: float) -> Sequence[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    claim = spec.get("claimRef")
    return (
        obj["metadata"]["name"],
        quantity.canonical((spec.get("capacity") or {}).get("storage", "0")),
        access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", ""),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        storage_class(obj),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason", ""),
        age(obj, now),
        spec.get("volumeMode") or UNSET,
    )


BEHAVIOUR = {
    "PersistentVolume": Behaviour(
        columns=COLUMNS,
        cells=cells,
        prepare_create=prepare_create,
        prepare_status=prepare_status,
        validate=lambda obj: list(validate_volume(obj)),
        warnings=lambda new, old: list(persistent_volume_warnings(new)),
        validate_update=checked_first(validate_volume, validate_volume_update),
        validate_on_update=False,
    )
}
