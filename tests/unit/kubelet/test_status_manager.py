"""Statuses reach the API server: once for each change, after an outage too, and then the Pod goes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson

from kybern.api.types import convert
from kybern.api.types.core_v1 import Pod, PodStatus
from kybern.base.clock import SystemClock
from kybern.base.errors import Unreachable
from kybern.client.client import Client
from kybern.client.transport import HttpAnswer, HttpRequest, HttpStream
from kybern.kubelet.status_manager import StatusManager

from .worlds import pod

TIMEOUT_SECONDS = 60.0


class Server:
    """The smallest server that a status needs; it can be away."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[str, Any]] = []
        self.answered = asyncio.Event()

    async def request(self, request: HttpRequest) -> HttpAnswer:
        self.answered.set()
        if self.away:
            raise Unreachable("away")
        self.asked.append((str(request), orjson.loads(request.body)))
        return HttpAnswer(200, {}, b"{}")

    async def stream(self, request: HttpRequest) -> HttpStream:
        raise AssertionError("no watch is asked for")

    async def close(self) -> None:
        return None

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len(self.asked) < count:
                self.answered.clear()
                await self.answered.wait()


@contextlib.asynccontextmanager
async def manager(server: Server, mirror: Pod | None = None) -> AsyncIterator[StatusManager]:
    statuses = StatusManager(Client(server), SystemClock(), lambda _: mirror)
    task = asyncio.create_task(statuses.run())
    try:
        yield statuses
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_only_changes_are_written() -> None:
    server = Server()
    async with manager(server) as statuses:
        statuses.set(pod(), PodStatus(phase="Pending"))
        await server.wait(1)
        statuses.set(pod(), PodStatus(phase="Pending"))
        statuses.set(pod(), PodStatus(phase="Running", pod_ip="1"))
        await server.wait(2)
    path = "PATCH /api/v1/namespaces/d/pods/p/status"
    assert server.asked == [
        (path, {"metadata": {"uid": "u"}, "status": {"phase": "Pending"}}),
        (path, {"metadata": {"uid": "u"}, "status": {"phase": "Running", "podIP": "1"}}),
    ]


async def test_an_outage_loses_nothing() -> None:
    server = Server()
    server.away = True
    async with manager(server) as statuses:
        statuses.set(pod(), PodStatus(phase="Pending"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await server.answered.wait()
        statuses.set(pod(), PodStatus(phase="Failed"))
        statuses.finish(pod(), removed=False)
        server.away = False
        await server.wait(2)
    assert [asked for asked, _ in server.asked] == [
        "PATCH /api/v1/namespaces/d/pods/p/status",
        "DELETE /api/v1/namespaces/d/pods/p",
    ]
    assert server.asked[0][1]["status"] == {"phase": "Failed"}
    assert server.asked[1][1]["gracePeriodSeconds"] == 0
    assert server.asked[1][1]["preconditions"] == {"uid": "u"}


async def test_a_static_pod_speaks_through_its_mirror() -> None:
    static, mirror, server = pod(), pod(), Server()
    static.metadata.annotations["kubernetes.io/config.source"] = "file"
    mirror.metadata.uid = "m"
    async with manager(server, mirror) as statuses:
        statuses.set(static, PodStatus(phase="Running"))
        await server.wait(1)
    assert server.asked[0][1]["metadata"] == {"uid": "m"}


class Remembering(Server):
    """Keeps the status, and gives it a revision with each write."""

    def __init__(self) -> None:
        super().__init__()
        self.status: dict[str, Any] = {}

    async def request(self, request: HttpRequest) -> HttpAnswer:
        await super().request(request)
        self.status |= self.asked[-1][1]["status"]
        return HttpAnswer(200, {}, orjson.dumps(self.version(len(self.asked), self.status)))

    @staticmethod
    def version(revision: int, status: dict[str, Any]) -> dict[str, Any]:
        return {
            "metadata": {"name": "p", "namespace": "d", "uid": "u", "resourceVersion": str(revision)},
            "status": status,
        }


async def test_an_event_that_comes_late_hides_nothing() -> None:
    def seen(revision: int, **status: Any) -> None:
        statuses.seen(convert(Remembering.version(revision, status), Pod))

    server = Remembering()
    async with manager(server) as statuses:
        statuses.set(pod(), PodStatus(phase="Pending", reason="Waiting"))
        await server.wait(1)
        statuses.set(pod(), PodStatus(phase="Running"))
        await server.wait(2)
        seen(1, phase="Pending", reason="Waiting")  # Of before our second write.
        seen(2, phase="Running")
        seen(3, phase="Pending")  # Another has written something else: it is put right.
        await server.wait(3)
    assert [asked["status"] for _, asked in server.asked] == [
        {"phase": "Pending", "reason": "Waiting"},
        {"phase": "Running", "reason": None},
        {"phase": "Running"},
    ]


class Uneven(Server):
    """Refuses one Pod's status, and answers another's only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0
        self.gate = asyncio.Event()

    async def request(self, request: HttpRequest) -> HttpAnswer:
        if "/refused/" in request.path:
            self.refused += 1
            self.answered.set()
            return HttpAnswer(422, {}, b'{"kind": "Status", "reason": "Invalid", "message": "no", "code": 422}')
        if "/slow/" in request.path:
            await self.gate.wait()
        return await super().request(request)


def named(name: str) -> Pod:
    found = pod()
    found.metadata.name = found.metadata.uid = name
    return found


async def test_no_pod_waits_for_another() -> None:
    server, names = Uneven(), [f"p{number}" for number in range(30)]
    async with manager(server) as statuses:
        for name in ("refused", "slow", *names):
            statuses.set(named(name), PodStatus(phase="Pending"))
        await server.wait(len(names))
        refused = server.refused
        for name in names:
            statuses.set(named(name), PodStatus(phase="Running"))
        await server.wait(2 * len(names))
        assert all("/slow/" not in asked for asked, _ in server.asked)
        server.gate.set()
        await server.wait(2 * len(names) + 1)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while server.refused == refused:  # What was refused is tried again.
                server.answered.clear()
                await server.answered.wait()
