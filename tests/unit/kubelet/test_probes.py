"""Thresholds and gating, redirects, and the prober with a command for a probe."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Container, Pod, Probe
from kybern.base.clock import SystemClock
from kybern.kubelet.cri import RuntimeFailed
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.ports import ProbeKind
from kybern.kubelet.probes.outcome import Verdict, duration
from kybern.kubelet.probes.prober import Prober, first_delay, told_before
from kybern.kubelet.probes.runners import port_of, run_probe
from kybern.kubelet.probes.tally import Tally
from kybern.kubelet.runtime.views import ContainerState, ContainerStatus, ExecResult, Sandbox

LIVENESS, READINESS, STARTUP = ProbeKind.LIVENESS, ProbeKind.READINESS, ProbeKind.STARTUP
VERDICTS = {"+": Verdict.SUCCESS, "w": Verdict.WARNING, "-": Verdict.FAILURE, "?": Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("kind", "thresholds", "outcomes", "results"),
    [
        (READINESS, (1, 3), "+---+", "TTTFT"),
        (READINESS, (2, 1), "+++-+-++", "NTTFFFFT"),
        (READINESS, (1, 2), "-?-", "NNF"),
        (READINESS, (1, 1), "w?-", "TTF"),
        (LIVENESS, (1, 2), "-+--+", "NTTFF"),
        (STARTUP, (1, 3), "--+---", "NNTTTT"),
        (STARTUP, (1, 2), "--+", "NFF"),
    ],
)
def test_tally(kind: ProbeKind, thresholds: tuple[int, int], outcomes: str, results: str) -> None:
    tally, seen, before = Tally(kind, *thresholds), "", tally_result(None)
    for outcome in outcomes:
        changed = tally.count(VERDICTS[outcome])
        found = tally_result(tally.result)
        assert changed == (found != before)
        seen, before = seen + found, found
    assert seen == results


def tally_result(result: bool | None) -> str:
    return {None: "N", True: "T", False: "F"}[result]


@pytest.mark.parametrize(("seconds", "text"), [(1, "1s"), (60, "1m0s"), (90, "1m30s"), (3600, "1h0m0s")])
def test_durations(seconds: int, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("initial", "started_at", "now", "expected"),
    [(0, 100.0, 100.0, 0.0), (5, 100.0, 102.0, 3.0), (5, 100.0, 107.0, 0.0), (0, 0.0, 100.0, 0.0)],
)
def test_the_first_probe(initial: int, started_at: float, now: float, expected: float) -> None:
    assert first_delay(Probe(initial_delay_seconds=initial, period_seconds=10), "a", started_at, now) == expected


def test_after_a_restart_of_the_kubelet_probes_are_spread() -> None:
    delays = [first_delay(Probe(period_seconds=10), f"container-{i}", 100.0, 900.0) for i in range(50)]
    assert all(0 <= delay < 10 for delay in delays)
    assert max(delays) - min(delays) > 5


def test_a_restarted_kubelet_believes_the_status() -> None:
    status = {"name": "c", "containerID": "containerd://id1", "ready": True, "started": True}
    pod = convert({"status": {"containerStatuses": [status]}}, Pod)
    found = [told_before(pod, id, kind) for id in ("id1", "id2") for kind in (READINESS, STARTUP, LIVENESS)]
    assert found == [True, True, None, None, None, None]


CONTAINER = convert({"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}, Container)


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (80, 80),
        ("80", 80),
        ("web", 8080),
        ("nope", 'strconv.Atoi: parsing "nope": invalid syntax'),
        (70000, "invalid port number: 70000"),
    ],
)
def test_ports(port: int | str, expected: int | str) -> None:
    try:
        found: int | str = port_of(port, CONTAINER)
    except ValueError as error:
        found = str(error)
    assert found == expected


class Commands:
    """Stands in for the runtime; answers one after the other, the last for ever."""

    def __init__(self, *answers: ExecResult | RuntimeFailed) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, list[str], int]] = []

    async def exec_sync(self, container: str, command: list[str], timeout_seconds: int = 0) -> ExecResult:
        self.asked.append((container, command, timeout_seconds))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, RuntimeFailed):
            raise answer
        return answer


GOOD, BAD = ExecResult(0, b"fine", b""), ExecResult(1, b"a", b"b")
LATE = RuntimeFailed("ExecSync", "DEADLINE_EXCEEDED", "too late")
BROKEN = RuntimeFailed("ExecSync", "UNKNOWN", "no such container")


@pytest.mark.parametrize(
    ("answers", "expected", "asked"),
    [
        ((GOOD,), (Verdict.SUCCESS, "fine"), 1),
        ((BAD,), (Verdict.FAILURE, "ab"), 1),
        ((LATE,), (Verdict.FAILURE, 'command timed out: "check me $(NOT)" timed out after 2s'), 1),
        ((BROKEN,), (Verdict.UNKNOWN, "rpc error: code = Unknown desc = no such container"), 3),
        ((BROKEN, GOOD), (Verdict.SUCCESS, "fine"), 2),
    ],
)
async def test_commands(answers: tuple[Any, ...], expected: tuple[Verdict, str], asked: int) -> None:
    runtime = Commands(*answers)
    container = convert({"name": "c", "env": [{"name": "WHO", "value": "me"}]}, Container)
    probe = convert({"exec": {"command": ["check", "$(WHO)", "$(NOT)"]}, "timeoutSeconds": 2}, Probe)
    assert await run_probe(runtime, probe, container, "id1", "") == expected
    assert runtime.asked == [("id1", ["check", "me", "$(NOT)"], 2)] * asked


async def http(answer: Callable[[str, int], str], **fields: Any) -> tuple[str, int, list[str]]:
    """The outcome `verdict: output`, the server's port, and the targets asked for."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        asked.append(target)
        writer.write(answer(target, port).encode())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        probe = convert({"httpGet": {"port": port, "path": "/a?b=c", **fields}, "timeoutSeconds": 5}, Probe)
        outcome = await run_probe(Commands(GOOD), probe, CONTAINER, "id1", "127.0.0.1")
    return f"{outcome.verdict}: {outcome.output}".replace(str(port), "PORT"), port, asked


