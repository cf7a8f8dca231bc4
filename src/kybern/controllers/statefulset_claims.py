"""Who owns a StatefulSet's claims: nobody, the set or the Pod, so that the garbage collector deletes them when the
retention policy says so (KEP-1847). Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from kybern.api.types.apps_v1 import StatefulSet
from kybern.api.types.core_v1 import PersistentVolumeClaim, Pod
from kybern.api.types.meta_v1 import OwnerReference
from kybern.client.objects import KubeObject, controller_reference
from kybern.controllers.statefulset_pods import ordinal_of, ordinals

RETAIN, DELETE = "Retain", "Delete"


def policy_of(stateful_set: StatefulSet) -> tuple[str, str]:
    """(when the set is deleted, when it is scaled down)."""
    policy = stateful_set.spec.persistent_volume_claim_retention_policy
    if policy is None:
        return RETAIN, RETAIN
    return policy.when_deleted or RETAIN, policy.when_scaled or RETAIN


def is_stale(stateful_set: StatefulSet, claims: Iterable[PersistentVolumeClaim], pod_name: str) -> bool:
    """Whether a claim still belongs to an earlier Pod of the name, and will be deleted with it."""
    if policy_of(stateful_set)[1] == RETAIN:
        return False
    return any(
        each.kind == Pod.KIND and each.name == pod_name for claim in claims for each in claim.metadata.owner_references
    )


def conflicts(claim: PersistentVolumeClaim, stateful_set: StatefulSet, pod: Pod) -> bool:
    """Whether someone else controls the claim though the policy wants the set or its Pod to."""
    if policy_of(stateful_set) == (RETAIN, RETAIN):
        return False
    own = (stateful_set, pod)
    for each in claim.metadata.owner_references:
        namesake = next((owner for owner in own if _names(each, owner)), None)
        if namesake is not None:
            if each.uid != namesake.metadata.uid:
                return True
        elif each.controller:
            return True
    return False


def owned_rightly(claim: PersistentVolumeClaim, stateful_set: StatefulSet, pod: Pod) -> PersistentVolumeClaim | None:
    """The claim with the owners that the policy wants; None where it has them, or belongs to a Pod that is gone."""
    references = claim.metadata.owner_references
    if any(
        _names(each, owner) and each.uid != owner.metadata.uid for each in references for owner in (stateful_set, pod)
    ):
        return None
    others = [each for each in references if not (_names(each, stateful_set) or _names(each, pod))]
    wanted = [*others]
    if not conflicts(claim, stateful_set, pod):
        wanted += [controller_reference(owner) for owner in _owners(stateful_set, pod)]
    if _plain(wanted) == _plain(references):
        return None
    return replace(claim, metadata=replace(claim.metadata, owner_references=wanted))


def _owners(stateful_set: StatefulSet, pod: Pod) -> list[KubeObject]:
    """Who shall own the claims of a Pod."""
    when_deleted, when_scaled = policy_of(stateful_set)
    is_surplus = ordinal_of(pod) not in ordinals(stateful_set)
    if when_scaled == DELETE and is_surplus:
        return [pod]
    return [stateful_set] if when_deleted == DELETE else []


def _names(reference: OwnerReference, owner: KubeObject) -> bool:
    named = (reference.api_version, reference.kind, reference.name)
    return named == (owner.API_VERSION, owner.KIND, owner.metadata.name)


def _plain(references: Iterable[OwnerReference]) -> set[tuple[str, bool]]:
    return {(each.uid, bool(each.controller)) for each in references}
