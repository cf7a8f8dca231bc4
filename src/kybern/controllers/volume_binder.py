"""PersistentVolumeClaims: finds each its volume, or says what it waits for (pkg/controller/volume/persistentvolume).

A binding is made in steps, each of which is seen in the caches before the next: the volume names the claim, the claim
names the volume, the claim's status says Bound. Whatever is interrupted goes on from what is written.
"""

from collections.abc import Iterable
from typing import Any

import orjson
from msgspec.structs import replace

from kybern.api.types import resource_of
from kybern.api.types.core_v1 import PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod
from kybern.api.types.storage_v1 import StorageClass
from kybern.client.client import path_of
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, key_of
from kybern.client.plan import Done, Outcome, Patch, Plan
from kybern.client.watches import watch
from kybern.controllers.volume_claims import USED_CLAIM, claims_used
from kybern.controllers.volume_matching import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    PROVISIONERS,
    SELECTED_NODE,
    best_match,
    class_of,
    default_class,
    is_bound_to,
    why_unfit,
)
from kybern.trace import Verdict

NAME = "persistentvolume-controller"
WORKERS = 1
"""One at a time, so that no two claims choose one volume."""
RETRY_SECONDS = 15.0
"""After which an unbound claim is looked at again (upstream's sync period)."""


def claims_of(volume: PersistentVolume, cluster: Cluster) -> Iterable[Key]:
    """The claim that a volume names; of a free volume all that look for one."""
    reference = volume.spec.claim_ref
    if reference is not None:
        return [Key(reference.namespace, reference.name)]
    name = volume.metadata.name
    unbound = (each for each in cluster.list(PersistentVolumeClaim) if each.status.phase != "Bound")
    return [key_of(each) for each in unbound if each.spec.volume_name in ("", name)]


