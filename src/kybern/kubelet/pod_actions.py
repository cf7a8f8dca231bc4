"""Carries out what was decided about a Pod, and remembers of it what no runtime does: waits, retries, volumes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.allocation import Allocation, resize_message
from kybern.kubelet.backoff import Backoff
from kybern.kubelet.container_status import Waiting
from kybern.kubelet.counters import METRIC_KINDS, STARTED_CONTAINERS, STARTED_CONTAINERS_ERRORS
from kybern.kubelet.decide import Actions, StartContainer, StopContainer, crash_key
from kybern.kubelet.events import PodEvents
from kybern.kubelet.exits import Exits
from kybern.kubelet.images import RETRY_SECONDS
from kybern.kubelet.killing import MINIMUM_GRACE_SECONDS, Killer
from kybern.kubelet.observed import PodRuntime, finished_at, name_of, restart_all_cause
from kybern.kubelet.pod_cleanup import prune_containers
from kybern.kubelet.pod_level import effective_of
from kybern.kubelet.pod_spec import RESTART_ALL, find_container, grace_seconds, restart_policy
from kybern.kubelet.ports import MountedVolume
from kybern.kubelet.probes.prober import Prober
from kybern.kubelet.resizing import ResizeFailed, actuate
from kybern.kubelet.starting import CONFIG_ERROR, Parts, StartFailed, create_sandbox, start_container
from kybern.kubelet.status_manager import StatusManager
from kybern.trace import Verdict as Traced
from kybern.trace import record

SANDBOX_KEY = ""
"""The retry of the sandbox, beside those of the containers by name."""
RESIZE_KEY = "/resize"
"""That of a resize; no container is called so."""


@dataclass(frozen=True)
class WorkerParts:
    """What a worker has besides the node's shared parts."""

    parts: Parts
    statuses: StatusManager
    prober: Prober
    crashes: Backoff
    pulls: Backoff
    exits: Exits


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

    def __init__(
        self,
        shared: WorkerParts,
        component: str,
        allocation: Allocation,
        observe: Callable[[], Awaitable[PodRuntime]],
    ) -> None:
        self.waits: dict[str, Waiting] = {}
        self.retries: dict[str, float] = {}
        """When to try again what failed, by container."""
        self._shared, self._parts = shared, shared.parts
        self._component, self._allocation = component, allocation
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
        if actions.reset:
            await self._reset(pod, observed)
            return
        for stop in actions.stops:
            await self._stop(pod, stop, observed)
        for start in actions.starts:
            if self.is_due(start):
                await self._start(pod, start)
        if actions.resize and self.retries.get(RESIZE_KEY, 0.0) <= self._parts.clock.now():
            await self._resize(pod, observed)
        await prune_containers(self._parts.runtime, await self._observe())

    async def _resize(self, pod: Pod, observed: PodRuntime) -> None:
        try:
            await actuate(self._parts, pod, self._allocation, observed)
        except ResizeFailed as error:
            self._allocation.error = str(error)
            self.retries[RESIZE_KEY] = self._parts.clock.now() + RETRY_SECONDS
            self.events(pod).warning("ResizeError", resize_message(pod, "error", str(error)))
            self._trace(pod, Traced.FAILED, "ResizeError", str(error))
            return
        self.retries.pop(RESIZE_KEY, None)
        self._trace(pod, Traced.ACTED, "Resized", "the running containers have what is allocated to them")

    async def _reset(self, pod: Pod, observed: PodRuntime) -> None:
        """End all containers; once they have ended, and that was told, remove them, the one that asks for it last:
        until it is gone the Pod is to be reset."""
        runtime = self._parts.runtime
        for container in observed.running:
            self.events(pod).normal("Killing", f"Stopping container {name_of(container)}", name_of(container))
            await runtime.stop_container(container.id, MINIMUM_GRACE_SECONDS)
        cause = restart_all_cause(pod, observed)
        found = find_container(pod, name_of(cause)) if cause else None
        if observed.running or cause is None or found is None:
            return
        self._trace(pod, Traced.ACTED, RESTART_ALL, f"container {name_of(cause)} ended, all of the Pod begin anew")
        for container in sorted(observed.containers, key=lambda each: name_of(each) == name_of(cause)):
            await runtime.remove_container(container.id)
        self._shared.crashes.next(crash_key(pod, found[1]), finished_at(cause), self._parts.clock.now())

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
        observed, kind = await self._observe(), METRIC_KINDS[start.kind]
        self._parts.counters.add(STARTED_CONTAINERS, kind)
        try:
            await start_container(self._parts, pod, observed, start, self._volumes, self.events(pod))
        except StartFailed as error:
            self._parts.counters.add(STARTED_CONTAINERS_ERRORS, kind, error.reason)
            self.waits[name] = Waiting(error.reason, error.message)
            self._fail(pod, name, error)
            return
        self.retries.pop(name, None)
        self.waits.pop(name, None)
        self._allocation.actuate(name, effective_of(pod, start.container))
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
