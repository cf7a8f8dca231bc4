"""Runs the probes of all containers of the node and keeps what they found; wakes the Pod's worker on a change.

One task for each probe of each running container; it ends with the container. The results are by container id, so
that a restarted container begins anew.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from kybern.api.types.core_v1 import Container, Pod, Probe
from kybern.base.clock import Clock
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.events import PodEvents
from kybern.kubelet.lifecycle import ConnectFailed, connect, http_get, port_of
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.pod_spec import Kind, containers_of
from kybern.kubelet.ports import EventSink, ProbeKind
from kybern.kubelet.probes.grpc_health import NotServing, check_health
from kybern.kubelet.runtime.views import ContainerState

OUTPUT_LIMIT = 10 * 1024
"""Bytes of a probe's output that go into an event."""


@dataclass(frozen=True, slots=True)
class _Target:
    pod: Pod
    container: Container
    id: str
    pod_ip: str
    kind: ProbeKind
    probe: Probe


class ProbeFailed(Exception):
    """The probe said no; the text is its output."""


class Prober:
    """A ProbeResults that is fed by tasks of its own. `start` is called in a running loop."""

    def __init__(self, runtime: Runtime, clock: Clock, sink: EventSink) -> None:
        self._runtime = runtime
        self._clock = clock
        self._sink = sink
        self._results: dict[tuple[ProbeKind, str], bool] = {}
        self._tasks: dict[tuple[str, ProbeKind, str], asyncio.Task[None]] = {}
        """By the Pod's uid, kind and container id."""

    def result(self, kind: ProbeKind, container_id: str) -> bool | None:
        """See ProbeResults.result."""
        return self._results.get((kind, container_id))

    def sync(self, pod: Pod, observed: PodRuntime, wake: Callable[[], None]) -> None:
        """Begin the probes of containers that run, end those of others."""
        wanted: dict[tuple[str, ProbeKind, str], _Target] = {}
        ip = observed.ips[0] if observed.ips else pod.status.pod_ip
        for kind, container in containers_of(pod):
            active = observed.active(container.name)
            if kind in (Kind.INIT, Kind.EPHEMERAL) or active is None or active.state is not ContainerState.RUNNING:
                continue
            for name, probe in (
                (ProbeKind.STARTUP, container.startup_probe),
                (ProbeKind.LIVENESS, container.liveness_probe),
                (ProbeKind.READINESS, container.readiness_probe),
            ):
                if probe is not None:
                    key = (pod.metadata.uid, name, active.id)
                    wanted[key] = _Target(pod, container, active.id, ip, name, probe)
        for key in [key for key in self._tasks if key[0] == pod.metadata.uid and key not in wanted]:
            self._end(key)
        for key, target in wanted.items():
            if key not in self._tasks:
                self._tasks[key] = asyncio.create_task(self._run(target, wake))

    def forget(self, uid: str) -> None:
        """End all probes of a Pod."""
        for key in [key for key in self._tasks if key[0] == uid]:
            self._end(key)

    async def close(self) -> None:
        """End all probes."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self, key: tuple[str, ProbeKind, str]) -> None:
        self._tasks.pop(key).cancel()
        self._results.pop((key[1], key[2]), None)

    async def _run(self, target: _Target, wake: Callable[[], None]) -> None:
        probe, key = target.probe, (target.kind, target.id)
        period = probe.period_seconds or 10
        failures = successes = 0
        await self._clock.sleep(probe.initial_delay_seconds or 0)
        while True:
            if target.kind is not ProbeKind.STARTUP and not self._has_started(target):
                await self._clock.sleep(min(period, 1.0))
                continue
            succeeded = await self._probe(target)
            failures, successes = (0, successes + 1) if succeeded else (failures + 1, 0)
            before = self._results.get(key)
            if succeeded and successes >= (probe.success_threshold or 1):
                self._results[key] = True
            elif not succeeded and failures >= (probe.failure_threshold or 3):
                self._results[key] = False
            if self._results.get(key) != before:
                wake()
            if target.kind is ProbeKind.STARTUP and self._results.get(key) is True:
                return
            if target.kind is not ProbeKind.READINESS and self._results.get(key) is False:
                return  # The container is ended now; another one begins anew.
            await self._clock.sleep(period)

    def _has_started(self, target: _Target) -> bool:
        return target.container.startup_probe is None or self._results.get((ProbeKind.STARTUP, target.id)) is True

    async def _probe(self, target: _Target) -> bool:
        try:
            await run_probe(self._runtime, target.probe, target.container, target.id, target.pod_ip)
        except ProbeFailed as error:
            text = str(error)[:OUTPUT_LIMIT]
            message = f"{target.kind.capitalize()} probe failed: {text}"
            PodEvents(self._sink, target.pod).warning("Unhealthy", message, target.container.name)
            return False
        return True


async def run_probe(runtime: Runtime, probe: Probe, container: Container, id: str, pod_ip: str) -> None:
    """Probe once. Raises ProbeFailed."""
    timeout = probe.timeout_seconds or 1
    try:
        if probe.exec is not None:
            result = await runtime.exec_sync(id, probe.exec.command, timeout)
            if result.exit_code:
                raise ProbeFailed((result.stdout + result.stderr).decode(errors="replace"))
        elif probe.http_get is not None:
            status, _ = await http_get(probe.http_get, container, pod_ip, timeout)
            if not 200 <= status < 400:
                raise ProbeFailed(f"HTTP probe failed with statuscode: {status}")
        elif probe.tcp_socket is not None:
            await connect(probe.tcp_socket.host or pod_ip, port_of(probe.tcp_socket.port, container), timeout)
        elif probe.grpc is not None:
            await check_health(pod_ip, probe.grpc.port, probe.grpc.service, timeout)
    except RuntimeFailed as error:
        if error.code == "DEADLINE_EXCEEDED":
            words = " ".join(probe.exec.command) if probe.exec else ""
            raise ProbeFailed(f'command timed out: "{words}" timed out after {timeout}s') from error
        raise ProbeFailed(error.rpc_text) from error
    except (ConnectFailed, NotServing) as error:
        raise ProbeFailed(str(error)) from error
