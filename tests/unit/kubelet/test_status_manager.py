"""Statuses reach the API server: once for each change, after an outage too, and then the Pod goes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from kybern.api.types.core_v1 import Pod, PodStatus
from kybern.base.clock import SystemClock
from kybern.base.errors import Unreachable
from kybern.client.client import Client
from kybern.client.transport import NO_HEADERS, NO_QUERY, HttpAnswer, HttpStream
from kybern.kubelet.status_manager import StatusManager

from .worlds import pod

TIMEOUT_SECONDS = 10.0


class Server:
    """The smallest server that a status needs; it can be away."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[str, Any]] = []
        self.answered = asyncio.Event()

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = NO_QUERY,
        body: bytes = b"",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> HttpAnswer:
        self.answered.set()
        if self.away:
            raise Unreachable("away")
        self.asked.append((f"{method} {path}", orjson.loads(body)))
        return HttpAnswer(200, {}, b"{}")

    async def stream(self, *args: Any, **kwargs: Any) -> HttpStream:
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
