"""PersistentVolumeClaim."""

from collections.abc import Sequence
from typing import Any

from kybern.api import quantity
from kybern.api.groups.behaviour import Behaviour, checked_first
from kybern.api.groups.columns import AGE, NAME, UNSET, age, column
from kybern.api.groups.core.storage_cells import access_modes, storage_class
from kybern.api.resource import Change, Column, Object
from kybern.api.validation.core.persistent_volume_claim import (
    validate_claim,
    validate_claim_status,
    validate_claim_update,
)
from kybern.api.validation.core.volume_warnings import claim_warnings

COLUMNS = (
    NAME,
    column("Status", "core.v1.PersistentVolumeClaimStatus.phase"),
    column("Volume", "core.v1.PersistentVolumeClaimSpec.volumeName"),
    column("Capacity", "core.v1.PersistentVolumeClaimStatus.capacity"),
    column("Access Modes", "core.v1.PersistentVolumeClaimStatus.accessModes"),
    Column("StorageClass", description="StorageClass of the pvc"),
    Column("VolumeAttributesClass", description="VolumeAttributesClass of the pvc"),
    AGE,
    column("VolumeMode", "core.v1.PersistentVolumeClaimSpec.volumeMode", priority=1),
)
_SNAPSHOT_KINDS = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))


def normalize(spec: Object, old: Object) -> None:
    """dataSource and dataSourceRef mirror each other within the namespace.

    Who knows only dataSource has never had any but claims and snapshots there: others are dropped.
    """
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and reference is None:
        if not _plain(source) and old.get("dataSource") is None and old.get("dataSourceRef") is None:
            del spec["dataSource"]
        else:
            spec["dataSourceRef"] = dict(source)
    elif reference is not None and source is None and not reference.get("namespace"):
        spec["dataSource"] = {key: value for key, value in reference.items() if key != "namespace"}


def _plain(source: Object) -> bool:
    return (source.get("apiGroup") or "", source.get("kind")) in _SNAPSHOT_KINDS


def _drop_disabled(spec: Object, old: Object) -> None:
    """Data sources of other namespaces (CrossNamespaceVolumeDataSource) are not to be had."""
    if (spec.get("dataSourceRef") or {}).get("namespace") and "dataSourceRef" not in old:
        del spec["dataSourceRef"]


def prepare_create(obj: Object, change: Change) -> None:
    obj["status"] = {"phase": "Pending"}
    spec = obj.setdefault("spec", {})
    _drop_disabled(spec, {})
    normalize(spec, {})


def prepare_update(new: Object, old: Object, change: Change) -> None:
    spec, known = new.setdefault("spec", {}), old.get("spec") or {}
    _drop_disabled(spec, known)
    normalize(spec, known)


def cells(obj: Object, now: float) -> Sequence[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    bound = bool(spec.get("volumeName"))
    return (
        obj["metadata"]["name"],
        "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", ""),
        spec.get("volumeName", ""),
        quantity.canonical((status.get("capacity") or {}).get("storage", "0")) if bound else "",
        access_modes(status.get("accessModes")) if bound else "",
        storage_class(obj),
        spec.get("volumeAttributesClassName") or UNSET,
        age(obj, now),
        spec.get("volumeMode") or UNSET,
    )


BEHAVIOUR = {
    "PersistentVolumeClaim": Behaviour(
        columns=COLUMNS,
        cells=cells,
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        validate=lambda obj: list(validate_claim(obj)),
        warnings=lambda new, old: list(claim_warnings(new)),
        validate_update=checked_first(validate_claim, validate_claim_update),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_claim_status(new, old)),
    )
}
