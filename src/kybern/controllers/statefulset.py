"""StatefulSet: Pods with numbers, names and storage of their own, made, changed and deleted in order.

Behaviour and messages are upstream's pkg/controller/statefulset.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from kybern.api.types.apps_v1 import ControllerRevision, StatefulSet
from kybern.api.types.core_v1 import PersistentVolumeClaim, Pod
from kybern.client.cluster import Cluster, Failed
from kybern.client.objects import Key
from kybern.client.plan import Create, Delete, Done, Notice, Outcome, Plan, Update
from kybern.client.watches import watch
from kybern.controllers.claims import add_claims, decide_claims, verify_owner
from kybern.controllers.deployment_sizes import scaled_value
from kybern.controllers.pods import available_in, is_terminal, is_terminating
from kybern.controllers.statefulset_claims import conflicts, is_stale, owned_rightly
from kybern.controllers.statefulset_history import Revisions, settle, template_of, tidy
from kybern.controllers.statefulset_pods import (
    POD_NAME,
    claims_of,
    is_member,
    is_running_and_ready,
    is_unavailable,
    make_pod,
    ordinal_of,
    ordinals,
    revision_of,
)
from kybern.controllers.statefulset_status import status_of
from kybern.trace import Verdict

NAME = "statefulset-controller"
WATCHES = (
    watch(StatefulSet)
    .owns(Pod, adopting=lambda stateful_set: stateful_set.spec.selector)
    .owns(ControllerRevision, adopting=lambda stateful_set: stateful_set.spec.selector)
    .reads(PersistentVolumeClaim)
)
STALE_CLAIM_SECONDS = 1.0
"""After which a claim that is being deleted with an earlier Pod is looked at again."""

Claims = Mapping[str, PersistentVolumeClaim]


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Settle the revisions, then bring the Pods and their claims to what is wanted, then report."""
    stateful_set = cluster.get(StatefulSet, key)
    if stateful_set is None:
        return Done()
    selector, namespace = stateful_set.spec.selector, key.namespace
    orphans = [pod for pod in cluster.orphans(Pod, namespace) if is_member(stateful_set, pod)]
    claimed = decide_claims(stateful_set, selector, cluster.owned_by(stateful_set, Pod), orphans)
    known = decide_claims(
        stateful_set,
        selector,
        cluster.owned_by(stateful_set, ControllerRevision),
        cluster.orphans(ControllerRevision, namespace),
    )
    if claimed.adopted or known.adopted:
        await verify_owner(cluster, stateful_set)
    adoption = Plan(stateful_set)
    add_claims(adoption, stateful_set, claimed)
    add_claims(adoption, stateful_set, known)
    if adoption.writes:
        return await cluster.apply(adoption)
    revisions = await settle(cluster, stateful_set, known.owned)
    claims = {each.metadata.name: each for each in cluster.list(PersistentVolumeClaim, namespace)}
    now = cluster.now()
    rollout = decide(stateful_set, claimed.owned, claims, revisions, now)
    errors = [*await cluster.try_apply(rollout.storage)] or [*await cluster.try_apply(rollout.plan)]
    report = decide_status(stateful_set, claimed.owned, revisions, rollout, now)
    if rollout.plan.requeue_after is not None:
        report.requeue(rollout.plan.requeue_after)
    tidy(report, stateful_set, revisions, known.owned, claimed.owned)
    await cluster.apply(report)
    if errors:
        raise errors[0] if len(errors) == 1 else Failed(errors)
    return report.outcome


@dataclass(slots=True)
class Rollout:
    """What is to be done. `storage` comes first: a Pod is made when its claims are there."""

    plan: Plan
    storage: Plan
    replaced: int = 0
    """Pods of the current revision that are deleted for an update."""


def decide_status(
    stateful_set: StatefulSet, pods: Sequence[Pod], revisions: Revisions, rollout: Rollout, now: float
) -> Plan:
    """Pure: the status, and when it changes by itself."""
    plan = Plan(stateful_set)
    status = status_of(stateful_set, pods, revisions, now)
    status.current_replicas = (status.current_replicas or 0) - rollout.replaced or None
    if status != stateful_set.status:
        plan.status(replace(stateful_set, status=status))
    wait = stateful_set.spec.min_ready_seconds or 0
    pauses = [left for pod in pods if (left := available_in(pod, wait, now))]
    if pauses:
        plan.requeue(min(pauses) + 0.01)
    return plan


