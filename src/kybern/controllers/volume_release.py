"""PersistentVolumes: their phase, and what becomes of one whose claim is gone (pkg/controller/volume/persistentvolume).

Kybern's controllers have no volume plugins of their own: an external provisioner deletes what it provisioned.
"""

from typing import Any

from kybern.api.types.core_v1 import PersistentVolume, PersistentVolumeClaim
from kybern.base.errors import NotFound
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Notice, Outcome, Patch, Plan
from kybern.client.watches import watch
from kybern.controllers.volume_matching import BOUND_BY_CONTROLLER, PROVISIONED_BY, has_other_mode
from kybern.trace import Verdict

NAME = "persistentvolume-controller"
WATCHES = watch(PersistentVolume).also(
    PersistentVolumeClaim,
    lambda claim, cluster: [
        Key("", each.metadata.name)
        for each in cluster.list(PersistentVolume)
        if each.metadata.name == claim.spec.volume_name
        or (
            each.spec.claim_ref is not None
            and (each.spec.claim_ref.namespace, each.spec.claim_ref.name)
            == (claim.metadata.namespace, claim.metadata.name)
        )
    ],
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    volume = cluster.get(PersistentVolume, key)
    if volume is None:
        return Done()
    reference = volume.spec.claim_ref
    claim = None
    if reference is not None and reference.uid:
        claim = cluster.get(PersistentVolumeClaim, Key(reference.namespace, reference.name))
        if claim is None or claim.metadata.uid != reference.uid:
            claim = await _live(cluster, reference.namespace, reference.name, reference.uid)
    return await cluster.apply(decide(volume, claim))


async def _live(cluster: Cluster, namespace: str, name: str, uid: str) -> PersistentVolumeClaim | None:
    """The claim as the server has it: data hangs on its absence, so the cache is not believed."""
    try:
        found = await cluster.client.get(PersistentVolumeClaim, name, namespace)
    except NotFound:
        return None
    return found if found.metadata.uid == uid else None


def decide(volume: PersistentVolume, claim: PersistentVolumeClaim | None) -> Plan:
    """Pure: the phase, and the end. `claim` is the one that the volume names, if it is there."""
    plan = Plan(volume)
    reference = volume.spec.claim_ref
    if reference is None or not reference.uid:
        _phase(plan, volume, "Available")
    elif claim is None:
        _release(plan, volume)
    elif not claim.spec.volume_name:
        if has_other_mode(volume, claim):
            name, own = claim.metadata.name, volume.metadata.name
            text = f'Cannot bind PersistentVolume to requested PersistentVolumeClaim "{name}" due to incompatible volumeMode.'
            plan.event("Warning", "VolumeMismatch", text)
            text = f'Cannot bind PersistentVolume "{own}" to requested PersistentVolumeClaim due to incompatible volumeMode.'
            plan.events.append(Notice(claim, "Warning", "VolumeMismatch", text))
    elif claim.spec.volume_name == volume.metadata.name:
        _phase(plan, volume, "Bound")
    elif PROVISIONED_BY in volume.metadata.annotations and volume.spec.persistent_volume_reclaim_policy == "Delete":
        _release(plan, volume)
    else:
        _unbind(plan, volume)
    return plan


def _release(plan: Plan, volume: PersistentVolume) -> None:
    """Its claim is gone: keep it, or have it deleted."""
    policy = volume.spec.persistent_volume_reclaim_policy
    if volume.status.phase not in ("Released", "Failed"):
        _phase(plan, volume, "Released")
        return
    if volume.status.phase == "Failed":
        return
    if policy == "Recycle":
        _fail(plan, volume, "VolumeFailedRecycle", "No recycler plugin found for the volume!")
    elif policy == "Delete" and (why := _why_not_deletable(volume)):
        _fail(plan, volume, "VolumeFailedDelete", why)


def _why_not_deletable(volume: PersistentVolume) -> str:
    """Why nobody deletes the volume; "" where an external provisioner does."""
    provisioner = volume.metadata.annotations.get(PROVISIONED_BY, "")
    if provisioner:
        matched = not provisioner.startswith("kubernetes.io/")
        return "" if matched else f"no volume plugin matched name: {provisioner}"
    if volume.spec.csi is not None:
        return ""
    name = volume.metadata.name
    return f'error getting deleter volume plugin for volume "{name}": no deletable volume plugin matched'


def _unbind(plan: Plan, volume: PersistentVolume) -> None:
    """The claim has another volume: this one is free again."""
    change: dict[str, Any] = {"spec": {"claimRef": None}}
    meta: dict[str, Any] = {"resourceVersion": volume.metadata.resource_version}
    if BOUND_BY_CONTROLLER in volume.metadata.annotations:
        meta["annotations"] = {BOUND_BY_CONTROLLER: None}
    else:  # An administrator's choice of a claim stays; only the uid goes.
        change = {"spec": {"claimRef": {"uid": None}}}
    plan.patches.append(Patch(volume, {"metadata": meta, **change}))
    plan.decide(Verdict.ACTED, "Unbind", "its claim is bound to another volume")


def _fail(plan: Plan, volume: PersistentVolume, reason: str, message: str) -> None:
    plan.event("Warning", reason, message)
    _phase(plan, volume, "Failed", message)


def _phase(plan: Plan, volume: PersistentVolume, phase: str, message: str = "") -> None:
    if volume.status.phase != phase:
        meta = {"resourceVersion": volume.metadata.resource_version}
        change = {"metadata": meta, "status": {"phase": phase, "message": message or None}}
        plan.patches.append(Patch(volume, change, subresource="status"))
        plan.decide(Verdict.ACTED, phase, message or f"it was {volume.status.phase or 'new'}")
