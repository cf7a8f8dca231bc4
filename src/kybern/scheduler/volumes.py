"""VolumeBinding: where a Pod's claims allow it to run, and what has to be written so that unbound ones get volumes.

Bound claims must fit the node affinity of their volumes. Unbound ones of a class with WaitForFirstConsumer either find
a volume that is there, or, where the class has a provisioner, wait for one made for the node that was selected.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kybern.api.types.core_v1 import PersistentVolume, PersistentVolumeClaim
from kybern.api.types.storage_v1 import StorageClass
from kybern.scheduler.columns import Mask, np
from kybern.scheduler.filters.node_affinity import term_mask
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.pods import amount
from kybern.scheduler.reasons import VolumeMask
from kybern.scheduler.selectors import from_label_selector, from_node_term, matches
from kybern.scheduler.shape import PodRequest

SELECTED_NODE = "volume.kubernetes.io/selected-node"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
REASON_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
REASON_NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
REASON_UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass(frozen=True, slots=True)
class VolumeView:
    """The objects that decide (from caches)."""

    claim: Callable[[str, str], PersistentVolumeClaim | None]
    """(namespace, name)"""
    volume: Callable[[str], PersistentVolume | None]
    volumes: Callable[[], list[PersistentVolume]]
    storage_class: Callable[[str], StorageClass | None]


@dataclass(frozen=True, slots=True)
class VolumeChoice:
    """What the volumes say: a reason that holds everywhere, or a mask and the claims that wait for their consumer."""

    whole: str = ""
    mask: VolumeMask | None = None
    waiting: tuple[PersistentVolumeClaim, ...] = ()


def choose(request: PodRequest, view: VolumeView, table: NodeTable) -> VolumeChoice:
    """Pods without claims are not asked about here."""
    allowed = table.live.copy()
    conflict, missing = np.zeros(table.capacity, np.bool_), np.zeros(table.capacity, np.bool_)
    waiting: list[PersistentVolumeClaim] = []
    for name in request.claims:
        claim = view.claim(request.namespace, name)
        if claim is None:
            return VolumeChoice(whole=f'persistentvolumeclaim "{name}" not found')
        if claim.metadata.deletion_timestamp:
            return VolumeChoice(whole=f'persistentvolumeclaim "{name}" is being deleted')
        if claim.status.phase == "Lost":
            return VolumeChoice(
                whole=f'persistentvolumeclaim "{name}" bound to non-existent '
                f'persistentvolume "{claim.spec.volume_name}"'
            )
        if claim.spec.volume_name:
            conflict |= ~_reachable(view.volume(claim.spec.volume_name), table)
            continue
        storage_class = view.storage_class(claim.spec.storage_class_name)
        if storage_class is None or storage_class.volume_binding_mode != "WaitForFirstConsumer":
            return VolumeChoice(whole=REASON_UNBOUND)
        waiting.append(claim)
        if storage_class.provisioner == NO_PROVISIONER:
            missing |= ~_findable(claim, view, table)
    allowed &= ~(conflict | missing)
    reasons = ((REASON_CONFLICT, conflict), (REASON_NO_VOLUME, missing))
    return VolumeChoice(mask=VolumeMask(allowed, reasons), waiting=tuple(waiting))


def _reachable(volume: PersistentVolume | None, table: NodeTable) -> Mask:
    """The nodes that the volume's affinity allows."""
    if volume is None:
        return np.zeros(table.capacity, np.bool_)
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return table.live
    result = np.zeros(table.capacity, np.bool_)
    for term in affinity.required.node_selector_terms:
        result |= term_mask(from_node_term(term), table)
    return result


def _findable(claim: PersistentVolumeClaim, view: VolumeView, table: NodeTable) -> Mask:
    """The nodes from which some free volume suits the claim."""
    result = np.zeros(table.capacity, np.bool_)
    for volume in view.volumes():
        if _suits(claim, volume):
            result |= _reachable(volume, table)
    return result


def _suits(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """Free (or kept for this claim), of its class and mode, large enough, and with its access modes and labels."""
    spec, wanted = volume.spec, claim.spec
    reference = spec.claim_ref
    if reference is not None:
        if (reference.namespace, reference.name) != (claim.metadata.namespace, claim.metadata.name):
            return False
    elif volume.status.phase not in ("", "Available"):
        return False
    if spec.storage_class_name != wanted.storage_class_name:
        return False
    if (spec.volume_mode or "Filesystem") != (wanted.volume_mode or "Filesystem"):
        return False
    if not set(wanted.access_modes) <= set(spec.access_modes):
        return False
    selector = from_label_selector(wanted.selector)
    if selector is not None and not matches(selector, volume.metadata.labels):
        return False
    requests: Mapping[str, str] = wanted.resources.requests if wanted.resources else {}
    return amount("storage", spec.capacity.get("storage", "0")) >= amount("storage", requests.get("storage", "0"))
