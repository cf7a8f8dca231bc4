"""Which PersistentVolume suits a claim. Pure (k8s.io/component-helpers/storage/volume, pkg/controller/volume)."""

from collections.abc import Iterable

from kybern.api import quantity
from kybern.api.types.core_v1 import PersistentVolume, PersistentVolumeClaim
from kybern.api.types.storage_v1 import StorageClass
from kybern.client.selectors import matches

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONERS = ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner")
OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
DEFAULT_CLASSES = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def class_of(obj: PersistentVolume | PersistentVolumeClaim) -> str:
    """The name of its storage class; "" for none. The annotation is the form of before v1.6."""
    return obj.metadata.annotations.get(OLD_CLASS) or obj.spec.storage_class_name


def is_bound_to(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether the volume names the claim; one that an administrator wrote has no uid yet."""
    reference = volume.spec.claim_ref
    if reference is None or (reference.name, reference.namespace) != (claim.metadata.name, claim.metadata.namespace):
        return False
    return reference.uid in ("", claim.metadata.uid)


def size_of(volume: PersistentVolume) -> int:
    """Bytes."""
    return quantity.value(volume.spec.capacity.get("storage", "0"))


def asked_size(claim: PersistentVolumeClaim) -> int:
    """Bytes."""
    return quantity.value(claim.spec.resources.requests.get("storage", "0") if claim.spec.resources else "0")


def why_unfit(volume: PersistentVolume, claim: PersistentVolumeClaim) -> str:
    """Why a volume that a claim asks for by name cannot be its own; "" where it can."""
    if volume.metadata.deletion_timestamp:
        return f'the volume is marked for deletion "{volume.metadata.name}"'
    if size_of(volume) < asked_size(claim):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if volume.spec.volume_attributes_class_name != claim.spec.volume_attributes_class_name:
        return "volumeAttributesClassName does not match"
    if has_other_mode(volume, claim):
        return "incompatible volumeMode"
    if not set(claim.spec.access_modes) <= set(volume.spec.access_modes):
        return "incompatible accessMode"
    return ""


def has_other_mode(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    return (volume.spec.volume_mode or "Filesystem") != (claim.spec.volume_mode or "Filesystem")


def best_match(
    volumes: Iterable[PersistentVolume], claim: PersistentVolumeClaim, *, waits: bool
) -> PersistentVolume | None:
    """The volume that names the claim, else the smallest that is free and suits. `waits`: the scheduler chooses."""
    free: list[PersistentVolume] = []
    for volume in volumes:
        if is_bound_to(volume, claim):
            if size_of(volume) >= asked_size(claim) and not has_other_mode(volume, claim):
                return volume
            continue
        if waits or volume.spec.claim_ref is not None or volume.status.phase != "Available":
            continue
        selector = claim.spec.selector
        if not why_unfit(volume, claim) and (selector is None or matches(selector, volume.metadata.labels)):
            free.append(volume)
    return min(free, key=lambda each: (size_of(each), each.metadata.name), default=None)


def default_class(classes: Iterable[StorageClass]) -> StorageClass | None:
    """The youngest that says it is the default; of equally old ones the first by name."""
    named = [each for each in classes if any(each.metadata.annotations.get(key) == "true" for key in DEFAULT_CLASSES)]
    named.sort(key=lambda each: each.metadata.name)
    return max(named, key=lambda each: each.metadata.creation_timestamp, default=None)
