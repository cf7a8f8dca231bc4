"""What the runtime has of one Pod, as a value: sandboxes and containers, the newest first. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.labels import CONTAINER_HASH, CONTAINER_NAME, restart_count_of
from kybern.kubelet.pod_spec import RESTART_ALL, find_status, restart_action
from kybern.kubelet.runtime.views import ContainerRecord, ContainerState, ContainerStatus, Sandbox

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PodRuntime:
    """One Pod in the runtime."""

    uid: str
    sandboxes: tuple[Sandbox, ...] = ()
    containers: tuple[ContainerStatus, ...] = ()
    homes: Mapping[str, str] = field(default_factory=dict)
    """The sandbox of each container, by ids."""

    def all(self, name: str) -> list[ContainerStatus]:
        """Every container of this name, the newest first."""
        return [container for container in self.containers if name_of(container) == name]

    def latest(self, name: str) -> ContainerStatus | None:
        return next(iter(self.all(name)), None)

    def active(self, name: str) -> ContainerStatus | None:
        """The newest container of this name, if it is in the newest sandbox: what ran in another is history."""
        newest = self.latest(name)
        if newest is None or self.sandbox is None or self.homes.get(newest.id) != self.sandbox.id:
            return None
        return newest

    @property
    def running(self) -> list[ContainerStatus]:
        return [container for container in self.containers if container.state is ContainerState.RUNNING]

    @property
    def sandbox(self) -> Sandbox | None:
        """The newest sandbox."""
        return self.sandboxes[0] if self.sandboxes else None

    @property
    def ips(self) -> tuple[str, ...]:
        return self.sandboxes[0].ips if self.sandboxes and self.sandboxes[0].ready else ()

    @property
    def states(self) -> dict[str, bool | ContainerState]:
        """How each of them is, by id."""
        return states_of(self.sandboxes, self.containers)

    @property
    def is_stopped(self) -> bool:
        """Nothing runs and nothing can start any more."""
        return not any(sandbox.ready for sandbox in self.sandboxes) and not self.running


def states_of(
    sandboxes: Iterable[Sandbox], containers: Iterable[ContainerStatus | ContainerRecord]
) -> dict[str, bool | ContainerState]:
    """Whether a sandbox is ready, and the state of a container, by id."""
    return {each.id: each.ready for each in sandboxes} | {each.id: each.state for each in containers}


def name_of(container: ContainerStatus) -> str:
    """The container's name in the Pod's spec."""
    return container.labels.get(CONTAINER_NAME, container.name)


def restarts_of(container: ContainerStatus) -> int:
    return restart_count_of(container.annotations, container.attempt)


def known_restarts(pod: Pod, name: str) -> int:
    """The restarts of a container that the runtime knows nothing of: it has lost it, or it was reset."""
    before = pod.status
    status = find_status([*before.container_statuses, *before.init_container_statuses], name)
    if status is None:
        return 0
    if status.container_id:
        return status.restart_count + 1
    last = status.last_state.terminated if status.last_state else None
    return status.restart_count if last else 0  # The end that is told of was counted when it was told.


def hash_of(container: ContainerStatus) -> str:
    return container.annotations.get(CONTAINER_HASH, "")


def finished_at(container: ContainerStatus) -> float:
    """Seconds since the epoch."""
    return container.finished_at_ns / NANOSECONDS


def sandbox_needed(pod: Pod, observed: PodRuntime) -> tuple[bool, int]:
    """Whether the Pod needs a new sandbox, and its attempt (upstream's PodSandboxChanged)."""
    newest = observed.sandbox
    if newest is None:
        return True, 0
    ready = [sandbox for sandbox in observed.sandboxes if sandbox.ready]
    host_network = bool(pod.spec.host_network)
    broken = (
        len(ready) > 1 or not newest.ready or newest.host_network != host_network or not (host_network or newest.ips)
    )
    return broken, newest.attempt + 1


def restart_all_cause(pod: Pod, observed: PodRuntime) -> ContainerStatus | None:
    """The container whose end has all containers of the Pod started anew."""
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        ended = observed.active(container.name)
        if ended is None or ended.state is not ContainerState.EXITED:
            continue
        if restart_action(container, ended.exit_code) == RESTART_ALL:
            return ended
    return None
