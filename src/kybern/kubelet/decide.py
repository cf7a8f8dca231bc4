"""What to do about one Pod next. Pure: (Pod, what the runtime has, probe results, back-off, now) to actions.

The rules are upstream's computePodActions. Nothing here is remembered: a kubelet that was started again decides the
same from the same world, and leaves running containers alone.
"""

from dataclasses import dataclass

from kybern.api.types.core_v1 import Container, Pod
from kybern.kubelet.backoff import Backoff, format_duration
from kybern.kubelet.labels import container_hash, format_pod
from kybern.kubelet.observed import (
    PodRuntime,
    finished_at,
    hash_of,
    known_restarts,
    name_of,
    restart_all_cause,
    restarts_of,
    sandbox_needed,
)
from kybern.kubelet.pod_spec import (
    NEVER,
    Kind,
    containers_of,
    find_container,
    is_sidecar,
    restart_policy,
    should_restart,
)
from kybern.kubelet.ports import ProbeKind, ProbeResults
from kybern.kubelet.runtime.views import ContainerState, ContainerStatus


@dataclass(frozen=True, slots=True)
class StartContainer:
    kind: Kind
    container: Container
    restart_count: int
    failed_at: float = 0.0
    """When the one before it ended, seconds since the epoch; 0 for the first."""


@dataclass(frozen=True, slots=True)
class StopContainer:
    id: str
    name: str
    message: str
    """The text of the event Killing."""
    grace_seconds: int | None = None
    """Where a probe has a grace of its own."""


@dataclass(frozen=True, slots=True)
class HoldContainer:
    """It is to be started, but not yet."""

    name: str
    message: str
    seconds: float
    reason: str = "CrashLoopBackOff"


@dataclass(frozen=True, slots=True)
class Actions:
    """All that is to be done now, in this order: stop the Pod or containers, create the sandbox, start containers."""

    stop_pod: bool = False
    create_sandbox: int | None = None
    """The attempt of the sandbox to create; then decide again."""
    reset: bool = False
    """End and remove all containers, so that the Pod begins anew in its sandbox."""
    stops: tuple[StopContainer, ...] = ()
    starts: tuple[StartContainer, ...] = ()
    holds: tuple[HoldContainer, ...] = ()
    resize: bool = False
    """Give running containers what was allocated to them."""

    @property
    def requeue_seconds(self) -> float | None:
        """When to decide again although nothing happens."""
        return min((hold.seconds for hold in self.holds), default=None)


def crash_key(pod: Pod, container: Container) -> str:
    """Whose back-off it is; another image begins anew."""
    return f"{pod.metadata.uid}/{container.name}/{container_hash(container)}"


def decide(pod: Pod, observed: PodRuntime, probes: ProbeResults, backoff: Backoff, now: float) -> Actions:
    """The next actions for a Pod that is to run. One that is to end is `termination.py`'s."""
    needed, attempt = sandbox_needed(pod, observed)
    if needed:
        return _decide_sandbox(pod, observed, attempt)
    cause = restart_all_cause(pod, observed)
    if cause is not None:
        return _decide_reset(pod, cause, backoff, now)
    return _Decision(pod, observed, probes, backoff, now).actions()


def _decide_reset(pod: Pod, cause: ContainerStatus, backoff: Backoff, now: float) -> Actions:
    """All begins anew, unless it has only just done so."""
    found = find_container(pod, name_of(cause))
    assert found is not None, "the cause is one of the Pod's containers"
    container, ended = found[1], finished_at(cause)
    remaining = backoff.remaining_since(crash_key(pod, container), ended, now)
    return Actions(holds=(_hold(pod, container, backoff, remaining),)) if remaining > 0 else Actions(reset=True)


def _hold(pod: Pod, container: Container, backoff: Backoff, remaining: float) -> HoldContainer:
    wait = format_duration(backoff.seconds(crash_key(pod, container)))
    message = f"back-off {wait} restarting failed container={container.name} pod={format_pod(pod)}"
    return HoldContainer(container.name, message, remaining)


def _decide_sandbox(pod: Pod, observed: PodRuntime, attempt: int) -> Actions:
    """A new sandbox, unless nothing would run in it."""
    remains = bool(observed.running) or any(sandbox.ready for sandbox in observed.sandboxes)
    if attempt and observed.containers and restart_policy(pod) == NEVER and not _any_restarts(pod, observed):
        return Actions(stop_pod=remains)
    if attempt and not _any_restarts(pod, observed):
        return Actions(stop_pod=remains)
    return Actions(stop_pod=remains, create_sandbox=attempt)


def _any_restarts(pod: Pod, observed: PodRuntime) -> bool:
    """Whether one of the regular containers would be started (again) in a new sandbox."""
    for kind, container in containers_of(pod):
        if kind is not Kind.REGULAR:
            continue
        latest = observed.latest(container.name)
        if latest is None:
            if restart_policy(pod) != NEVER or not observed.containers:
                return True
        elif latest.state is not ContainerState.EXITED or should_restart(pod, kind, container, latest.exit_code):
            return True
    return False


