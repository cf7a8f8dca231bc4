"""The Pod's conditions that the kubelet owns: reasons and messages as upstream's. Pure."""

from collections.abc import Sequence

from kybern.api.types.core_v1 import ContainerStatus, Pod, PodCondition
from kybern.kubelet import allocation
from kybern.kubelet.pod_spec import find_status, is_sidecar, may_restart_all

OWNED = (
    "AllContainersRestarting",
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    *allocation.CONDITIONS,
)
RESET_MESSAGE = "container exited with restart policy rule"
_OVER = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}


def make_conditions(
    pod: Pod, statuses: Sequence[ContainerStatus], phase: str, *, ready_to_start: bool, resets: bool = False
) -> list[PodCondition]:
    """All that the kubelet owns. `statuses` are those of init and regular containers together; `resets`: all of them
    are being started anew."""
    known = list(statuses)
    ready = _containers_ready(pod, known, phase)
    found = [
        ("PodReadyToStartContainers", str(ready_to_start), "", ""),
        ("Initialized", *_initialized(pod, known, phase)),
        ("Ready", *_pod_ready(pod, ready)),
        ("ContainersReady", *ready),
        ("PodScheduled", "True", "", ""),
    ]
    if may_restart_all(pod):
        found.append(("AllContainersRestarting", *_resetting(phase, resets)))
    generation = pod.metadata.generation
    return [
        PodCondition(type=type, status=status, reason=reason, message=message, observed_generation=generation)
        for type, status, reason, message in found
    ]


def _resetting(phase: str, resets: bool) -> tuple[str, str, str]:
    """KEP-5532."""
    if phase in _OVER:
        return "False", _OVER[phase], ""
    return ("True", "RestartAllContainersStarted", RESET_MESSAGE) if resets else ("False", "", "")


def _names(names: list[str]) -> str:
    """As Go prints a slice of strings."""
    return f"[{' '.join(names)}]"


def _describe(unknown: list[str], other: list[str], word: str) -> str:
    parts = [f"containers with unknown status: {_names(unknown)}"] if unknown else []
    parts += [f"containers with {word} status: {_names(other)}"] if other else []
    return ", ".join(parts)


def _containers_ready(pod: Pod, statuses: list[ContainerStatus], phase: str) -> tuple[str, str, str]:
    if not statuses:
        return "False", "UnknownContainerStatuses", ""
    unknown, unready = [], []
    sidecars = [container for container in pod.spec.init_containers if is_sidecar(container)]
    for container in (*sidecars, *pod.spec.containers):
        status = find_status(statuses, container.name)
        if status is None:
            unknown.append(container.name)
        elif not status.ready:
            unready.append(container.name)
    if phase == "Succeeded" and not unknown:
        return "False", "PodCompleted", ""
    if phase == "Failed":
        return "False", "PodFailed", ""
    message = _describe(unknown, unready, "unready")
    return ("False", "ContainersNotReady", message) if message else ("True", "", "")


def _pod_ready(pod: Pod, containers_ready: tuple[str, str, str]) -> tuple[str, str, str]:
    if containers_ready[0] != "True":
        return containers_ready
    messages = []
    for gate in pod.spec.readiness_gates:
        name = gate.condition_type
        status = next((c.status for c in pod.status.conditions if c.type == name), None)
        if status is None:
            messages.append(f'corresponding condition of pod readiness gate "{name}" does not exist.')
        elif status != "True":
            messages.append(f'the status of pod readiness gate "{name}" is not "True", but {status}')
    return ("False", "ReadinessGatesNotReady", ", ".join(messages)) if messages else ("True", "", "")


def _initialized(pod: Pod, statuses: list[ContainerStatus], phase: str) -> tuple[str, str, str]:
    if not statuses and pod.spec.init_containers:
        return "False", "UnknownContainerStatuses", ""
    unknown, incomplete = [], []
    for container in pod.spec.init_containers:
        status = find_status(statuses, container.name)
        if status is None:
            unknown.append(container.name)
        elif not (status.started if is_sidecar(container) else status.ready):
            incomplete.append(container.name)
    if phase == "Succeeded" and not unknown:
        return "True", "PodCompleted", ""
    if has_started(pod, statuses):
        return "True", "", ""
    message = _describe(unknown, incomplete, "incomplete")
    return ("False", "ContainersNotInitialized", message) if message else ("True", "", "")


def has_started(pod: Pod, statuses: list[ContainerStatus]) -> bool:
    """Whether any regular container has ever run: the Pod was initialised then, whatever sidecars do later."""
    for container in pod.spec.containers:
        status = find_status(statuses, container.name)
        if status is None or status.state is None:
            continue
        last = status.last_state
        if status.state.running or status.state.terminated or (last and last.terminated):
            return True
    return False
