"""Counts a Job's Pods, each exactly once, though they are deleted and controllers restart.

A Pod keeps a finalizer until it is counted. It is counted in three steps, each of which survives a crash: its uid goes
into status.uncountedTerminatedPods; its finalizer goes; its uid moves from there into the counter. An index that
succeeded counts by itself: it goes into status.completedIndexes, then the finalizer goes (KEP-2307).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kybern.api.types.batch_v1 import Job, UncountedTerminatedPods
from kybern.api.types.core_v1 import Pod
from kybern.controllers.job_backoff import ended_at
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
    new_succeeded: list[Pod] = field(default_factory=list)
    new_failed: list[Pod] = field(default_factory=list)
    """Ended, and not in the status before."""
    delayed: dict[int, Pod] = field(default_factory=dict)
    """By index: the failed Pod that is kept until its replacement knows how often the index failed."""

    def rendered_completed(self) -> str:
        return render(self.completed_indexes)

    @property
    def has_room(self) -> bool:
        """Whether the status takes another uid."""
        return len(self.uncounted.succeeded) + len(self.uncounted.failed) < UNCOUNTED_LIMIT


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
    stored_indexes: set[int] = set()
    if is_indexed(job):
        stored_indexes = parse(status.completed_indexes, job.spec.completions or 0)
        result.completed_indexes = set(stored_indexes)
        result.failed_indexes = parse(status.failed_indexes or "", job.spec.completions or 0)
    for pod in pods:
        _sort(job, pod, result, known, stored_indexes)
    result.failed_indexes -= result.completed_indexes
    failures = _delay(job, result)
    for pod in failures:
        if result.has_room:
            result.uncounted.failed.append(pod.metadata.uid)
    if is_indexed(job):
        result.counted_succeeded = len(result.completed_indexes)
    result.succeeded = result.counted_succeeded + len(result.uncounted.succeeded)
    result.failed = result.counted_failed + len(result.uncounted.failed)
    result.failed += sum(pod.metadata.uid not in result.ignored for pod in result.delayed.values())
    return result


def count_the_rest(pods: Sequence[Pod], result: Tally) -> None:
    """The Job has failed: whatever has not succeeded counts as failed, the Pods that still run included."""
    known = {*result.uncounted.succeeded, *result.uncounted.failed}
    leaving = {pod.metadata.uid for pod in result.releasable}
    for pod in pods:
        uid = pod.metadata.uid
        if not has_finalizer(pod) or uid in known or uid in leaving or pod.status.phase == "Succeeded":
            continue
        if uid in result.ignored:
            result.releasable.append(pod)
        elif result.has_room:
            result.uncounted.failed.append(uid)
    result.delayed = {}


def count_delayed(result: Tally) -> None:
    """The Job has succeeded: no index is tried again, so what waited for a replacement counts as failed now."""
    for pod in result.delayed.values():
        if pod.metadata.uid in result.ignored:
            result.releasable.append(pod)
        elif result.has_room:
            result.uncounted.failed.append(pod.metadata.uid)
    result.delayed = {}


def _sort(job: Job, pod: Pod, result: Tally, known: set[str], stored_indexes: set[int]) -> None:
    """Put one Pod where it belongs."""
    if is_active(pod):
        result.active.append(pod)
        result.ready += is_ready(pod)
    result.terminating += still_terminates(pod)
    if not has_finalizer(pod):
        return
    if pod.metadata.uid in known:
        result.pending += 1
        result.releasable.append(pod)
    elif pod.status.phase == "Succeeded":
        _count_success(job, pod, result, stored_indexes)
    elif has_failed(job, pod):
        _judge_failure(job, pod, result)
    elif job.metadata.deletion_timestamp:
        result.releasable.append(pod)


def _count_success(job: Job, pod: Pod, result: Tally, stored_indexes: set[int]) -> None:
    result.pending += 1
    if is_indexed(job):
        index = index_of(pod)
        if index is None or index >= (job.spec.completions or 0) or index in stored_indexes:
            result.releasable.append(pod)
        else:
            result.completed_indexes.add(index)
            result.new_succeeded.append(pod)
    else:
        result.new_succeeded.append(pod)
        if result.has_room:
            result.uncounted.succeeded.append(pod.metadata.uid)


def _judge_failure(job: Job, pod: Pod, result: Tally) -> None:
    result.pending += 1
    index = index_of(pod)
    if is_indexed(job) and (index is None or index >= (job.spec.completions or 0)):
        result.releasable.append(pod)  # An index that is none counts for nothing.
        return
    result.new_failed.append(pod)
    verdict = judge_failure(job, pod)
    if verdict.action == "Ignore":
        result.ignored.add(pod.metadata.uid)
        return
    if verdict.action == "FailJob" and not result.failing:
        result.failing = verdict.message
    limit = job.spec.backoff_limit_per_index
    if limit is not None and index is not None:
        failures, _ = index_failures(pod)
        if verdict.action == "FailIndex" or failures >= limit:
            result.failed_indexes.add(index)


def _delay(job: Job, result: Tally) -> list[Pod]:
    """Choose which failed Pod each index keeps until it is replaced; the failures to count now."""
    if job.spec.backoff_limit_per_index is not None and not job.metadata.deletion_timestamp:
        settled = {index_of(pod) for pod in result.active} | result.completed_indexes | result.failed_indexes
        for pod in result.new_failed:
            index = index_of(pod)
            if index is None or index in settled:
                continue
            kept = result.delayed.get(index)
            if kept is None or (sum(index_failures(kept)), ended_at(kept)) <= (sum(index_failures(pod)), ended_at(pod)):
                result.delayed[index] = pod
    kept_uids = {pod.metadata.uid for pod in result.delayed.values()}
    failures: list[Pod] = []
    for pod in result.new_failed:
        if pod.metadata.uid in kept_uids:
            continue
        if pod.metadata.uid in result.ignored:
            result.releasable.append(pod)
        else:
            failures.append(pod)
    return failures
