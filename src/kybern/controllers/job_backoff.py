"""How long a Job's next Pod has to wait after failures in a row: 10 s, doubled each time, at most 10 minutes.

What was counted is remembered in the process, for failed Pods may be gone before the pause is over; after a restart the
Pods that are left tell as much as they can. Source: pkg/controller/job/backoff_utils.go.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kybern.api.types.batch_v1 import Job
from kybern.api.types.core_v1 import Pod
from kybern.base.clock import parse_time
from kybern.controllers.job_pods import has_failed, has_finalizer
from kybern.controllers.pods import condition

FIRST_SECONDS = 10.0
LIMIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Failures since the last success, and when the last of them ended."""

    failures: int = 0
    last_failure: float = 0.0

    def remaining(self, now: float) -> float:
        """Seconds that the next Pod has to wait."""
        return remaining(self.failures, self.last_failure, now)

    def after(self, succeeded: Sequence[Pod], failed: Sequence[Pod]) -> "Backoff":
        """With Pods that ended since."""
        if not succeeded and not failed:
            return self
        ends = [ended_at(pod) for pod in failed]
        if not succeeded:
            return Backoff(self.failures + len(ends), max(ends))
        last_success = max(ended_at(pod) for pod in succeeded)
        later = [each for each in ends if each > last_success]
        return Backoff(len(later), max(later, default=0.0))


def remaining(failures: int, last_failure: float, now: float) -> float:
    """Seconds to wait after so many failures, the last of which ended at `last_failure`."""
    if failures == 0:
        return 0.0
    pause = min(FIRST_SECONDS * float(2 ** min(failures - 1, 30)), LIMIT_SECONDS)
    return max(last_failure + pause - now, 0.0)


def from_pods(job: Job, pods: Iterable[Pod]) -> Backoff:
    """What the Pods alone tell. One that was let go while it ran (suspended, too many) has not failed."""
    seen = [*pods]
    failed = [pod for pod in seen if has_failed(job, pod) and (has_finalizer(pod) or pod.status.phase == "Failed")]
    return Backoff().after([pod for pod in seen if pod.status.phase == "Succeeded"], failed)


def ended_at(pod: Pod) -> float:
    """When the last container ended, or the nearest that is known; seconds since the epoch."""
    sidecars = {each.name for each in pod.spec.init_containers if each.restart_policy == "Always"}
    statuses = [
        *pod.status.container_statuses,
        *(each for each in pod.status.init_container_statuses if each.name in sidecars),
    ]
    ends = [each.state.terminated.finished_at if each.state and each.state.terminated else "" for each in statuses]
    if ends and all(ends):
        return max(parse_time(each) for each in ends)
    ready = condition(pod, "Ready")
    if ready is not None and ready.status == "False" and ready.last_transition_time:
        return parse_time(ready.last_transition_time)
    meta = pod.metadata
    if meta.deletion_timestamp:
        return parse_time(meta.deletion_timestamp) - (meta.deletion_grace_period_seconds or 0)
    return parse_time(meta.creation_timestamp) if meta.creation_timestamp else 0.0
