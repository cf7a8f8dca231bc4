"""The Pod's phase from its containers' statuses. Pure; upstream's getPhase."""

from kybern.api.types.core_v1 import Container, ContainerStateTerminated, ContainerStatus, Pod
from kybern.kubelet.labels import is_static
from kybern.kubelet.pod_spec import (
    RESTART_ALL,
    Kind,
    find_status,
    is_sidecar,
    may_restart_all,
    restart_action,
    should_restart,
)


def make_phase(pod: Pod, statuses: list[ContainerStatus], *, ended: bool, initialised: bool) -> str:
    """`ended`: the kubelet has stopped the Pod for good, so that what failed will not run again."""
    pending, failed = _count_init(pod, statuses)
    if failed and not initialised:
        return "Failed"
    counts = {"unknown": 0, "running": 0, "waiting": 0, "stopped": 0, "succeeded": 0}
    restarts = any(_restarts_all(each, find_status(statuses, each.name)) for each in pod.spec.init_containers)
    for container in pod.spec.containers:
        for word in _words(find_status(statuses, container.name)):
            counts[word] += 1
        restarts = restarts or _restarts(pod, container, find_status(statuses, container.name))
    if (pending and not initialised) or counts["waiting"]:
        return "Pending"
    if counts["running"] and not counts["unknown"]:
        return "Running"
    if counts["stopped"] and not counts["unknown"] and not counts["running"]:
        outcome = "Succeeded" if counts["stopped"] == counts["succeeded"] else "Failed"
        if ended and not is_static(pod):
            return outcome
        return "Running" if restarts else outcome
    return "Pending"


def _words(status: ContainerStatus | None) -> list[str]:
    if status is None or status.state is None:
        return ["unknown"]
    if status.state.running:
        return ["running"]
    terminated = status.state.terminated
    if terminated:
        return ["stopped", "succeeded"] if terminated.exit_code == 0 else ["stopped"]
    if status.state.waiting is not None:
        return ["stopped"] if status.last_state and status.last_state.terminated else ["waiting"]
    return ["unknown"]


def _restarts_all(container: Container, status: ContainerStatus | None) -> bool:
    """Whether the end of a container that is not running has all containers of the Pod begin anew."""
    end = _end(status)
    return end is not None and restart_action(container, end.exit_code) == RESTART_ALL


def _end(status: ContainerStatus | None) -> ContainerStateTerminated | None:
    """How a container ended that is not running; None for one that runs or never did."""
    if status is None or status.state is None or status.state.running:
        return None
    return status.state.terminated or (status.last_state.terminated if status.last_state else None)


def _restarts(pod: Pod, container: Container, status: ContainerStatus | None) -> bool:
    """Whether a container that is not running will be started again."""
    end = _end(status)
    if end is None or status is None or status.state is None:
        return False
    if status.state.waiting is not None and may_restart_all(pod):
        return True  # It was removed with all others, and its turn comes.
    return should_restart(pod, Kind.REGULAR, container, end.exit_code)


def _count_init(pod: Pod, statuses: list[ContainerStatus]) -> tuple[bool, bool]:
    """Whether initialisation is under way, and whether it has failed for good."""
    pending = failed = False
    for container in pod.spec.init_containers:
        status = find_status(statuses, container.name)
        state = status.state if status else None
        if status is None or state is None:
            pending = True
        elif is_sidecar(container):
            waits = state.running is not None and not status.started
            fresh = state.waiting is not None and not (status.last_state and status.last_state.terminated)
            pending = pending or waits or fresh
        elif state.terminated:
            if state.terminated.exit_code and not should_restart(pod, Kind.INIT, container, state.terminated.exit_code):
                failed = True
            pending = pending or state.terminated.exit_code != 0
        else:
            pending = True
    return pending, failed
