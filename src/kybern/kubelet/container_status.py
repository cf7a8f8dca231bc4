"""One container's `ContainerStatus` from what the runtime, the probes and the last status say. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from kybern.api.types.core_v1 import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ContainerUser,
    LinuxContainerUser,
    Pod,
    VolumeMountStatus,
)
from kybern.base.clock import format_time
from kybern.kubelet.allocation import Resources
from kybern.kubelet.observed import NANOSECONDS, PodRuntime, restarts_of
from kybern.kubelet.pod_spec import Kind, containers_of, find_status, may_restart_all, should_restart
from kybern.kubelet.ports import ProbeKind, ProbeResults
from kybern.kubelet.runtime import views

RUNTIME_NAME = "containerd"
KILLED_EXIT_CODE = 137
UNKNOWN = "ContainerStatusUnknown"
MESSAGES_LIMIT = 12 * 1024
"""Of the last words of all containers of a Pod together."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container does not run: `ErrImagePull`, `CrashLoopBackOff`, …"""

    reason: str
    message: str = ""


def container_id(status: views.ContainerStatus) -> str:
    return f"{RUNTIME_NAME}://{status.id}"


@dataclass(frozen=True, slots=True)
class StatusInputs:
    """What the statuses of one Pod's containers are made from."""

    pod: Pod
    observed: PodRuntime
    probes: ProbeResults
    waits: Mapping[str, Waiting]
    ended: bool
    """The Pod is over: what has no end gets one."""
    initialised: bool
    actuated: Resources = field(default_factory=dict)
    """What the running containers have been given; the spec's where nothing is known."""


def make_container_status(inputs: StatusInputs, kind: Kind, container: Container) -> ContainerStatus:
    history = inputs.observed.all(container.name)
    old = _old_status(inputs.pod, container.name)
    if not history:
        status = _without_runtime(inputs, container, old)
    else:
        status = _from_runtime(inputs, container, history, old)
    waiting = inputs.waits.get(container.name)
    if waiting is not None and not inputs.ended and _may_wait(inputs.pod, kind, container, status):
        if status.state is not None and status.state.terminated:
            status.last_state = status.state
        status.state = ContainerState(waiting=ContainerStateWaiting(reason=waiting.reason, message=waiting.message))
    if (
        inputs.ended
        and status.state is not None
        and not status.state.terminated
        and _must_have_run(inputs, kind, status)
    ):
        _end(status)
    _add_readiness(inputs, kind, container, history, status)
    _add_mounts(container, status)
    status.last_state = status.last_state or ContainerState()  # The API always has it.
    if container.lifecycle is not None:
        status.stop_signal = container.lifecycle.stop_signal
    return status


def _must_have_run(inputs: StatusInputs, kind: Kind, status: ContainerStatus) -> bool:
    """Whether a container without an end has none because it was lost, and not because its turn never came."""
    if kind is Kind.REGULAR:
        return inputs.initialised
    started = status.state is not None and status.state.waiting is None
    return started or bool(status.last_state and status.last_state.terminated)


def _old_status(pod: Pod, name: str) -> ContainerStatus | None:
    before = pod.status
    return find_status(
        [*before.container_statuses, *before.init_container_statuses, *before.ephemeral_container_statuses], name
    )


def _may_wait(pod: Pod, kind: Kind, container: Container, status: ContainerStatus) -> bool:
    """A reason to wait counts where the container is to be started (again)."""
    state = status.state
    if state is None or state.running:
        return False
    if state.terminated is None:
        return True
    return should_restart(pod, kind, container, state.terminated.exit_code)


def _without_runtime(inputs: StatusInputs, container: Container, old: ContainerStatus | None) -> ContainerStatus:
    """The runtime has none: not started yet, it was lost, or all containers begin anew."""
    ended = old.state.terminated if old is not None and old.state is not None else None
    begins_anew = not inputs.ended and may_restart_all(inputs.pod)
    if old is not None and ended is not None and not begins_anew:
        return _copy(container, old)
    status = ContainerStatus(name=container.name, image=container.image)
    status.state = _beginning(inputs)
    if old is None:
        return status
    status.restart_count, status.last_state = old.restart_count, old.last_state
    if old.container_id:
        status.restart_count += 1
    if ended is not None:
        status.last_state = old.state
    elif old.state is not None and old.state.running:
        lost = "The container could not be located when the pod was deleted.  The container used to be Running"
        status.last_state = ContainerState(
            terminated=ContainerStateTerminated(reason=UNKNOWN, message=lost, exit_code=KILLED_EXIT_CODE)
        )
    return status


