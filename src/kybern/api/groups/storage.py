"""storage.k8s.io/v1."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, checked_first, keep_metadata, spec_changed
from kybern.api.groups.columns import AGE, NAME, NONE, UNSET, age, column
from kybern.api.resource import Change, Column, Object
from kybern.api.validation import storage as rules

CLASS_COLUMNS = (
    NAME,
    column("Provisioner", "storage.v1.StorageClass.provisioner"),
    column("ReclaimPolicy", "storage.v1.StorageClass.reclaimPolicy"),
    column("VolumeBindingMode", "storage.v1.StorageClass.volumeBindingMode"),
    column("AllowVolumeExpansion", "storage.v1.StorageClass.allowVolumeExpansion"),
    AGE,
)
ATTRIBUTES_COLUMNS = (
    NAME,
    column("DriverName", "storage.v1.VolumeAttributesClass.driverName"),
    AGE,
)
ATTACHMENT_COLUMNS = (
    NAME,
    column("Attacher", "storage.v1.VolumeAttachmentSpec.attacher", format="name"),
    column("PV", "storage.v1.VolumeAttachmentSource.persistentVolumeName"),
    column("Node", "storage.v1.VolumeAttachmentSpec.nodeName"),
    column("Attached", "storage.v1.VolumeAttachmentStatus.attached", "boolean"),
    AGE,
)
DRIVER_COLUMNS = (
    NAME,
    column("AttachRequired", "storage.v1.CSIDriverSpec.attachRequired", "boolean"),
    column("PodInfoOnMount", "storage.v1.CSIDriverSpec.podInfoOnMount", "boolean"),
    column("StorageCapacity", "storage.v1.CSIDriverSpec.storageCapacity", "boolean"),
    column("TokenRequests", "storage.v1.CSIDriverSpec.tokenRequests"),
    column("RequiresRepublish", "storage.v1.CSIDriverSpec.requiresRepublish", "boolean"),
    column("Modes", "storage.v1.CSIDriverSpec.volumeLifecycleModes"),
    AGE,
)
NODE_COLUMNS = (
    NAME,
    Column("Drivers", "integer", description="Drivers indicates the number of CSI drivers registered on the node"),
    AGE,
)
DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def class_cells(obj: Object, now: float) -> Sequence[Any]:
    annotations = obj["metadata"].get("annotations") or {}
    default = " (default)" if any(annotations.get(key) == "true" for key in DEFAULT_CLASS) else ""
    return (
        obj["metadata"]["name"] + default,
        obj.get("provisioner") or "",
        obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode", "Immediate"),
        bool(obj.get("allowVolumeExpansion")),
        age(obj, now),
    )


def attributes_cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], obj.get("driverName") or "", age(obj, now)


def attachment_cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    return (
        obj["metadata"]["name"],
        spec.get("attacher") or "",
        (spec.get("source") or {}).get("persistentVolumeName") or "",
        spec.get("nodeName") or "",
        bool((obj.get("status") or {}).get("attached")),
        age(obj, now),
    )


def driver_cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    attach, tokens = spec.get("attachRequired"), spec.get("tokenRequests")
    return (
        obj["metadata"]["name"],
        True if attach is None else attach,
        bool(spec.get("podInfoOnMount")),
        bool(spec.get("storageCapacity")),
        UNSET if tokens is None else ",".join(request.get("audience") or "" for request in tokens),
        bool(spec.get("requiresRepublish")),
        ",".join(spec.get("volumeLifecycleModes") or ()) or NONE,
        age(obj, now),
    )


def node_cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], len((obj.get("spec") or {}).get("drivers") or ()), age(obj, now)


def prepare_driver(new: Object, old: Object, change: Change) -> None:
    """Limits of volumes that scale are off by default: their field goes, unless it is there already."""
    if (old.get("spec") or {}).get(_SCALING) is None:
        (new.get("spec") or {}).pop(_SCALING, None)


_SCALING = "preventPodSchedulingIfMissing"

BEHAVIOUR = {
    "StorageClass": Behaviour(
        columns=CLASS_COLUMNS,
        cells=class_cells,
        validate=lambda obj: list(rules.validate_storage_class(obj)),
        validate_update=checked_first(rules.validate_storage_class, rules.validate_storage_class_update),
        validate_on_update=False,
    ),
    "VolumeAttributesClass": Behaviour(
        columns=ATTRIBUTES_COLUMNS,
        cells=attributes_cells,
        validate=lambda obj: list(rules.validate_attributes_class(obj)),
        validate_update=lambda new, old: list(rules.validate_attributes_class_update(new, old)),
    ),
    "VolumeAttachment": Behaviour(
        columns=ATTACHMENT_COLUMNS,
        cells=attachment_cells,
        validate=lambda obj: list(rules.validate_attachment(obj)),
        validate_update=lambda new, old: list(rules.validate_attachment_update(new, old)),
        validate_on_update=False,
        prepare_status=keep_metadata,
        validate_status=lambda new, old: list(rules.validate_attachment_update(new, old)),
        unconditional_update=False,
    ),
    "CSIDriver": Behaviour(
        columns=DRIVER_COLUMNS,
        cells=driver_cells,
        generation=spec_changed,
        first_generation=0,
        prepare_create=lambda obj, change: prepare_driver(obj, {}, change),
        prepare_update=prepare_driver,
        validate=lambda obj: list(rules.validate_driver(obj)),
        validate_update=checked_first(rules.validate_driver, rules.validate_driver_update),
        warnings=rules.warn_of_tokens,
        validate_on_update=False,
        unconditional_update=False,
    ),
    "CSINode": Behaviour(
        columns=NODE_COLUMNS,
        cells=node_cells,
        validate=lambda obj: list(rules.validate_csi_node(obj)),
        validate_update=checked_first(rules.validate_csi_node, rules.validate_csi_node_update),
        validate_on_update=False,
        unconditional_update=False,
    ),
    "CSIStorageCapacity": Behaviour(
        validate=lambda obj: list(rules.validate_capacity(obj)),
        validate_update=checked_first(rules.validate_capacity, rules.validate_capacity_update),
        validate_on_update=False,
        unconditional_update=False,
    ),
}
