"""One probe, once: its handler found, run, and its outcome judged with upstream's words."""

import asyncio
from typing import Protocol

from kybern.api.types.core_v1 import Container, Probe
from kybern.kubelet.config.expansion import expand
from kybern.kubelet.cri import RuntimeFailed
from kybern.kubelet.probes.grpc_health import NotServing, check_health
from kybern.kubelet.probes.http_get import dial_error, probe_http
from kybern.kubelet.probes.outcome import Outcome, Verdict, duration
from kybern.kubelet.probes.tally import TIMEOUT_SECONDS
from kybern.kubelet.runtime.views import ExecResult

TRIES = 3
"""How often a probe is made that could not be made (upstream's maxProbeRetries)."""
OUTPUT_BYTES = 10 << 10
"""Of a command's output that is kept."""


class Exec(Protocol):
    """Runs commands in containers; `Runtime` is one."""

    async def exec_sync(self, container: str, command: list[str], timeout_seconds: int = 0) -> ExecResult:
        """Raises RuntimeFailed, with code DEADLINE_EXCEEDED after the timeout."""
        ...


async def run_probe(runtime: Exec, probe: Probe, container: Container, id: str, pod_ip: str) -> Outcome:
    """Never raises: what cannot be probed is UNKNOWN."""
    outcome = Outcome(Verdict.UNKNOWN)
    for _ in range(TRIES):
        try:
            outcome = await _run_once(runtime, probe, container, id, pod_ip)
        except RuntimeFailed as error:
            outcome = Outcome(Verdict.UNKNOWN, error.rpc_text)
        except ValueError as error:
            outcome = Outcome(Verdict.UNKNOWN, str(error))
        if outcome.verdict is not Verdict.UNKNOWN:
            break
    return outcome


async def _run_once(runtime: Exec, probe: Probe, container: Container, id: str, pod_ip: str) -> Outcome:
    timeout = probe.timeout_seconds or TIMEOUT_SECONDS
    if probe.exec is not None:
        known = {each.name: each.value for each in container.env if each.value_from is None}
        return await _exec(runtime, id, [expand(word, known) for word in probe.exec.command], timeout)
    if probe.http_get is not None:
        port = port_of(probe.http_get.port, container)
        return await probe_http(probe.http_get, probe.http_get.host or pod_ip, port, timeout)
    if probe.tcp_socket is not None:
        return await _tcp(probe.tcp_socket.host or pod_ip, port_of(probe.tcp_socket.port, container), timeout)
    if probe.grpc is not None:
        try:
            await check_health(pod_ip, probe.grpc.port, probe.grpc.service, timeout)
        except NotServing as error:
            return Outcome(Verdict.FAILURE, str(error))
        return Outcome(Verdict.SUCCESS, "service healthy")
    raise ValueError(f"missing probe handler for container {container.name}")


async def _exec(runtime: Exec, id: str, command: list[str], timeout_seconds: int) -> Outcome:
    try:
        result = await runtime.exec_sync(id, command, timeout_seconds)
    except RuntimeFailed as error:
        if error.code != "DEADLINE_EXCEEDED":
            raise
        words = " ".join(command)
        return Outcome(Verdict.FAILURE, f'command timed out: "{words}" timed out after {duration(timeout_seconds)}')
    output = (result.stdout + result.stderr)[:OUTPUT_BYTES].decode(errors="replace")
    return Outcome(Verdict.FAILURE if result.exit_code else Verdict.SUCCESS, output)


async def _tcp(host: str, port: int, timeout_seconds: float) -> Outcome:
    try:
        async with asyncio.timeout(timeout_seconds):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        name = f"[{host}]" if ":" in host else host
        return Outcome(Verdict.FAILURE, f"dial tcp {name}:{port}: i/o timeout")
    except OSError as error:
        return Outcome(Verdict.FAILURE, dial_error(host, port, error))
    writer.close()
    return Outcome(Verdict.SUCCESS)


def port_of(port: int | str, container: Container) -> int:
    """A number, or the number of the container's port of this name. Raises ValueError with upstream's words."""
    named = [each.container_port for each in container.ports if each.name == port]
    if not named and isinstance(port, str) and not port.isdecimal():
        raise ValueError(f'strconv.Atoi: parsing "{port}": invalid syntax')
    number = named[0] if named else int(port)
    if not 0 < number < 1 << 16:
        raise ValueError(f"invalid port number: {number}")
    return number
