"""Brings the number of a Job's running Pods to what is wanted now (upstream's manageJob)."""

from collections.abc import Sequence

from kybern.api.types.batch_v1 import Job, JobStatus
from kybern.api.types.core_v1 import Pod
from kybern.client.plan import Create, Delete, Patch, Plan
from kybern.controllers.job_backoff import Backoff, ended_at, remaining
from kybern.controllers.job_pods import (
    FINALIZER,
    has_failed,
    has_finalizer,
    index_failures,
    index_of,
    is_indexed,
    make_pod,
    replaces_only_failed,
)
from kybern.controllers.job_tally import Tally
from kybern.controllers.pods import deletion_order, is_ready, is_terminating
from kybern.trace import Verdict

BURST = 500
"""Pods created or deleted in one go, at most."""


def steer(
    plan: Plan, job: Job, status: JobStatus, counts: Tally, pods: Sequence[Pod], backoff: Backoff, now: float
) -> None:
    """Create or delete Pods, never both at once; the status tells what will be there then."""
    if job.spec.suspend:
        end(plan, status, counts.active, release=True)
        return
    parallelism = job.spec.parallelism if job.spec.parallelism is not None else 1
    if job.spec.completions is None:
        wanted = len(counts.active) if counts.succeeded else parallelism
    else:
        wanted = min(parallelism, max(job.spec.completions - counts.succeeded, 0))
    surplus = _surplus(job, counts.active, max(len(counts.active) - wanted, 0), now)
    if surplus:
        end(plan, status, surplus[:BURST], release=True)
        plan.decide(Verdict.ACTED, "TooManyActive", f"wants {wanted} Pods, has {len(counts.active)}: deleting")
        return
    missing = wanted - len(counts.active) - (counts.terminating if replaces_only_failed(job) else 0)
    if missing <= 0:
        return
    if job.spec.backoff_limit_per_index is None and (pause := backoff.remaining(now)) > 0:
        plan.requeue(pause)
        plan.decide(Verdict.WAITED, "BackOff", f"{backoff.failures} Pods failed in a row: next in {pause:.0f} s")
        return
    missing = min(missing, BURST)
    made = (
        _next_indexes(plan, job, counts, pods, missing, now)
        if is_indexed(job)
        else [make_pod(job, None, None, False) for _ in range(missing)]
    )
    _create(plan, status, made)


def end(plan: Plan, status: JobStatus, pods: Sequence[Pod], *, release: bool) -> None:
    """Delete running Pods; with `release` they count for nothing, else their finalizer stays until they are counted."""
    done = plan.notice("Normal", "SuccessfulDelete", "Deleted pod: {name}")
    failed = plan.notice("Warning", "FailedDelete", "Error deleting: {error}")
    if release:
        plan.patches += [without_finalizer(pod) for pod in pods if has_finalizer(pod)]
    plan.deletes += [Delete(pod, done, failed) for pod in pods]
    status.active = ((status.active or 0) - len(pods)) or None
    status.ready = (status.ready or 0) - sum(is_ready(pod) for pod in pods)
    status.terminating = (status.terminating or 0) + len(pods)


def without_finalizer(pod: Pod) -> Patch:
    """Let a Pod go."""
    meta = pod.metadata
    left = [each for each in meta.finalizers if each != FINALIZER]
    return Patch(pod, {"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, "finalizers": left}})


def _create(plan: Plan, status: JobStatus, pods: Sequence[Pod]) -> None:
    done = plan.notice("Normal", "SuccessfulCreate", "Created pod: {name}")
    failed = plan.notice("Warning", "FailedCreate", "Error creating: {error}")
    plan.creates += [Create(pod, done, failed) for pod in pods]
    if pods:
        status.active = (status.active or 0) + len(pods)
        plan.decide(Verdict.ACTED, "TooFewActive", f"creating {len(pods)} Pods")


def _next_indexes(plan: Plan, job: Job, counts: Tally, pods: Sequence[Pod], missing: int, now: float) -> list[Pod]:
    """A Pod for each of the lowest indexes that have none and still need one, as far as their back-off lets them."""
    taken = {index_of(pod) for pod in counts.active} | counts.completed_indexes | counts.failed_indexes
    if replaces_only_failed(job):
        taken |= {index_of(pod) for pod in pods if is_terminating(pod) and not has_failed(job, pod)}
    wanted = [index for index in range(job.spec.completions or 0) if index not in taken][:missing]
    created: list[Pod] = []
    pauses: list[float] = []
    for index in wanted:
        previous = counts.delayed.get(index)
        if previous is not None:
            pause = remaining(sum(index_failures(previous)) + 1, ended_at(previous), now)
            if pause > 0:
                pauses.append(pause)
                continue
        ignored = previous is not None and previous.metadata.uid in counts.ignored
        created.append(make_pod(job, index, previous, ignored))
    if pauses:
        plan.requeue(min(pauses))
        plan.decide(Verdict.WAITED, "BackOff", f"{len(pauses)} indexes failed: next in {min(pauses):.0f} s")
    return created


def _surplus(job: Job, active: Sequence[Pod], count: int, now: float) -> list[Pod]:
    """At least `count` Pods to remove: those without a valid index, all but one of an index, then the least useful."""
    if not is_indexed(job):
        return deletion_order(active, {}, now)[:count]
    by_index: dict[int, list[Pod]] = {}
    removed: list[Pod] = []
    for pod in active:
        index = index_of(pod)
        if index is None or index >= (job.spec.completions or 0):
            removed.append(pod)
        else:
            by_index.setdefault(index, []).append(pod)
    left: list[Pod] = []
    for same in by_index.values():
        *extra, last = deletion_order(same, {}, now)
        removed += extra
        left.append(last)
    return removed + deletion_order(left, {}, now)[: max(count - len(removed), 0)]