def _beginning(inputs: StatusInputs) -> ContainerState:
    """Of a container that is not there yet, or is made and not started."""
    reason = "ContainerCreating" if inputs.initialised or not inputs.pod.spec.init_containers else "PodInitializing"
    return ContainerState(waiting=ContainerStateWaiting(reason=reason))


def _copy(container: Container, old: ContainerStatus) -> ContainerStatus:
    return ContainerStatus(
        name=container.name,
        image=old.image,
        image_id=old.image_id,
        container_id=old.container_id,
        restart_count=old.restart_count,
        state=old.state,
        last_state=old.last_state,
    )


def _from_runtime(
    inputs: StatusInputs, container: Container, history: list[views.ContainerStatus], old: ContainerStatus | None
) -> ContainerStatus:
    newest, limit = history[0], MESSAGES_LIMIT // max(1, sum(1 for _ in containers_of(inputs.pod)))
    status = ContainerStatus(
        name=container.name,
        image=newest.image or container.image,
        image_id=newest.image_id,
        container_id=container_id(newest),
        restart_count=restarts_of(newest),
        state=_state(newest, limit) or _beginning(inputs),
    )
    ended = next((each for each in history[1:] if each.state is views.ContainerState.EXITED), None)
    if ended is not None:
        status.last_state = ContainerState(terminated=_terminated(ended, limit))
    elif old is not None and old.restart_count == status.restart_count:
        status.last_state = old.last_state
    elif old is not None and old.state is not None and old.state.terminated:
        status.last_state = old.state
    if newest.state is views.ContainerState.RUNNING:
        _add_running(inputs, container, newest, status)
    return status


def _state(status: views.ContainerStatus, limit: int) -> ContainerState | None:
    if status.state is views.ContainerState.RUNNING:
        return ContainerState(running=ContainerStateRunning(started_at=_time(status.started_at_ns)))
    if status.state is views.ContainerState.EXITED:
        return ContainerState(terminated=_terminated(status, limit))
    return None


def _terminated(status: views.ContainerStatus, limit: int) -> ContainerStateTerminated:
    return ContainerStateTerminated(
        exit_code=status.exit_code,
        reason=status.reason or ("Error" if status.exit_code else "Completed"),
        message=status.message[:limit],
        started_at=_time(status.started_at_ns),
        finished_at=_time(status.finished_at_ns),
        container_id=container_id(status),
    )


def _time(nanoseconds: int) -> str:
    """What has not happened (a container that could not be started) is told as 1970, as upstream does."""
    return format_time(max(0, nanoseconds) / NANOSECONDS)


def _add_running(
    inputs: StatusInputs, container: Container, running: views.ContainerStatus, status: ContainerStatus
) -> None:
    """What only a running container has: resources, user."""
    if container.resources is not None:
        given = inputs.actuated.get(container.name, container.resources)
        # The limit that it has from its Pod is the Pod's to tell.
        status.resources = given if container.resources.limits else replace(given, limits={})
        status.allocated_resources = container.resources.requests
    if running.user is not None:
        uid, gid, groups = running.user
        status.user = ContainerUser(linux=LinuxContainerUser(uid=uid, gid=gid, supplemental_groups=list(groups)))


def _add_mounts(container: Container, status: ContainerStatus) -> None:
    status.volume_mounts = [
        VolumeMountStatus(
            name=mount.name,
            mount_path=mount.mount_path,
            read_only=mount.read_only or None,
            recursive_read_only="Disabled" if mount.read_only else "",
        )
        for mount in container.volume_mounts
    ]


def _end(status: ContainerStatus) -> None:
    """The Pod is over, but nothing is known of how this container ended."""
    status.state = ContainerState(
        terminated=ContainerStateTerminated(
            reason=UNKNOWN,
            message="The container could not be located when the pod was terminated",
            exit_code=KILLED_EXIT_CODE,
        )
    )


def _add_readiness(
    inputs: StatusInputs,
    kind: Kind,
    container: Container,
    history: list[views.ContainerStatus],
    status: ContainerStatus,
) -> None:
    if kind is Kind.EPHEMERAL:
        return
    running = status.state is not None and status.state.running is not None
    result = inputs.probes.result
    status.started = running and (container.startup_probe is None or result(ProbeKind.STARTUP, history[0].id) is True)
    if kind is Kind.INIT:
        terminated = status.state.terminated if status.state else None
        status.ready = terminated is not None and terminated.exit_code == 0
        return
    ready = container.readiness_probe is None or (running and result(ProbeKind.READINESS, history[0].id) is True)
    status.ready = bool(status.started) and ready
