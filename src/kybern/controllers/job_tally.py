"""Counts a Job's Pods, each exactly once, though they are deleted and controllers restart.

A Pod keeps a finalizer until it is counted. It is counted in three steps, each of which survives a crash: its uid goes
into status.uncountedTerminatedPods; its finalizer goes; its uid moves from there into the counter. An index that
succeeded counts by itself: it goes into status.completedIndexes, then the finalizer goes (KEP-2307).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kybern.api.types.batch_v1 import Job, UncountedTerminatedPods
from kybern.api.types.core_v1 import Pod
from kybern.controllers.job_indexes import parse, render
from kybern.controllers.job_pods import (
    has_failed,
    has_finalizer,
    index_failures,
    index_of,
    is_indexed,
    still_terminates,
)
from kybern.controllers.job_policies import judge_failure
from kybern.controllers.pods import is_active, is_ready

UNCOUNTED_LIMIT = 500
"""Uids in the status at once."""


@dataclass(slots=True)
class Tally:
    """The next status' numbers, and whose finalizers may go now."""

    active: list[Pod] = field(default_factory=list)
    ready: int = 0
    terminating: int = 0
    succeeded: int = 0
    """Counted, with those about to be."""
    failed: int = 0
    counted_succeeded: int = 0
    """As the status says it."""
    counted_failed: int = 0
    uncounted: UncountedTerminatedPods = field(default_factory=UncountedTerminatedPods)
    completed_indexes: set[int] = field(default_factory=set)
    failed_indexes: set[int] = field(default_factory=set)
    releasable: list[Pod] = field(default_factory=list)
    """Counted durably: the finalizer may go."""
    pending: int = 0
    """Pods that hold a finalizer still, and have ended."""
    failing: str = ""
    """The message of a podFailurePolicy rule that fails the Job."""
    ignored: set[str] = field(default_factory=set)
    """Uids of failed Pods that a rule says to ignore."""

    def rendered_completed(self) -> str:
        return render(self.completed_indexes)


def tally(job: Job, pods: Sequence[Pod]) -> Tally:
    """Pure: count. `pods` are all that the Job controls."""
    status = job.status
    stored = status.uncounted_terminated_pods or UncountedTerminatedPods()
    held = {pod.metadata.uid for pod in pods if has_finalizer(pod)}
    result = Tally(
        counted_succeeded=(status.succeeded or 0) + sum(uid not in held for uid in stored.succeeded),
        counted_failed=(status.failed or 0) + sum(uid not in held for uid in stored.failed),
        uncounted=UncountedTerminatedPods(
            succeeded=[uid for uid in stored.succeeded if uid in held],
            failed=[uid for uid in stored.failed if uid in held],
        ),
    )
    known = {*stored.succeeded, *stored.failed}
    completions = job.spec.completions or 0
    stored_indexes: set[int] = set()
    if is_indexed(job):
        stored_indexes = parse(status.completed_indexes, completions)
        result.completed_indexes = set(stored_indexes)
        result.failed_indexes = parse(status.failed_indexes, completions)
    for pod in pods:
        if is_active(pod):
            result.active.append(pod)
            result.ready += is_ready(pod)
        result.terminating += still_terminates(pod)
        if not has_finalizer(pod):
            continue
        if pod.metadata.uid in known:
            result.pending += 1
            result.releasable.append(pod)
        elif pod.status.phase == "Succeeded":
            _count_success(job, pod, result, stored_indexes)
        elif has_failed(job, pod):
            _count_failure(job, pod, result)
    if is_indexed(job):
        result.counted_succeeded = len(result.completed_indexes)
        result.failed_indexes -= result.completed_indexes
    result.succeeded = result.counted_succeeded + len(result.uncounted.succeeded)
    result.failed = result.counted_failed + len(result.uncounted.failed)
    return result


def _count_success(job: Job, pod: Pod, result: Tally, stored_indexes: set[int]) -> None:
    result.pending += 1
    if is_indexed(job):
        index = index_of(pod)
        if index is None or index >= (job.spec.completions or 0) or index in stored_indexes:
            result.releasable.append(pod)
        else:
            result.completed_indexes.add(index)
    elif len(result.uncounted.succeeded) + len(result.uncounted.failed) < UNCOUNTED_LIMIT:
        result.uncounted.succeeded.append(pod.metadata.uid)


def _count_failure(job: Job, pod: Pod, result: Tally) -> None:
    result.pending += 1
    verdict = judge_failure(job, pod)
    if verdict.action == "Ignore":
        result.ignored.add(pod.metadata.uid)
        result.releasable.append(pod)
        return
    if verdict.action == "FailJob" and not result.failing:
        result.failing = verdict.message
    limit = job.spec.backoff_limit_per_index
    index = index_of(pod)
    if limit is not None and index is not None:
        failures, _ = index_failures(pod)
        if verdict.action == "FailIndex" or failures >= limit:
            result.failed_indexes.add(index)
    if len(result.uncounted.succeeded) + len(result.uncounted.failed) < UNCOUNTED_LIMIT:
        result.uncounted.failed.append(pod.metadata.uid)
