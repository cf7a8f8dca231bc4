"""Job: runs Pods until enough have succeeded."""

from collections.abc import Iterable, Sequence

import msgspec

from kybern.api.types.batch_v1 import Job, JobCondition, JobStatus
from kybern.api.types.core_v1 import Pod
from kybern.base.clock import format_time, parse_time
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, controller_of
from kybern.client.plan import Create, Delete, Done, Outcome, Patch, Plan
from kybern.client.watches import watch
from kybern.controllers.claims import add_claims, decide_claims, verify_owner
from kybern.controllers.job_indexes import render
from kybern.controllers.job_pods import (
    FINALIZER,
    backoff_remaining,
    ended_at,
    failures_in_a_row,
    has_failed,
    has_finalizer,
    index_failures,
    index_of,
    is_indexed,
    make_pod,
    replaces_only_failed,
    restarts,
)
from kybern.controllers.job_policies import met_success_rule
from kybern.controllers.job_tally import Tally, tally
from kybern.controllers.pods import deletion_order
from kybern.trace import Verdict

NAME = "job-controller"
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
OWN_MANAGER = "kubernetes.io/job-controller"
TRACKED = "tracked-by-job"
BURST = 500
"""Pods created or deleted in one go, at most."""


def tracker_of(pod: Pod) -> Iterable[str]:
    """`namespace/name` of the Job whose finalizer a Pod holds, be the Job gone or the Pod orphaned."""
    if has_finalizer(pod):
        owner = controller_of(pod)
        name = owner.name if owner is not None and owner.kind == Job.KIND else pod.metadata.labels.get(JOB_NAME_LABEL)
        if name:
            yield f"{pod.metadata.namespace}/{name}"


