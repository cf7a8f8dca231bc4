"""A Job's Pods: which count as what, and how they are made."""

from collections.abc import Sequence

from kybern.api.types import convert, to_dict
from kybern.api.types.batch_v1 import Job
from kybern.api.types.core_v1 import EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodTemplateSpec
from kybern.controllers.pods import from_template, is_terminating

FINALIZER = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"

NAME_LIMIT = 58
"""Characters of a generateName that the server keeps."""


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


def make_pod(job: Job, index: int | None, previous: Pod | None, ignored: bool) -> Pod:
    """The next Pod; for an index with its name, label and environment, and with the count of its failures so far.

    `previous` is the failed Pod of the same index that it replaces; `ignored` tells that its failure did not count.
    """
    pod = from_template(job.spec.template, job)
    pod.metadata.finalizers = [*pod.metadata.finalizers, FINALIZER]
    if index is None:
        return pod
    suffix = f"-{index}-"
    pod.metadata.generate_name = job.metadata.name[: NAME_LIMIT - len(suffix)] + suffix
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
    pod.spec.hostname = f"{job.metadata.name}-{index}"
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
