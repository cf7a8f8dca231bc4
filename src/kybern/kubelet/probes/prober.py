"""Runs the probes of all containers of the node and keeps what they found; wakes the Pod's worker on a change.

One task for each probe of each running container; it ends with the container. The results are by container id, so
that a restarted container begins anew; a restarted kubelet begins with what the Pod's status says.
"""

import asyncio
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kybern.api.types.core_v1 import Container, Pod, Probe
from kybern.base.clock import Clock
from kybern.kubelet.counters import PROBES, Counters
from kybern.kubelet.events import PodEvents
from kybern.kubelet.observed import NANOSECONDS, PodRuntime
from kybern.kubelet.pod_spec import Kind, containers_of
from kybern.kubelet.ports import EventSink, ProbeKind
from kybern.kubelet.probes.outcome import Outcome, Verdict
from kybern.kubelet.probes.runners import Exec, run_probe
from kybern.kubelet.probes.tally import PERIOD_SECONDS, Tally
from kybern.kubelet.runtime.views import ContainerState

EARLY_PAUSES_SECONDS = (0.25, 0.5, 1.0, 2.0)
"""After a first probe that failed, so soon it is asked again whether a container has started or is ready: few programs
serve the moment they run, and a whole period is long (upstream asks again whenever it writes the Pod's status)."""

RESULTS = {
    Verdict.SUCCESS: "successful",
    Verdict.WARNING: "successful",
    Verdict.FAILURE: "failed",
    Verdict.UNKNOWN: "unknown",
}
"""As the metric tells them."""

ProbeKey = tuple[str, ProbeKind, str]
"""The Pod's uid, the probe's kind, the container's id."""


@dataclass(frozen=True, slots=True)
class _Target:
    pod: Pod
    container: Container
    id: str
    pod_ip: str
    kind: ProbeKind
    probe: Probe
    started_at: float
    """Seconds since the epoch; 0 where the runtime does not tell."""


