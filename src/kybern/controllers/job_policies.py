"""What a Job's podFailurePolicy and successPolicy say of Pods (KEP-3329, KEP-3998)."""

from collections.abc import Sequence
from dataclasses import dataclass

from kybern.api.types.batch_v1 import Job, PodFailurePolicyOnExitCodesRequirement
from kybern.api.types.core_v1 import ContainerStatus, Pod
from kybern.client.objects import key_of
from kybern.controllers.job_indexes import parse


@dataclass(frozen=True, slots=True)
class FailureVerdict:
    """What the first matching rule says of a failed Pod."""

    action: str = "Count"
    """FailJob, FailIndex, Ignore or Count."""
    message: str = ""
    """Of FailJob."""


def judge_failure(job: Job, pod: Pod) -> FailureVerdict:
    """Only Pods in phase Failed are judged; without a policy, or without a match, they count."""
    policy = job.spec.pod_failure_policy
    if policy is None or pod.status.phase != "Failed":
        return FailureVerdict()
    for number, rule in enumerate(policy.rules):
        if rule.on_exit_codes is not None:
            found = _matching_container(pod, rule.on_exit_codes)
            if found is not None:
                container, code = found
                return FailureVerdict(
                    rule.action,
                    f"Container {container} for pod {key_of(pod)} failed with exit code {code} "
                    f"matching {rule.action} rule at index {number}",
                )
            continue
        wanted = {(pattern.type, pattern.status or "True") for pattern in rule.on_pod_conditions}
        for each in pod.status.conditions:
            if (each.type, each.status) in wanted:
                return FailureVerdict(
                    rule.action,
                    f"Pod {key_of(pod)} has condition {each.type} matching {rule.action} rule at index {number}",
                )
    return FailureVerdict()


def _matching_container(pod: Pod, rule: PodFailurePolicyOnExitCodesRequirement) -> tuple[str, int] | None:
    statuses: Sequence[ContainerStatus] = (*pod.status.container_statuses, *pod.status.init_container_statuses)
    for status in statuses:
        ended = status.state.terminated if status.state is not None else None
        if ended is None or ended.exit_code == 0 or rule.container_name not in ("", status.name):
            continue
        if (ended.exit_code in rule.values) == (rule.operator == "In"):
            return status.name, ended.exit_code
    return None


def met_success_rule(job: Job, succeeded: set[int]) -> int | None:
    """The number of the first rule of the successPolicy that the succeeded indexes satisfy."""
    if job.spec.success_policy is None or not succeeded:
        return None
    completions = job.spec.completions or 0
    for number, rule in enumerate(job.spec.success_policy.rules):
        among = parse(rule.succeeded_indexes, completions) if rule.succeeded_indexes else set(range(completions))
        enough = len(among) if rule.succeeded_count is None else rule.succeeded_count
        if among and len(among & succeeded) >= enough:
            return number
    return None
