"""Carries out what was decided about a Pod, and remembers of it what no runtime does: waits, retries, volumes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.backoff import Backoff
from kybern.kubelet.container_status import Waiting
from kybern.kubelet.decide import Actions, StartContainer, StopContainer, crash_key
from kybern.kubelet.events import PodEvents
from kybern.kubelet.killing import Killer
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.pod_cleanup import prune_containers
from kybern.kubelet.pod_spec import grace_seconds, restart_policy
from kybern.kubelet.ports import MountedVolume
from kybern.kubelet.probes.prober import Prober
from kybern.kubelet.starting import CONFIG_ERROR, Parts, StartFailed, create_sandbox, start_container
from kybern.kubelet.status_manager import StatusManager
from kybern.trace import Verdict as Traced
from kybern.trace import record

SANDBOX_KEY = ""
"""The retry of the sandbox, beside those of the containers by name."""


@dataclass(frozen=True)
class WorkerParts:
    """What a worker has besides the node's shared parts."""

    parts: Parts
    statuses: StatusManager
    prober: Prober
    crashes: Backoff
    pulls: Backoff


def trace_pod(component: str, pod: Pod, verdict: Traced, reason: str, message: str) -> None:
    """Record a decision about a Pod."""
    meta = pod.metadata
    record(
        f"Pod/{meta.namespace}/{meta.name}",
        verdict,
        reason,
        message,
        component=component,
        revision=meta.resource_version,
        uid=meta.uid,
        seen={"restartPolicy": restart_policy(pod), "phase": pod.status.phase},
    )


class PodActions:
    """The hands of one worker. `observe` looks at the runtime again."""

    def __init__(self, shared: WorkerParts, component: str, observe: Callable[[], Awaitable[PodRuntime]]) -> None:
        self.waits: dict[str, Waiting] = {}
        self.retries: dict[str, float] = {}
        """When to try again what failed, by container."""
        self._shared, self._parts = shared, shared.parts
        self._component = component
        self._observe = observe
        self._volumes: Mapping[str, MountedVolume] | None = None

    def events(self, pod: Pod) -> PodEvents:
        return PodEvents(self._parts.sink, pod)

    def killer(self, pod: Pod) -> Killer:
        return Killer(self._parts.runtime, self._parts.clock, self.events(pod), pod)

    def is_due(self, start: StartContainer) -> bool:
        """Whether a start that failed may be tried again."""
        return self.retries.get(start.container.name, 0.0) <= self._parts.clock.now()

    def retry_configuration(self) -> None:
        """Try containers again at once whose configuration could not be made."""
        for name, waiting in self.waits.items():
            if waiting.reason == CONFIG_ERROR:
                self.retries.pop(name, None)

    async def perform(self, pod: Pod, actions: Actions, observed: PodRuntime) -> None:
        if actions.stop_pod:
            if actions.create_sandbox is not None:
                self.events(pod).normal("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
            self._trace(pod, Traced.ACTED, "StopPod", "what runs of the Pod is stopped")
            await self.killer(pod).stop_pod(observed, grace_seconds(pod))
        if actions.create_sandbox is not None:
            await self._create_sandbox(pod, actions.create_sandbox)
            return
        for stop in actions.stops:
            await self._stop(pod, stop, observed)
        for start in actions.starts:
            if self.is_due(start):
                await self._start(pod, start)
        await prune_containers(self._parts.runtime, await self._observe())

    async def _create_sandbox(self, pod: Pod, attempt: int) -> None:
        if self.retries.get(SANDBOX_KEY, 0.0) > self._parts.clock.now():
            return
        self._volumes = await self._parts.volumes.mount(pod)
        try:
            await create_sandbox(self._parts, pod, attempt, self.events(pod))
        except StartFailed as error:
            self._fail(pod, SANDBOX_KEY, error)
            return
        self.retries.pop(SANDBOX_KEY, None)
        self._trace(pod, Traced.ACTED, "SandboxCreated", f"sandbox {attempt} of the Pod runs")

    async def _start(self, pod: Pod, start: StartContainer) -> None:
        name, now = start.container.name, self._parts.clock.now()
        if self._volumes is None:
            self._volumes = await self._parts.volumes.mount(pod)
        if start.failed_at:
            self._shared.crashes.next(crash_key(pod, start.container), start.failed_at, now)
        observed = await self._observe()
        try:
            await start_container(self._parts, pod, observed, start, self._volumes, self.events(pod))
        except StartFailed as error:
            self.waits[name] = Waiting(error.reason, error.message)
            self._fail(pod, name, error)
            return
        self.retries.pop(name, None)
        self.waits.pop(name, None)
        self._trace(pod, Traced.ACTED, "Started", f"container {name} was started, restart {start.restart_count}")

    def _fail(self, pod: Pod, key: str, error: StartFailed) -> None:
        self.retries[key] = self._parts.clock.now() + error.retry_seconds
        self._trace(pod, Traced.FAILED, error.reason, error.message)

    async def _stop(self, pod: Pod, stop: StopContainer, observed: PodRuntime) -> None:
        container = next(each for each in observed.containers if each.id == stop.id)
        grace = grace_seconds(pod) if stop.grace_seconds is None else stop.grace_seconds
        self._trace(pod, Traced.ACTED, "Killing", stop.message)
        await self.killer(pod).stop(container, grace, stop.message, observed)

    def _trace(self, pod: Pod, verdict: Traced, reason: str, message: str) -> None:
        trace_pod(self._component, pod, verdict, reason, message)