def redirect(to: str) -> Callable[[str, int], str]:
    return lambda target, port: f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 4\r\n\r\nbody"


OK = "HTTP/1.1 200 OK\r\n\r\nfine"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda target, port: OK, "success: fine"),
        (lambda target, port: OK if target == "/b" else redirect("/b")(target, port), "success: fine"),
        (redirect("http://elsewhere.test/"), "warning: Probe terminated redirects, Response body: body"),
        (redirect("/again"), 'failure: Get "http://127.0.0.1:PORT/again": stopped after 10 redirects'),
        (lambda target, port: "HTTP/1.1 500 No\r\n\r\n", "failure: HTTP probe failed with statuscode: 500"),
        (lambda target, port: "", 'failure: Get "http://127.0.0.1:PORT/a?b=c": EOF'),
        (
            lambda target, port: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "success: ok",
        ),
    ],
)
async def test_http(answer: Callable[[str, int], str], expected: str) -> None:
    found, _, asked = await http(answer)
    assert found == expected
    assert asked[0] == "/a?b=c"


async def test_https_of_a_server_that_speaks_http() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        probe = convert({"httpGet": {"port": port, "scheme": "HTTPS"}, "timeoutSeconds": 5}, Probe)
        outcome = await run_probe(Commands(GOOD), probe, CONTAINER, "id1", "127.0.0.1")
    expected = f'Get "https://127.0.0.1:{port}/": http: server gave HTTP response to HTTPS client'
    assert outcome == (Verdict.FAILURE, expected)


class Told:
    """An EventSink that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def event(self, subject: Any, type: str, reason: str, message: str) -> None:
        self.events.append(f"{type} {reason} {subject.field_path} {message}")


class LeapingClock(SystemClock):
    """Nobody waits: its time goes on by what is slept."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.time += seconds


async def test_the_prober_waits_for_the_start_and_wakes() -> None:
    """Readiness is not probed before the startup probe has succeeded; a failure is told."""
    often = {"periodSeconds": 1, "failureThreshold": 30, "exec": {"command": ["start"]}}
    container = {"name": "c", "startupProbe": often, "readinessProbe": {"exec": {"command": ["ready"]}}}
    pod = convert({"metadata": {"uid": "u1", "name": "web"}, "spec": {"containers": [container]}}, Pod)
    sandbox = Sandbox("s1", "web", "default", "u1", 0, True, 0, {}, {}, ("127.0.0.1",))
    status = ContainerStatus("id1", "c", 0, ContainerState.RUNNING, 0, 0, 0, 0, "", "", "", "", "")
    observed = PodRuntime("u1", (sandbox,), (status,), {"id1": "s1"})
    runtime, told, woken = Commands(BAD, GOOD), Told(), asyncio.Queue[None]()
    prober = Prober(runtime, SystemClock(), told)
    prober.sync(pod, observed, lambda: woken.put_nowait(None))
    async with asyncio.timeout(60):
        await woken.get()
        assert prober.result(STARTUP, "id1") is True
        await woken.get()
    assert prober.result(READINESS, "id1") is True
    assert [command for _, command, _ in runtime.asked] == [["start"], ["start"], ["ready"]]
    assert told.events == ["Warning Unhealthy spec.containers{c} Startup probe failed: ab"]
    prober.forget("u1")
    assert prober.result(READINESS, "id1") is None
    await prober.close()