class Prober:
    """A ProbeResults that is fed by tasks of its own. `sync` is called in a running loop."""

    def __init__(self, runtime: Exec, clock: Clock, sink: EventSink, counters: Counters | None = None) -> None:
        self._counters = counters if counters is not None else Counters()
        self._runtime = runtime
        self._clock = clock
        self._sink = sink
        self._tasks: dict[ProbeKey, asyncio.Task[None]] = {}
        self._results: dict[tuple[ProbeKind, str], Tally] = {}
        self._startups: dict[str, asyncio.Event] = {}
        """Set when the startup probe of the container of this id has succeeded."""

    def result(self, kind: ProbeKind, container_id: str) -> bool | None:
        """See ProbeResults.result."""
        tally = self._results.get((kind, container_id))
        return None if tally is None else tally.result

    def sync(self, pod: Pod, observed: PodRuntime, wake: Callable[[], None], *, is_ending: bool = False) -> None:
        """Begin the probes of containers that run, end those of others. Of a Pod that `is_ending` only whether it is
        ready is still asked: whether it lives does not matter any more."""
        wanted: dict[ProbeKey, _Target] = {}
        ip = observed.ips[0] if observed.ips else pod.status.pod_ip
        for kind, container in containers_of(pod):
            active = observed.active(container.name)
            if kind in (Kind.INIT, Kind.EPHEMERAL) or active is None or active.state is not ContainerState.RUNNING:
                continue
            started_at = active.started_at_ns / NANOSECONDS
            for name, probe in (
                (ProbeKind.STARTUP, container.startup_probe),
                (ProbeKind.LIVENESS, container.liveness_probe),
                (ProbeKind.READINESS, container.readiness_probe),
            ):
                if probe is not None and (name is ProbeKind.READINESS or not is_ending):
                    key = (pod.metadata.uid, name, active.id)
                    wanted[key] = _Target(pod, container, active.id, ip, name, probe, started_at)
        for key in [key for key in self._tasks if key[0] == pod.metadata.uid and key not in wanted]:
            self._end(key)
        for key, target in wanted.items():
            if key not in self._tasks:
                self._begin(key, target, wake)

    def forget(self, uid: str) -> None:
        """End all probes of a Pod."""
        for key in [key for key in self._tasks if key[0] == uid]:
            self._end(key)
        self._counters.forget(PROBES, uid)

    async def close(self) -> None:
        """End all probes."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: ProbeKey, target: _Target, wake: Callable[[], None]) -> None:
        tally = Tally.of(target.kind, target.probe)
        tally.result = told_before(target.pod, target.id, target.kind)
        self._results[key[1:]] = tally
        startup = self._startups.setdefault(target.id, asyncio.Event())
        if target.container.startup_probe is None or (target.kind is ProbeKind.STARTUP and tally.result):
            startup.set()
        self._tasks[key] = asyncio.create_task(self._run(target, tally, startup, wake))

    def _end(self, key: ProbeKey) -> None:
        self._tasks.pop(key).cancel()
        if key[1] is not ProbeKind.STARTUP or not self._is_probed(key[2]):
            self._results.pop(key[1:], None)  # That it has started stays true as long as it is probed.
        if not self._is_probed(key[2]):
            self._startups.pop(key[2], None)
            self._results.pop((ProbeKind.STARTUP, key[2]), None)

    def _is_probed(self, id: str) -> bool:
        return any(other == id for _, _, other in self._tasks)

    async def _run(self, target: _Target, tally: Tally, startup: asyncio.Event, wake: Callable[[], None]) -> None:
        period = target.probe.period_seconds or PERIOD_SECONDS
        await self._clock.sleep(first_delay(target.probe, target.id, target.started_at, self._clock.now()))
        if target.kind is not ProbeKind.STARTUP:
            await startup.wait()
        pauses = EARLY_PAUSES_SECONDS if target.kind is not ProbeKind.LIVENESS and tally.result is None else ()
        while not tally.is_over:
            due = self._clock.monotonic() + period
            outcome = await self._ask(target)
            self._tell(target, outcome)
            changed = tally.count(outcome.verdict)
            if outcome.verdict is Verdict.FAILURE:
                changed |= await self._ask_early(target, tally, pauses, due)
            pauses = ()
            if changed:
                if target.kind is ProbeKind.STARTUP and tally.result:
                    startup.set()
                wake()
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))

    async def _ask(self, target: _Target) -> Outcome:
        outcome = await run_probe(self._runtime, target.probe, target.container, target.id, target.pod_ip)
        meta, kind = target.pod.metadata, target.kind.capitalize()
        self._counters.add(
            PROBES, kind, RESULTS[outcome.verdict], target.container.name, meta.name, meta.namespace, meta.uid
        )
        return outcome

    async def _ask_early(self, target: _Target, tally: Tally, pauses: Sequence[float], due: float) -> bool:
        """Ask before the next probe is due, where only a success counts; whether the result has changed."""
        for pause in pauses:
            if tally.is_over or self._clock.monotonic() + pause >= due:
                break
            await self._clock.sleep(pause)
            outcome = await self._ask(target)
            if outcome.verdict in (Verdict.SUCCESS, Verdict.WARNING):
                self._tell(target, outcome)
                return tally.count(outcome.verdict)
        return False

    def _tell(self, target: _Target, outcome: Outcome) -> None:
        name, events = target.kind.capitalize(), PodEvents(self._sink, target.pod)
        container = target.container.name
        match outcome.verdict:
            case Verdict.FAILURE:
                events.warning("Unhealthy", f"{name} probe failed: {outcome.output}", container)
            case Verdict.WARNING:
                events.warning("ProbeWarning", f"{name} probe warning: {outcome.output}", container)
            case Verdict.UNKNOWN:
                text = f"{name} probe errored and resulted in unknown state: {outcome.output}"
                events.warning("Unhealthy", text, container)


def first_delay(probe: Probe, container_id: str, started_at: float, now: float) -> float:
    """Seconds until the first probe: what is left of the initial delay. For a container that ran long before (the
    kubelet was restarted), a part of the period that depends on its id: all of a node are not probed at once."""
    period = probe.period_seconds or PERIOD_SECONDS
    left = (started_at or now) + (probe.initial_delay_seconds or 0) - now
    if left > -period:
        return max(0.0, left)
    return period * (zlib.crc32(container_id.encode()) / (1 << 32))


def told_before(pod: Pod, container_id: str, kind: ProbeKind) -> bool | None:
    """What the Pod's status says of this very container: it is not unready because a new kubelet looks at it."""
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        if status.container_id.partition("://")[2] == container_id:
            known = {ProbeKind.READINESS: status.ready, ProbeKind.STARTUP: bool(status.started)}.get(kind)
            return known or None
    return None
