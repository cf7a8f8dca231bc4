"""How many Pods a ReplicaSet or a ReplicationController has and needs. Pure."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from kybern.api.types.apps_v1 import ReplicaSet, ReplicaSetCondition, ReplicaSetStatus
from kybern.api.types.core_v1 import Pod, PodTemplateSpec
from kybern.base.clock import format_time
from kybern.base.errors import KybernError
from kybern.client.plan import Create, Delete, Plan
from kybern.client.selectors import matches_map
from kybern.controllers.pods import available_in, deletion_order, from_template, is_active, is_ready, is_terminating
from kybern.trace import Verdict

BURST = 500
"""Pods created or deleted in one go, at most (upstream's BurstReplicas)."""


def decide(replica_set: ReplicaSet, pods: Sequence[Pod], now: float, *, peers: Sequence[Pod] = ()) -> Plan:
    """Pure: which Pods to create and which to delete.

    `pods` are those claimed, finished ones too; `peers` all Pods of the ReplicaSet's own controller: of two equal Pods
    the one whose node has more of them goes.
    """
    plan = Plan(replica_set)
    if replica_set.metadata.deletion_timestamp:
        plan.decide(Verdict.NOTHING, "Deleting", "it is being deleted: the garbage collector sees to its Pods")
        return plan
    active = [pod for pod in pods if is_active(pod)]
    wanted = 1 if replica_set.spec.replicas is None else replica_set.spec.replicas
    missing = wanted - len(active)
    counts = {"wanted": wanted, "active": len(active)}
    if missing > 0:
        _create(plan, replica_set, min(missing, BURST))
        plan.decide(Verdict.ACTED, "TooFewReplicas", f"needs {wanted} Pods, has {len(active)}: creating", **counts)
    elif missing < 0:
        spread = Counter(pod.spec.node_name for pod in peers if is_active(pod))
        for pod in deletion_order(active, spread, now)[: min(-missing, BURST)]:
            done = plan.notice("Normal", "SuccessfulDelete", "Deleted pod: {name}")
            plan.deletes.append(Delete(pod, done, plan.notice("Warning", "FailedDelete", "Error deleting: {error}")))
        plan.decide(Verdict.ACTED, "TooManyReplicas", f"needs {wanted} Pods, has {len(active)}: deleting", **counts)
    else:
        plan.decide(Verdict.NOTHING, "Converged", f"has the {wanted} Pods that it needs", **counts)
    return plan


def decide_status(replica_set: ReplicaSet, pods: Sequence[Pod], now: float, *, failure: str = "") -> Plan:
    """Pure: the status to write, if it changed, and when a Pod will have been ready for long enough.

    `failure` is `FailedCreate: …` or `FailedDelete: …` after writes that went wrong.
    """
    plan = Plan(replica_set)
    status = calculate_status(replica_set, pods, now, failure)
    if status != replica_set.status:
        plan.status(msgspec.structs.replace(replica_set, status=status))
    pauses = [available_in(pod, replica_set.spec.min_ready_seconds or 0, now) for pod in pods if is_active(pod)]
    for pause in pauses:
        if pause:
            plan.requeue(pause)
    return plan


def calculate_status(replica_set: ReplicaSet, pods: Sequence[Pod], now: float, failure: str) -> ReplicaSetStatus:
    """Pure: counts and the ReplicaFailure condition."""
    active = [pod for pod in pods if is_active(pod)]
    template = replica_set.spec.template or PodTemplateSpec()
    min_ready = replica_set.spec.min_ready_seconds or 0
    ready = sum(is_ready(pod) for pod in active)
    available = sum(available_in(pod, min_ready, now) == 0 for pod in active)
    labelled = sum(matches_map(template.metadata.labels, pod.metadata.labels) for pod in active)
    terminating = sum(is_terminating(pod) for pod in pods)
    return ReplicaSetStatus(
        replicas=len(active),
        fully_labeled_replicas=labelled or None,
        ready_replicas=ready or None,
        available_replicas=available or None,
        terminating_replicas=terminating,
        observed_generation=replica_set.metadata.generation,
        conditions=_conditions(replica_set, now, failure),
    )


def _conditions(replica_set: ReplicaSet, now: float, failure: str) -> list[ReplicaSetCondition]:
    others = [each for each in replica_set.status.conditions if each.type != "ReplicaFailure"]
    known = [each for each in replica_set.status.conditions if each.type == "ReplicaFailure"]
    if not failure:
        return others
    reason, _, message = failure.partition(": ")
    if known and known[0].reason == reason:
        return [*others, *known]
    return [
        *others,
        ReplicaSetCondition(
            type="ReplicaFailure",
            status="True",
            reason=reason,
            message=message,
            last_transition_time=format_time(now),
        ),
    ]


def _create(plan: Plan, replica_set: ReplicaSet, count: int) -> None:
    template = replica_set.spec.template or PodTemplateSpec()
    done = plan.notice("Normal", "SuccessfulCreate", "Created pod: {name}")
    failed = plan.notice("Warning", "FailedCreate", "Error creating: {error}")
    plan.creates += [Create(from_template(template, replica_set), done, failed) for _ in range(count)]


def failure_of(plan: Plan, errors: Sequence[KybernError]) -> str:
    if not errors or not (plan.creates or plan.deletes):
        return ""
    return f"{'FailedCreate' if plan.creates else 'FailedDelete'}: {errors[0]}"