def decide(stateful_set: StatefulSet, pods: Sequence[Pod], claims: Claims, revisions: Revisions, now: float) -> Rollout:
    """Pure: which Pods and claims to make, change and delete."""
    rollout = Rollout(Plan(stateful_set), Plan(stateful_set))
    if stateful_set.metadata.deletion_timestamp:
        return rollout
    by_ordinal = {ordinal_of(pod): pod for pod in pods}
    wanted = ordinals(stateful_set)
    condemned = [by_ordinal[each] for each in sorted(by_ordinal, reverse=True) if each not in wanted and each >= 0]
    in_order = stateful_set.spec.pod_management_policy != "Parallel"
    for pod in by_ordinal.values():
        _own_claims(rollout.storage, stateful_set, pod, claims)
    for ordinal in wanted:
        if not _replica(rollout, stateful_set, ordinal, by_ordinal, claims, revisions, now) and in_order:
            return rollout
    unhealthy = _first_unhealthy(stateful_set, by_ordinal, condemned, now)
    for pod in condemned:
        if not _condemned(rollout.plan, stateful_set, pod, unhealthy, in_order, now) and in_order:
            return rollout
    if stateful_set.spec.update_strategy is None or stateful_set.spec.update_strategy.type != "OnDelete":
        _update(rollout, stateful_set, by_ordinal, revisions, now)
    return rollout


def _replica(
    rollout: Rollout,
    stateful_set: StatefulSet,
    ordinal: int,
    by_ordinal: Mapping[int, Pod],
    claims: Claims,
    revisions: Revisions,
    now: float,
) -> bool:
    """See to one number; whether the next one may be looked at (where the order counts)."""
    pod, plan = by_ordinal.get(ordinal), rollout.plan
    if pod is not None and is_terminal(pod):
        if not is_terminating(pod):
            _delete(plan, stateful_set, pod, f"{pod.metadata.name} has ended: it is deleted and made anew")
        return False
    if pod is None:
        name = f"{stateful_set.metadata.name}-{ordinal}"
        own = [claims[each.metadata.name] for each in claims_of(stateful_set, ordinal) if each.metadata.name in claims]
        if is_stale(stateful_set, own, name):
            plan.requeue(STALE_CLAIM_SECONDS)
            plan.decide(Verdict.WAITED, "StaleClaim", f"the claims of {name} are still being deleted")
        else:
            _create(rollout, stateful_set, ordinal, claims, revisions)
        return False
    if pod.status.phase == "Pending":
        _create_claims(rollout.storage, stateful_set, ordinal, claims)
    if is_terminating(pod) or not is_running_and_ready(pod) or is_unavailable(stateful_set, pod, now):
        plan.decide(Verdict.WAITED, "NotReady", f"{pod.metadata.name} is not running and ready: the others wait")
        return False
    if pod.metadata.labels.get(POD_NAME) != pod.metadata.name:
        labels = {**pod.metadata.labels, POD_NAME: pod.metadata.name}
        changed = replace(pod, metadata=replace(pod.metadata, labels=labels))
        plan.updates.append(Update(changed, "", *_notices(plan, stateful_set, "Update", pod.metadata.name)))
    return True


def _create(rollout: Rollout, stateful_set: StatefulSet, ordinal: int, claims: Claims, revisions: Revisions) -> None:
    """The Pod, after its claims; below the partition from the current revision."""
    strategy = stateful_set.spec.update_strategy
    rolling = strategy.rolling_update if strategy is not None else None
    partition = (rolling.partition or 0) if rolling is not None else (stateful_set.status.current_replicas or 0)
    is_rolling = strategy is None or strategy.type != "OnDelete"
    is_old = (is_rolling or rolling is not None) and ordinal < ordinals(stateful_set).start + partition
    revision = revisions.current if is_old else revisions.update
    pod = make_pod(stateful_set, template_of(revision), revision.metadata.name, ordinal)
    _create_claims(rollout.storage, stateful_set, ordinal, claims)
    plan = rollout.plan
    plan.creates.append(Create(pod, *_notices(plan, stateful_set, "Create", pod.metadata.name)))
    plan.decide(Verdict.ACTED, "Missing", f"{pod.metadata.name} is not there: creating")