class _Decision:
    """One pass over the containers of a Pod whose sandbox is well."""

    def __init__(self, pod: Pod, observed: PodRuntime, probes: ProbeResults, backoff: Backoff, now: float) -> None:
        self.pod, self.observed, self.probes, self.backoff, self.now = pod, observed, probes, backoff, now
        self.starts: list[StartContainer] = []
        self.stops: list[StopContainer] = []
        self.holds: list[HoldContainer] = []
        self.kept = 0
        """Regular containers that run and may go on."""

    def actions(self) -> Actions:
        for kind, container in containers_of(self.pod):
            if kind is Kind.EPHEMERAL and self.observed.latest(container.name) is None:
                self.starts.append(StartContainer(kind, container, 0))
        initialised = self._decide_init()
        if initialised is None:
            return Actions(stop_pod=True)
        if initialised:
            for container in self.pod.spec.containers:
                self._decide_regular(container)
            if not (self.kept or self.holds or self._starts_regular()):
                return Actions(stop_pod=True)
        return Actions(stops=tuple(self.stops), starts=tuple(self.starts), holds=tuple(self.holds))

    def _starts_regular(self) -> bool:
        return bool(self.stops) or any(start.kind is Kind.REGULAR for start in self.starts)

    def _decide_init(self) -> bool | None:
        """Whether regular containers may run; None when initialisation has failed for good."""
        sidecars_only = any(self.observed.active(container.name) for container in self.pod.spec.containers)
        for container in self.pod.spec.init_containers:
            kind = Kind.SIDECAR if is_sidecar(container) else Kind.INIT
            if kind is Kind.SIDECAR:
                if not self._decide_sidecar(container) and not sidecars_only:
                    return False
                continue
            if sidecars_only:
                continue
            done = self._decide_init_container(container)
            if not done:
                return done
        return True

    def _decide_init_container(self, container: Container) -> bool | None:
        latest = self.observed.active(container.name)
        if latest is None:
            self._start(Kind.INIT, container, self.observed.latest(container.name))
            return False
        if latest.state is ContainerState.RUNNING:
            return False
        if latest.state is ContainerState.EXITED:
            if latest.exit_code == 0:
                return True
            if not should_restart(self.pod, Kind.INIT, container, latest.exit_code):
                return None
        self._start(Kind.INIT, container, latest)
        return False

    def _decide_sidecar(self, container: Container) -> bool:
        """Whether it has started, so that the next one may."""
        latest = self.observed.active(container.name)
        if latest is None or latest.state is not ContainerState.RUNNING:
            self._start(Kind.SIDECAR, container, latest or self.observed.latest(container.name))
            return False
        if self._stops(container, latest):
            return False
        return container.startup_probe is None or self.probes.result(ProbeKind.STARTUP, latest.id) is True

    def _decide_regular(self, container: Container) -> None:
        active = self.observed.active(container.name)
        if active is not None and active.state is ContainerState.RUNNING:
            if not self._stops(container, active):
                self.kept += 1
            return
        latest = active or self.observed.latest(container.name)
        ended = latest is not None and latest.state is ContainerState.EXITED
        if latest is not None and ended and not should_restart(self.pod, Kind.REGULAR, container, latest.exit_code):
            return
        self._start(Kind.REGULAR, container, latest)

    def _stops(self, container: Container, running: ContainerStatus) -> bool:
        """Whether a running container has to go, to be started again where its policy says so."""
        name, grace = container.name, None
        if hash_of(running) != container_hash(container):
            message = f"Container {name} definition changed"
        elif container.liveness_probe and self.probes.result(ProbeKind.LIVENESS, running.id) is False:
            message = f"Container {name} failed liveness probe"
            grace = container.liveness_probe.termination_grace_period_seconds
        elif container.startup_probe and self.probes.result(ProbeKind.STARTUP, running.id) is False:
            message = f"Container {name} failed startup probe"
            grace = container.startup_probe.termination_grace_period_seconds
        else:
            return False
        if (container.restart_policy or restart_policy(self.pod)) != NEVER or is_sidecar(container):
            message += ", will be restarted"
        self.stops.append(StopContainer(running.id, name, message, grace))
        return True

    def _start(self, kind: Kind, container: Container, before: ContainerStatus | None) -> None:
        """Start, or hold back a container that keeps ending."""
        failed_at = finished_at(before) if before and before.state is ContainerState.EXITED else 0.0
        if failed_at:
            key = crash_key(self.pod, container)
            remaining = self.backoff.remaining_since(key, failed_at, self.now)
            if remaining > 0:
                self.holds.append(_hold(self.pod, container, self.backoff, remaining))
                return
        count = restarts_of(before) + 1 if before else known_restarts(self.pod, container.name)
        self.starts.append(StartContainer(kind, container, count, failed_at))