WATCHES = (
    watch(Job)
    .owns(Pod, adopting=lambda job: job.spec.selector)
    .also(Pod, lambda pod, cluster: [Key(*each.split("/")) for each in tracker_of(pod)])
    .indexed(Pod, TRACKED, tracker_of)
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Release Pods of a Job that is gone; claim, count and steer those of one that is there."""
    job = cluster.get(Job, key)
    uid = job.metadata.uid if job is not None else ""
    for pod in cluster.by_index(Pod, TRACKED, str(key)):
        owner = controller_of(pod)
        if owner is None or (owner.uid != uid):
            await cluster.apply(decide_release(pod))
    if job is None or job.spec.managed_by not in ("", OWN_MANAGER):
        return Done()
    claims = decide_claims(job, job.spec.selector, cluster.owned_by(job, Pod), cluster.orphans(Pod, key.namespace))
    if (claims.adopted or claims.released) and not finished(job):
        if claims.adopted:
            await verify_owner(cluster, job)
        plan = Plan(job)
        add_claims(plan, job, claims, finalizer=FINALIZER)
        return await cluster.apply(plan)
    return await cluster.apply(decide(job, claims.owned, cluster.now()))


def decide_release(pod: Pod) -> Plan:
    """Pure: take the finalizer from a Pod that no Job will count any more."""
    plan = Plan(pod)
    plan.patches.append(_without_finalizer(pod))
    plan.decide(Verdict.ACTED, "Released", "its Job is gone: nothing will count it")
    return plan


def decide(job: Job, pods: Sequence[Pod], now: float) -> Plan:
    """Pure: which Pods to create, delete and release, and the status."""
    plan = Plan(job)
    if finished(job):
        plan.patches += [_without_finalizer(pod) for pod in pods if has_finalizer(pod)]
        return plan
    counts = tally(job, pods)
    status = _counted(job, counts, now)
    plan.patches += [_without_finalizer(pod) for pod in counts.releasable]
    if not job.metadata.deletion_timestamp:
        _judge(job, status, counts, pods, now)
        if verdict := verdict_of(status):
            _finish(plan, job, status, counts, verdict, now)
        else:
            _suspend_or_resume(plan, job, status, now)
            _steer(plan, job, status, counts, pods, now)
    if status != job.status:
        plan.status(msgspec.structs.replace(job, status=status))
    return plan


def finished(job: Job) -> bool:
    return any(each.type in ("Complete", "Failed") and each.status == "True" for each in job.status.conditions)


def verdict_of(status: JobStatus) -> JobCondition | None:
    """FailureTarget or SuccessCriteriaMet: the end is decided, Pods may still be on their way out."""
    for each in status.conditions:
        if each.type in ("FailureTarget", "SuccessCriteriaMet") and each.status == "True":
            return each
    return None


def _counted(job: Job, counts: Tally, now: float) -> JobStatus:
    start = job.status.start_time
    if not start and not job.spec.suspend:
        start = format_time(now)
    return JobStatus(
        active=len(counts.active) or None,
        ready=counts.ready,
        terminating=counts.terminating,
        succeeded=counts.counted_succeeded or None,
        failed=counts.counted_failed or None,
        uncounted_terminated_pods=counts.uncounted,
        completed_indexes=counts.rendered_completed(),
        failed_indexes=render(counts.failed_indexes) if job.spec.backoff_limit_per_index is not None else "",
        start_time=start,
        completion_time=job.status.completion_time,
        conditions=list(job.status.conditions),
    )


def _judge(job: Job, status: JobStatus, counts: Tally, pods: Sequence[Pod], now: float) -> None:
    """Whether the end is decided now, and how."""
    if verdict_of(status) is not None:
        return
    if failure := _failure(job, status, counts, pods, now):
        _set(status, "FailureTarget", *failure, now)
        return
    rule = met_success_rule(job, counts.completed_indexes)
    if rule is not None:
        _set(status, "SuccessCriteriaMet", "SuccessPolicy", f"Matched rules at index {rule}", now)
    elif _is_complete(job, counts):
        _set(status, "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods", now)


def _failure(job: Job, status: JobStatus, counts: Tally, pods: Sequence[Pod], now: float) -> tuple[str, str] | None:
    """(reason, message) of a Job that has failed."""
    limit = job.spec.backoff_limit if job.spec.backoff_limit is not None else 6
    if counts.failing:
        return "PodFailurePolicy", counts.failing
    if counts.failed > limit or _too_many_restarts(job, counts, limit):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline = job.spec.active_deadline_seconds
    started = parse_time(status.start_time) if status.start_time and not job.spec.suspend else now
    if deadline is not None and now - started >= deadline:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    if job.spec.backoff_limit_per_index is not None and counts.failed_indexes:
        most = job.spec.max_failed_indexes
        if most is not None and len(counts.failed_indexes) > most:
            return "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"
        done = len(counts.failed_indexes) + len(counts.completed_indexes)
        if done >= (job.spec.completions or 0):
            return "FailedIndexes", "Job has failed indexes"
    return None


def _too_many_restarts(job: Job, counts: Tally, limit: int) -> bool:
    """Containers that restart in place count against the limit as well."""
    if job.spec.template.spec.restart_policy != "OnFailure":
        return False
    count = restarts(counts.active)
    return count > 0 if limit == 0 else count >= limit


def _is_complete(job: Job, counts: Tally) -> bool:
    if job.spec.completions is None:
        return counts.succeeded > 0 and not counts.active
    return counts.succeeded >= job.spec.completions


def _finish(plan: Plan, job: Job, status: JobStatus, counts: Tally, verdict: JobCondition, now: float) -> None:
    """End what still runs; when nothing does and all is counted, say so."""
    _delete(plan, counts.active[:BURST])
    if counts.active or counts.terminating or counts.pending:
        left = len(counts.active) + counts.terminating
        plan.decide(Verdict.WAITED, verdict.reason, f"{verdict.message}: {left} Pods are still to end")
        return
    if verdict.type == "FailureTarget":
        _set(status, "Failed", verdict.reason, verdict.message, now)
        plan.event("Warning", verdict.reason, verdict.message)
        plan.decide(Verdict.FAILED, verdict.reason, verdict.message)
    else:
        _set(status, "Complete", verdict.reason, verdict.message, now)
        status.completion_time = format_time(now)
        plan.event("Normal", "Completed", "Job completed")
        plan.decide(Verdict.ACTED, "Completed", verdict.message)


def _suspend_or_resume(plan: Plan, job: Job, status: JobStatus, now: float) -> None:
    suspended = next((each for each in status.conditions if each.type == "Suspended"), None)
    if job.spec.suspend:
        status.start_time = ""
        if suspended is None or suspended.status != "True":
            _set(status, "Suspended", "JobSuspended", "Job suspended", now)
            plan.event("Normal", "Suspended", "Job suspended")
    elif suspended is not None and suspended.status == "True":
        _set(status, "Suspended", "JobResumed", "Job resumed", now, state="False")
        status.start_time = format_time(now)
        plan.event("Normal", "Resumed", "Job resumed")


def _steer(plan: Plan, job: Job, status: JobStatus, counts: Tally, pods: Sequence[Pod], now: float) -> None:
    """Bring the number of running Pods to what is wanted now."""
    parallelism = job.spec.parallelism if job.spec.parallelism is not None else 1
    deadline = job.spec.active_deadline_seconds
    if deadline is not None and status.start_time and not job.spec.suspend:
        plan.requeue(max(parse_time(status.start_time) + deadline - now, 0.0) + 0.01)
    if job.spec.suspend:
        wanted = 0
    elif job.spec.completions is None:
        wanted = len(counts.active) if counts.succeeded else parallelism
    else:
        wanted = min(parallelism, max(job.spec.completions - counts.succeeded, 0))
    excess = len(counts.active) - wanted
    if excess > 0:
        _delete(plan, _to_remove(job, counts, wanted, now)[:BURST])
        plan.decide(Verdict.ACTED, "TooManyActive", f"wants {wanted} Pods, has {len(counts.active)}: deleting")
        return
    missing = -excess - (counts.terminating if replaces_only_failed(job) else 0)
    if missing <= 0:
        return
    if is_indexed(job):
        _create_indexes(plan, job, counts, pods, missing, now)
    else:
        failures, last = failures_in_a_row(job, pods)
        pause = backoff_remaining(failures, last, now)
        if pause > 0:
            plan.requeue(pause)
            plan.decide(Verdict.WAITED, "BackOff", f"{failures} Pods failed in a row: next in {pause:.0f} s")
            return
        _create(plan, [make_pod(job, None, None, False) for _ in range(min(missing, BURST))])


def _create_indexes(plan: Plan, job: Job, counts: Tally, pods: Sequence[Pod], missing: int, now: float) -> None:
    """One Pod for each of the lowest indexes that have none and still need one."""
    taken = {index_of(pod) for pod in counts.active} | counts.completed_indexes | counts.failed_indexes
    if replaces_only_failed(job):
        taken |= {index_of(pod) for pod in pods if pod.metadata.deletion_timestamp and not has_failed(job, pod)}
    failures, last = failures_in_a_row(job, pods)
    common_pause = 0.0 if job.spec.backoff_limit_per_index is not None else backoff_remaining(failures, last, now)
    if common_pause > 0:
        plan.requeue(common_pause)
        plan.decide(Verdict.WAITED, "BackOff", f"{failures} Pods failed in a row: next in {common_pause:.0f} s")
        return
    created: list[Pod] = []
    for index in range(job.spec.completions or 0):
        if len(created) >= min(missing, BURST):
            break
        if index in taken:
            continue
        previous = _latest_failure(job, pods, index)
        if previous is not None and job.spec.backoff_limit_per_index is not None:
            pause = backoff_remaining(sum(index_failures(previous)) + 1, ended_at(previous), now)
            if pause > 0:
                plan.requeue(pause)
                continue
        ignored = previous is not None and previous.metadata.uid in counts.ignored
        created.append(make_pod(job, index, previous, ignored))
    _create(plan, created)


def _latest_failure(job: Job, pods: Sequence[Pod], index: int) -> Pod | None:
    """The failed Pod of an index that counts its failures best."""
    failed = [pod for pod in pods if index_of(pod) == index and has_failed(job, pod)]
    return max(failed, key=lambda pod: sum(index_failures(pod)), default=None)


def _to_remove(job: Job, counts: Tally, wanted: int, now: float) -> list[Pod]:
    """Pods in the way: for indexes the second of one index and those of the highest indexes."""
    if not is_indexed(job):
        return deletion_order(counts.active, {}, now)[: len(counts.active) - wanted]
    ordered = sorted(counts.active, key=lambda pod: (index_of(pod) or 0, pod.metadata.creation_timestamp))
    seen: set[int | None] = set()
    keep: list[Pod] = []
    for pod in ordered:
        index = index_of(pod)
        if len(keep) < wanted and index not in seen and index not in counts.completed_indexes:
            keep.append(pod)
            seen.add(index)
    return [pod for pod in ordered if pod not in keep]


def _create(plan: Plan, pods: Sequence[Pod]) -> None:
    done = plan.notice("Normal", "SuccessfulCreate", "Created pod: {name}")
    failed = plan.notice("Warning", "FailedCreate", "Error creating: {error}")
    plan.creates += [Create(pod, done, failed) for pod in pods]
    if pods:
        plan.decide(Verdict.ACTED, "TooFewActive", f"creating {len(pods)} Pods")


def _delete(plan: Plan, pods: Sequence[Pod]) -> None:
    done = plan.notice("Normal", "SuccessfulDelete", "Deleted pod: {name}")
    failed = plan.notice("Warning", "FailedDelete", "Error deleting: {error}")
    plan.deletes += [Delete(pod, done, failed) for pod in pods]


def _without_finalizer(pod: Pod) -> Patch:
    meta = pod.metadata
    left = [each for each in meta.finalizers if each != FINALIZER]
    return Patch(pod, {"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, "finalizers": left}})


def _set(status: JobStatus, type: str, reason: str, message: str, now: float, state: str = "True") -> None:
    stamp = format_time(now)
    status.conditions = [
        *(each for each in status.conditions if each.type != type),
        JobCondition(
            type=type, status=state, reason=reason, message=message, last_probe_time=stamp, last_transition_time=stamp
        ),
    ]