WATCHES = (
    watch(PersistentVolumeClaim)
    .also(PersistentVolume, claims_of)
    .also(
        PersistentVolume,
        lambda volume, cluster: [
            key_of(each)
            for each in cluster.list(PersistentVolumeClaim)
            if each.spec.volume_name == volume.metadata.name
        ],
    )
    .also(
        StorageClass,
        lambda storage_class, cluster: [
            key_of(each) for each in cluster.list(PersistentVolumeClaim) if not each.spec.volume_name
        ],
    )
    .reads(Pod)
    .indexed(Pod, USED_CLAIM, claims_used)
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """The next step of a binding, or the reason why there is none."""
    claim = cluster.get(PersistentVolumeClaim, key)
    if claim is None:
        return Done()
    volumes = {each.metadata.name: each for each in cluster.list(PersistentVolume)}
    if BIND_COMPLETED in claim.metadata.annotations:
        return await cluster.apply(decide_bound(claim, volumes.get(claim.spec.volume_name)))
    if claim.spec.volume_name:
        return await cluster.apply(decide_asked(claim, volumes.get(claim.spec.volume_name)))
    classes = {each.metadata.name: each for each in cluster.list(StorageClass)}
    name = class_of(claim)
    storage_class = classes.get(name)
    waits = storage_class is not None and storage_class.volume_binding_mode == "WaitForFirstConsumer"
    volume = best_match(volumes.values(), claim, waits=waits and SELECTED_NODE not in claim.metadata.annotations)
    if volume is not None:
        return await cluster.apply(decide_binding(claim, volume))
    if not name and (chosen := default_class(classes.values())) and await _names_no_class(cluster, key):
        plan = Plan(claim)
        plan.patches.append(_patch(claim, {"spec": {"storageClassName": chosen.metadata.name}}))
        plan.decide(Verdict.ACTED, "DefaultClass", f"it takes the default class {chosen.metadata.name}")
        return await cluster.apply(plan)
    pods = [
        pod for pod in cluster.by_index(Pod, USED_CLAIM, str(key)) if pod.status.phase not in ("Succeeded", "Failed")
    ]
    return await cluster.apply(decide_waiting(claim, storage_class, waits, pods))


async def _names_no_class(cluster: Cluster, key: Key) -> bool:
    """Whether the claim leaves its class open; the empty name, which typed objects do not tell apart, is a choice."""
    resource = path_of(resource_of(PersistentVolumeClaim), key.namespace, key.name)
    plain = orjson.loads(await cluster.client.call("GET", resource))
    return plain["spec"].get("storageClassName") is None


def decide_bound(claim: PersistentVolumeClaim, volume: PersistentVolume | None) -> Plan:
    """Pure: a claim that was bound once stays so, or has lost its volume."""
    plan = Plan(claim)
    if volume is None:
        whose = "its PersistentVolume" if claim.spec.volume_name else "reference to PersistentVolume"
        _lose(plan, claim, "ClaimLost", f"Bound claim has lost {whose}. Data on the volume is lost!")
    elif volume.spec.claim_ref is None or volume.spec.claim_ref.uid == claim.metadata.uid:
        return decide_binding(claim, volume)
    else:
        _lose(plan, claim, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly")
    return plan


def decide_asked(claim: PersistentVolumeClaim, volume: PersistentVolume | None) -> Plan:
    """Pure: a claim that names its volume gets that one or none."""
    plan = Plan(claim)
    if volume is None:
        plan.decide(Verdict.WAITED, "NoVolume", f"the volume {claim.spec.volume_name} is not there yet")
    elif is_bound_to(volume, claim):
        return decide_binding(claim, volume)
    elif volume.spec.claim_ref is None:
        why = why_unfit(volume, claim)
        if not why:
            return decide_binding(claim, volume)
        _tell(plan, "Warning", "VolumeMismatch", f'Cannot bind to requested volume "{volume.metadata.name}": {why}')
    else:
        text = f'volume "{volume.metadata.name}" already bound to a different claim.'
        _tell(plan, "Warning", "FailedBinding", text)
    _pend(plan, claim)
    return plan


def decide_binding(claim: PersistentVolumeClaim, volume: PersistentVolume) -> Plan:
    """Pure: the next step of binding these two."""
    plan = Plan(claim)
    meta, reference = claim.metadata, volume.spec.claim_ref
    if reference is None or reference.uid != meta.uid:
        change: dict[str, Any] = {"spec": {"claimRef": _reference(claim)}}
        if reference is None:
            change["metadata"] = {"annotations": {BOUND_BY_CONTROLLER: "yes"}}
        plan.patches.append(_patch(volume, change))
        plan.decide(Verdict.ACTED, "Bind", f"the volume {volume.metadata.name} becomes its own")
    elif claim.spec.volume_name != volume.metadata.name or BIND_COMPLETED not in meta.annotations:
        annotations = {BIND_COMPLETED: "yes"}
        if claim.spec.volume_name != volume.metadata.name:
            annotations[BOUND_BY_CONTROLLER] = "yes"
        change = {"metadata": {"annotations": annotations}, "spec": {"volumeName": volume.metadata.name}}
        plan.patches.append(_patch(claim, change))
        plan.decide(Verdict.ACTED, "Bind", f"it names the volume {volume.metadata.name}")
    else:
        status = replace(
            claim.status,
            phase="Bound",
            access_modes=volume.spec.access_modes,
            capacity=claim.status.capacity if claim.status.phase == "Bound" else volume.spec.capacity,
            current_volume_attributes_class_name=volume.spec.volume_attributes_class_name,
        )
        _report(plan, claim, status)
    return plan


def decide_waiting(
    claim: PersistentVolumeClaim, storage_class: StorageClass | None, waits: bool, pods: Iterable[Pod]
) -> Plan:
    """Pure: say what a claim without a volume waits for."""
    plan = Plan(claim)
    name = class_of(claim)
    if waits and SELECTED_NODE not in claim.metadata.annotations:
        names = sorted(pod.metadata.name for pod in pods if not pod.spec.node_name)
        if names:
            text = f"waiting for pod{'s' if len(names) > 1 else ''} {','.join(names)} to be scheduled"
            _tell(plan, "Normal", "WaitForPodScheduled", text)
        else:
            text = "waiting for first consumer to be created before binding"
            _tell(plan, "Normal", "WaitForFirstConsumer", text)
    elif not name:
        text = "no persistent volumes available for this claim and no storage class is set"
        _tell(plan, "Normal", "FailedBinding", text)
    elif storage_class is None:
        _tell(plan, "Warning", "ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found')
    elif storage_class.provisioner.startswith("kubernetes.io/"):
        text = f"no volume plugin matched name: {storage_class.provisioner}"
        _tell(plan, "Warning", "ProvisioningFailed", text)
    else:
        provisioner = storage_class.provisioner
        if any(claim.metadata.annotations.get(each) != provisioner for each in PROVISIONERS):
            annotations = {"metadata": {"annotations": dict.fromkeys(PROVISIONERS, provisioner)}}
            plan.patches.append(_patch(claim, annotations))
        text = (
            f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
            "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
            "correctly registered."
        )
        _tell(plan, "Normal", "ExternalProvisioning", text)
    _pend(plan, claim)
    return plan


def _tell(plan: Plan, type: str, reason: str, message: str) -> None:
    """An event and a decision; it is told again while it lasts."""
    plan.event(type, reason, message)
    plan.decide(Verdict.WAITED if type == "Normal" else Verdict.REFUSED, reason, message)
    plan.requeue(RETRY_SECONDS)


def _pend(plan: Plan, claim: PersistentVolumeClaim) -> None:
    if claim.status.phase != "Pending":
        _report(plan, claim, replace(claim.status, phase="Pending", access_modes=[], capacity={}))


def _lose(plan: Plan, claim: PersistentVolumeClaim, reason: str, message: str) -> None:
    if claim.status.phase != "Lost":
        plan.event("Warning", reason, message)
        plan.decide(Verdict.FAILED, reason, message)
        _report(plan, claim, replace(claim.status, phase="Lost", access_modes=[], capacity={}))


def _report(plan: Plan, claim: PersistentVolumeClaim, status: PersistentVolumeClaimStatus) -> None:
    """Only the fields of the binding: the typed object does not tell an empty class from none."""
    if status != claim.status:
        change = {
            "phase": status.phase,
            "accessModes": status.access_modes or None,
            "capacity": status.capacity or None,
        }
        if status.current_volume_attributes_class_name:
            change["currentVolumeAttributesClassName"] = status.current_volume_attributes_class_name
        plan.patches.append(replace_subresource(_patch(claim, {"status": change})))


def replace_subresource(patch: Patch) -> Patch:
    """The same, of the status."""
    return Patch(patch.obj, patch.patch, patch.content_type, "status", patch.missing_ok)


def _patch(obj: PersistentVolume | PersistentVolumeClaim, change: dict[str, Any]) -> Patch:
    """A merge patch of exactly this version."""
    meta = {"resourceVersion": obj.metadata.resource_version, **change.get("metadata", {})}
    return Patch(obj, {**change, "metadata": meta})


def _reference(claim: PersistentVolumeClaim) -> dict[str, str]:
    meta = claim.metadata
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": meta.namespace,
        "name": meta.name,
        "uid": meta.uid,
        "resourceVersion": meta.resource_version,
    }
