"""A Job's Pods: which count as what, how they are made, how long the next has to wait."""

from collections.abc import Iterable, Sequence

from kybern.api.types import convert, to_dict
from kybern.api.types.batch_v1 import Job
from kybern.api.types.core_v1 import EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodTemplateSpec
from kybern.base.clock import parse_time
from kybern.controllers.pods import condition, from_template, is_terminating

FINALIZER = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"

FIRST_BACKOFF_SECONDS = 10.0
BACKOFF_LIMIT_SECONDS = 600.0
HOSTNAME_LIMIT = 63


def is_indexed(job: Job) -> bool:
    return job.spec.completion_mode == "Indexed"


def has_finalizer(pod: Pod) -> bool:
    """Whether the Pod is still to be counted."""
    return FINALIZER in pod.metadata.finalizers


def index_of(pod: Pod) -> int | None:
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isdecimal() else None


def replaces_only_failed(job: Job) -> bool:
    """Whether a Pod that is being deleted keeps its place until it has ended."""
    return job.spec.pod_replacement_policy == "Failed" or job.spec.pod_failure_policy is not None


def has_failed(job: Job, pod: Pod) -> bool:
    if pod.status.phase == "Failed":
        return True
    return is_terminating(pod) and pod.status.phase != "Succeeded" and not replaces_only_failed(job)


def still_terminates(pod: Pod) -> bool:
    return is_terminating(pod) and pod.status.phase not in ("Succeeded", "Failed")


def ended_at(pod: Pod) -> float:
    """When the last container ended, or the nearest that is known."""
    ends = [
        status.state.terminated.finished_at
        for status in pod.status.container_statuses
        if status.state is not None and status.state.terminated is not None
    ]
    known = [parse_time(each) for each in ends if each]
    if known and len(known) == len(pod.status.container_statuses):
        return max(known)
    ready = condition(pod, "Ready")
    for text in (
        ready.last_transition_time if ready is not None else "",
        pod.metadata.deletion_timestamp,
        pod.metadata.creation_timestamp,
    ):
        if text:
            return parse_time(text)
    return 0.0


def backoff_remaining(failures: int, last_failure: float, now: float) -> float:
    """Seconds that the next Pod has to wait after so many failures in a row: 10 s doubled, at most 10 minutes."""
    if failures == 0:
        return 0.0
    pause = min(FIRST_BACKOFF_SECONDS * float(2 ** min(failures - 1, 30)), BACKOFF_LIMIT_SECONDS)
    return max(last_failure + pause - now, 0.0)


def failures_in_a_row(job: Job, pods: Iterable[Pod]) -> tuple[int, float]:
    """How many Pods failed since the last success, and when the last of them ended."""
    seen = [*pods]
    last_success = max((ended_at(pod) for pod in seen if pod.status.phase == "Succeeded"), default=float("-inf"))
    failed = [ended_at(pod) for pod in seen if has_failed(job, pod)]
    after = [each for each in failed if each > last_success]
    return len(after), max(after, default=0.0)


def make_pod(job: Job, index: int | None, previous: Pod | None, ignored: bool) -> Pod:
    """The next Pod; for an index with its name, label and environment, and with the count of its failures so far.

    `previous` is the failed Pod of the same index that it replaces; `ignored` tells that its failure did not count.
    """
    pod = from_template(job.spec.template, job)
    pod.metadata.finalizers = [*pod.metadata.finalizers, FINALIZER]
    if index is None:
        return pod
    name = f"{job.metadata.name}-{index}"
    pod.metadata.generate_name = f"{name}-"
    pod.metadata.annotations[INDEX] = str(index)
    pod.metadata.labels[INDEX] = str(index)
    if job.spec.backoff_limit_per_index is not None:
        failures, passed = index_failures(previous) if previous is not None else (0, 0)
        if previous is not None:
            failures, passed = (failures, passed + 1) if ignored else (failures + 1, passed)
        pod.metadata.annotations[INDEX_FAILURES] = str(failures)
        if passed:
            pod.metadata.annotations[INDEX_IGNORED_FAILURES] = str(passed)
    pod.spec = convert(to_dict(job.spec.template), PodTemplateSpec).spec
    pod.spec.hostname = pod.spec.hostname or name[:HOSTNAME_LIMIT].rstrip("-.")
    variable = EnvVar(
        name="JOB_COMPLETION_INDEX",
        value_from=EnvVarSource(field_ref=ObjectFieldSelector(field_path=f"metadata.labels['{INDEX}']")),
    )
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        if all(each.name != variable.name for each in container.env):
            container.env = [*container.env, variable]
    return pod


def index_failures(pod: Pod) -> tuple[int, int]:
    """Failures of the Pod's index before it: those that count, those that were ignored."""

    def number(name: str) -> int:
        text = pod.metadata.annotations.get(name, "")
        return int(text) if text.isdecimal() else 0

    return number(INDEX_FAILURES), number(INDEX_IGNORED_FAILURES)


def restarts(pods: Sequence[Pod]) -> int:
    """Restarts of all containers of Pods that run or will."""
    return sum(
        status.restart_count
        for pod in pods
        if pod.status.phase in ("Running", "Pending")
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )
