"""Questions about a Pod's spec that have one answer: which containers, which kind, which policy. Pure."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from kybern.api.types import convert, to_dict
from kybern.api.types.core_v1 import Container, ContainerStatus, Pod
from kybern.kubelet.labels import is_mirror, is_static

DEFAULT_GRACE_SECONDS = 30
ALWAYS, ON_FAILURE, NEVER = "Always", "OnFailure", "Never"
RESTART_ALL = "RestartAllContainers"


class Kind(StrEnum):
    """Which of the Pod's lists a container is in."""

    INIT = "init"
    SIDECAR = "sidecar"
    """An init container with restartPolicy Always (KEP-753)."""
    REGULAR = "regular"
    EPHEMERAL = "ephemeral"


def is_sidecar(container: Container) -> bool:
    """For a container of `initContainers`."""
    return container.restart_policy == ALWAYS


def containers_of(pod: Pod) -> Iterator[tuple[Kind, Container]]:
    """All containers, in the order of init, regular, ephemeral."""
    for container in pod.spec.init_containers:
        yield (Kind.SIDECAR if is_sidecar(container) else Kind.INIT), container
    for container in pod.spec.containers:
        yield Kind.REGULAR, container
    for ephemeral in pod.spec.ephemeral_containers:
        yield Kind.EPHEMERAL, _as_container(ephemeral)


def _as_container(ephemeral: Any) -> Container:
    """An ephemeral container has a container's fields and one more."""
    plain = to_dict(ephemeral)
    plain.pop("targetContainerName", None)
    return convert(plain, Container)


def find_container(pod: Pod, name: str) -> tuple[Kind, Container] | None:
    return next((found for found in containers_of(pod) if found[1].name == name), None)


def reference_path(pod: Pod, name: str) -> str:
    """The `fieldPath` of events about a container: `spec.containers{web}`."""
    found = find_container(pod, name)
    fields = {Kind.REGULAR: "containers", Kind.EPHEMERAL: "ephemeralContainers"}
    field = fields.get(found[0], "initContainers") if found else "containers"
    return f"spec.{field}{{{name}}}"


def restart_policy(pod: Pod) -> str:
    return pod.spec.restart_policy or ALWAYS


def restart_action(container: Container, exit_code: int) -> str:
    """What the container's own rules say of such an end (KEP-5307, KEP-5532); "" where none of them holds."""
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes is not None and (exit_code in codes.values) == (codes.operator == "In"):
            return rule.action
    return ""


def may_restart_all(pod: Pod) -> bool:
    """Whether any of the Pod's containers can have all of them started anew."""
    containers = (*pod.spec.init_containers, *pod.spec.containers)
    return any(rule.action == RESTART_ALL for container in containers for rule in container.restart_policy_rules)


def should_restart(pod: Pod, kind: Kind, container: Container, exit_code: int) -> bool:
    """Whether a container that ended so is to be started again (KEP-5307: its own rules come before the Pod's)."""
    if kind is Kind.EPHEMERAL:
        return False
    if restart_action(container, exit_code):
        return True
    policy = container.restart_policy or restart_policy(pod)
    if kind is Kind.INIT and policy == ALWAYS:
        policy = ON_FAILURE  # An init container that succeeded is done, whatever the Pod's policy.
    return policy == ALWAYS or (policy == ON_FAILURE and exit_code != 0)


def grace_seconds(pod: Pod) -> int:
    """How long the Pod's containers may take to end: the deletion's grace, else the spec's; at least one second."""
    seconds = pod.metadata.deletion_grace_period_seconds
    if seconds is None:
        seconds = pod.spec.termination_grace_period_seconds
    return max(1, DEFAULT_GRACE_SECONDS if seconds is None else seconds)


def find_status(statuses: list[ContainerStatus], name: str) -> ContainerStatus | None:
    return next((status for status in statuses if status.name == name), None)


def is_terminal(pod: Pod) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


def is_critical(pod: Pod) -> bool:
    """Static, or with a priority of the system's: never turned away for others (upstream's IsCriticalPod)."""
    return is_static(pod) or is_mirror(pod) or (pod.spec.priority or 0) >= 2_000_000_000
