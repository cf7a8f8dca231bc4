"""ResourceClaims are released: of Pods that are gone or have ended, and with the last of them the devices (KEP-4381).

A claim made for a Pod goes when the Pod has ended. What consumes a claim and is no Pod is left alone.
Source: pkg/controller/resourceclaim.
"""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from kybern.api.types.core_v1 import Pod
from kybern.api.types.resource_v1 import ResourceClaim, ResourceClaimConsumerReference
from kybern.base.errors import NotFound
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, controller_of
from kybern.client.plan import Delete, Done, Outcome, Patch, Plan
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "resourceclaim-controller"
REPORTER = "resource_claim"
FINALIZER = "resource.kubernetes.io/delete-protection"
"""Held by a claim while devices are allocated for it."""


def _claims(pod: Pod, cluster: Cluster) -> Iterable[Key]:
    named = {each.resource_claim_name for each in pod.spec.resource_claims}
    made = {each.resource_claim_name for each in pod.status.resource_claim_statuses}
    return [Key(pod.metadata.namespace, name) for name in (named | made) - {""}]


WATCHES = watch(ResourceClaim).also(Pod, _claims)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Release what nobody uses any more."""
    claim = cluster.get(ResourceClaim, key)
    if claim is None:
        return Done()
    left = [each for each in claim.status.reserved_for if await _is_used(cluster, key.namespace, each)]
    owner = _owning_pod(cluster, claim)
    changed = decide_status(claim, left)
    if changed is not None:
        claim = await cluster.client.update(changed, subresource="status")
    return await cluster.apply(decide(claim, left, owner, released=changed is not None))


async def _is_used(cluster: Cluster, namespace: str, consumer: ResourceClaimConsumerReference) -> bool:
    """A Pod that the cache lacks is looked for at the server: it may be newer than the cache."""
    if consumer.api_group or consumer.resource != "pods":
        return True
    pod = cluster.get(Pod, Key(namespace, consumer.name))
    if pod is None:
        try:
            pod = await cluster.client.get(Pod, consumer.name, namespace)
        except NotFound:
            return False
        return pod.metadata.uid == consumer.uid
    return pod.metadata.uid == consumer.uid and not has_ended(pod)


def has_ended(pod: Pod) -> bool:
    """Nothing of it will run any more."""
    unscheduled = bool(pod.metadata.deletion_timestamp) and not pod.spec.node_name
    return pod.status.phase in ("Succeeded", "Failed") or unscheduled


def _owning_pod(cluster: Cluster, claim: ResourceClaim) -> Pod | None:
    """The Pod of the name for which the claim was made; it may be another's successor."""
    owner = controller_of(claim)
    if owner is None or (owner.api_version, owner.kind) != ("v1", "Pod"):
        return None
    return cluster.get(Pod, Key(claim.metadata.namespace, owner.name))


def decide_status(claim: ResourceClaim, left: Collection[ResourceClaimConsumerReference]) -> ResourceClaim | None:
    """Pure: the claim with the consumers that are left, and without devices when those were the last; None: as it is.

    A claim that was never reserved keeps its devices: who allocates need not reserve at once.
    """
    status, held = claim.status, FINALIZER in claim.metadata.finalizers
    fewer = len(left) < len(status.reserved_for)
    unused = not left and held and (fewer or bool(claim.metadata.deletion_timestamp))
    allocation = None if unused else status.allocation
    if not fewer and allocation is status.allocation:
        return None
    return replace(claim, status=replace(status, reserved_for=[*left], allocation=allocation))


def decide(
    claim: ResourceClaim, left: Collection[ResourceClaimConsumerReference], owner: Pod | None, *, released: bool
) -> Plan:
    """Pure: whether the finalizer may go, and a claim whose Pod has ended. `released`: the status was just changed."""
    plan = Plan(claim)
    if left:
        return plan
    meta = claim.metadata
    leaving = bool(meta.deletion_timestamp)
    if FINALIZER in meta.finalizers and claim.status.allocation is None and (released or leaving):
        others = [each for each in meta.finalizers if each != FINALIZER]
        patch = {"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, "finalizers": others}}
        plan.patches.append(Patch(claim, patch))
        plan.decide(Verdict.ACTED, "Deallocated", "nobody uses it: its devices are free")
    reference = controller_of(claim)
    replaced = owner is not None and reference is not None and owner.metadata.uid != reference.uid
    if owner is not None and not leaving and (replaced or has_ended(owner)):
        plan.deletes.append(Delete(claim))
        plan.decide(Verdict.ACTED, "Deleted", f"Pod {owner.metadata.name}, for which it was made, has ended")
    return plan