async def test_a_pod_that_ends_is_asked_only_whether_it_is_ready() -> None:
    often = {"periodSeconds": 1, "failureThreshold": 1}
    container = {
        "name": "c",
        "startupProbe": {**often, "exec": {"command": ["start"]}},
        "livenessProbe": {**often, "exec": {"command": ["live"]}},
        "readinessProbe": {**often, "exec": {"command": ["ready"]}},
    }
    pod = convert({"metadata": {"uid": "u1", "name": "web"}, "spec": {"containers": [container]}}, Pod)
    sandbox = Sandbox("s1", "web", "default", "u1", 0, True, 0, {}, {}, ("127.0.0.1",))
    running = ContainerStatus("id1", "c", 0, ContainerState.RUNNING, 0, 0, 0, 0, "", "", "", "", "")
    observed = PodRuntime("u1", (sandbox,), (running,), {"id1": "s1"})
    runtime = Commands(GOOD)
    prober = Prober(runtime, LeapingClock(), Told())
    prober.sync(pod, observed, lambda: None)
    async with asyncio.timeout(60):
        while prober.result(READINESS, "id1") is None:
            await asyncio.sleep(0)
        prober.sync(pod, observed, lambda: None, is_ending=True)
        # That it has started, and so whether it may be ready, stays known.
        assert prober.result(STARTUP, "id1") is True
        assert prober.result(ProbeKind.LIVENESS, "id1") is None
        asked = len(runtime.asked)
        while len(runtime.asked) < asked + 2:
            await asyncio.sleep(0)
    assert {command[0] for _, command, _ in runtime.asked[asked:]} == {"ready"}
    await prober.close()


@pytest.mark.parametrize(
    ("field", "answers", "expected", "seconds", "told"),
    [
        ("readinessProbe", (BAD, GOOD), True, 0.25, 1),
        ("readinessProbe", (BAD, BAD, BAD, GOOD), True, 1.75, 1),
        ("readinessProbe", (BAD, BAD, BAD, BAD, BAD, GOOD), True, 10, 1),
        ("readinessProbe", (BAD,), False, 20, 3),
        ("startupProbe", (BAD, BAD, GOOD), True, 0.75, 1),
        ("startupProbe", (BAD,), False, 20, 3),
        ("livenessProbe", (BAD,), False, 20, 3),
        ("livenessProbe", (BAD, GOOD), True, 10, 1),
    ],
)
async def test_what_is_not_ready_at_once_is_asked_again_soon(
    field: str, answers: tuple[ExecResult, ...], expected: bool, seconds: float, told: int
) -> None:
    """Only a success counts before a period is over: the thresholds are counts of periods."""
    container = {"name": "c", field: {"exec": {"command": ["check"]}}}
    pod = convert({"metadata": {"uid": "u1", "name": "web"}, "spec": {"containers": [container]}}, Pod)
    running = ContainerStatus("id1", "c", 0, ContainerState.RUNNING, 0, 0, 0, 0, "", "", "", "", "")
    sandbox = Sandbox("s1", "web", "default", "u1", 0, True, 0, {}, {}, ("127.0.0.1",))
    observed = PodRuntime("u1", (sandbox,), (running,), {"id1": "s1"})
    clock, sink, woken = LeapingClock(), Told(), asyncio.Queue[tuple[float, int]]()
    prober = Prober(Commands(*answers), clock, sink)
    prober.sync(pod, observed, lambda: woken.put_nowait((clock.time - 1000, len(sink.events))))
    async with asyncio.timeout(60):
        found = await woken.get()
    result = prober.result(ProbeKind(field.removesuffix("Probe")), "id1")
    await prober.close()
    assert (result, *found) == (expected, seconds, told)