def _create_claims(plan: Plan, stateful_set: StatefulSet, ordinal: int, claims: Claims) -> None:
    pod_name, name = f"{stateful_set.metadata.name}-{ordinal}", stateful_set.metadata.name
    for claim in claims_of(stateful_set, ordinal):
        own = claim.metadata.name
        if own not in claims:
            text = f"Create Claim {own} Pod {pod_name} in StatefulSet {name} success"
            done = plan.notice("Normal", "SuccessfulCreate", text)
            why = f"Create Claim {own} for Pod {pod_name} in StatefulSet {name} failed error: {{error}}"
            plan.creates.append(Create(claim, done, plan.notice("Warning", "FailedCreate", why)))
        elif claims[own].metadata.deletion_timestamp:
            why = f"Create Pod {pod_name} in StatefulSet {name} failed error: pvc {own} is being deleted"
            plan.event("Warning", "FailedCreate", why)


def _own_claims(plan: Plan, stateful_set: StatefulSet, pod: Pod, claims: Claims) -> None:
    """Give the claims of a Pod the owners that the retention policy wants."""
    for each in claims_of(stateful_set, ordinal_of(pod)):
        claim = claims.get(each.metadata.name)
        if claim is None:
            continue
        right = owned_rightly(claim, stateful_set, pod)
        if right is not None:
            plan.updates.append(Update(right))
            if conflicts(claim, stateful_set, pod):
                message = (
                    f"PersistentVolumeClaim {claim.metadata.name} has a conflicting OwnerReference that acts as a "
                    "manging controller, the retention policy is ignored for this claim"
                )
                plan.event("Warning", "ConflictingController", message)


def _first_unhealthy(
    stateful_set: StatefulSet, by_ordinal: Mapping[int, Pod], condemned: Sequence[Pod], now: float
) -> Pod | None:
    """The one Pod that scaling down does not wait for."""
    rest = [by_ordinal[each] for each in ordinals(stateful_set) if each in by_ordinal] + [*reversed(condemned)]
    return next((pod for pod in rest if is_unavailable(stateful_set, pod, now)), None)


def _condemned(
    plan: Plan, stateful_set: StatefulSet, pod: Pod, unhealthy: Pod | None, in_order: bool, now: float
) -> bool:
    """Delete a Pod above the wanted number; whether the next one may be looked at."""
    if is_terminating(pod):
        return False
    if in_order and pod is not unhealthy and is_unavailable(stateful_set, pod, now):
        plan.decide(Verdict.WAITED, "NotReady", f"{pod.metadata.name} is not ready: scaling down waits for it")
        return False
    _delete(plan, stateful_set, pod, f"{pod.metadata.name} is more than wanted: deleting")
    return False


def _update(
    rollout: Rollout, stateful_set: StatefulSet, by_ordinal: Mapping[int, Pod], revisions: Revisions, now: float
) -> None:
    """Delete Pods of another revision, the highest number first, so that they are made anew."""
    strategy = stateful_set.spec.update_strategy
    rolling = strategy.rolling_update if strategy is not None else None
    wanted = ordinals(stateful_set)
    first = wanted.start + ((rolling.partition or 0) if rolling is not None else 0)
    bound = rolling.max_unavailable if rolling is not None else None
    allowed = 1 if bound is None else max(scaled_value(bound, len(wanted), up=False), 1)
    down = sum(is_unavailable(stateful_set, by_ordinal.get(each), now) for each in wanted)
    for ordinal in reversed(wanted):
        if ordinal < first:
            return
        pod = by_ordinal.get(ordinal)
        if pod is None or is_terminating(pod):
            if bound is None:
                return
            continue
        if revision_of(pod) != revisions.update.metadata.name:
            if bound is not None and down >= allowed:
                return
            down += not is_unavailable(stateful_set, pod, now)
            rollout.replaced += revision_of(pod) == revisions.current.metadata.name
            _delete(rollout.plan, stateful_set, pod, f"{pod.metadata.name} is of an old revision: deleting")
            if bound is None:
                return
        elif bound is None and is_unavailable(stateful_set, pod, now):
            rollout.plan.decide(Verdict.WAITED, "NotReady", f"{pod.metadata.name} is new and not ready: the rest waits")
            return


def _notices(plan: Plan, stateful_set: StatefulSet, verb: str, pod_name: str) -> tuple[Notice, Notice]:
    """The events of a Pod's write, done and failed."""
    what = f"{verb} Pod {pod_name} in StatefulSet {stateful_set.metadata.name}"
    return (
        plan.notice("Normal", f"Successful{verb}", f"{what} successful"),
        plan.notice("Warning", f"Failed{verb}", f"{what} failed error: {{error}}"),
    )


def _delete(plan: Plan, stateful_set: StatefulSet, pod: Pod, why: str) -> None:
    plan.deletes.append(Delete(pod, *_notices(plan, stateful_set, "Delete", pod.metadata.name)))
    plan.decide(Verdict.ACTED, "Delete", why)
