"""The server as a whole: several addresses, how many may come, how it ends."""

import asyncio
import gc
import socket
import weakref
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from kybern.transport import Limits, Server
from kybern.transport.exchange import Request, Response, Stream, Upgrade

from .conftest import PATIENCE_SECONDS, Wire, echo, eventually, get, later, post, running


async def test_several_addresses() -> None:
    server = Server(echo)
    await server.start([("127.0.0.1", 0), ("127.0.0.2", 0), ("::1", 0)])
    assert [host for host, _ in server.addresses] == ["127.0.0.1", "127.0.0.2", "::1"]
    for host, port in server.addresses:
        wire = Wire(*await asyncio.open_connection(host, port))
        wire.send(get())
        assert (await wire.answer()).status == 200
        wire.close()
    await server.stop()


async def test_all_addresses_or_none() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Server(echo)
        with pytest.raises(OSError):
            await server.start([("127.0.0.1", 0), taken.getsockname()])
        assert server.addresses == []
        await server.stop()


def echo_later(request: Request) -> Awaitable[Response]:
    return later(echo(request))


@pytest.mark.parametrize("answer", [echo, echo_later])
async def test_a_connection_that_is_gone_is_freed_without_the_collector_of_garbage(answer: Any) -> None:
    """With TLS each holds 20 KiB that the collector does not see, and it looks seldom."""
    async with running(answer) as rig:
        wire = await rig.wire()
        wire.send(get())
        await wire.answer()
        gc.disable()
        try:
            found = weakref.WeakSet(rig.server._connections)
            assert len(found) == 1
            wire.close()
            await eventually(lambda: not found)
        finally:
            gc.enable()


async def test_too_many_connections() -> None:
    async with running(limits=Limits(connections=2, linger_seconds=0.1)) as rig:
        wires = [await rig.wire() for _ in range(2)]
        await eventually(lambda: rig.server.connections == 2)
        extra = await rig.wire()
        assert (await extra.answer()).status == 503
        await extra.ended()
        for wire in wires:
            wire.send(get())
            assert (await wire.answer()).status == 200
        wires[0].close()
        await eventually(lambda: rig.server.connections == 1)
        assert (await rig.ask(get())).status == 200


async def endless() -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.Event().wait()


async def test_a_graceful_end() -> None:
    go = asyncio.Event()

    async def slow(request: Request) -> Response:
        await go.wait()
        return Response(200, b"done")

    def handle(request: Request) -> Any:
        return {"/slow": slow, "/stream": lambda _: Stream(endless())}.get(request.path, echo)(request)

    async with running(handle) as rig:
        idle, busy, stream, half = [await rig.wire() for _ in range(4)]
        idle.send(get())
        await idle.answer()
        busy.send(get("/slow"))
        stream.send(get("/stream"))
        await stream.head()
        assert await stream.chunk() == b"first"
        half.send(post(b"abc")[:-1])
        await eventually(lambda: len(rig.seen) == 3)
        address = rig.server.addresses[0]
        stopping = asyncio.create_task(rig.server.stop(grace_seconds=PATIENCE_SECONDS))
        assert await idle.ended() == b""
        assert await stream.chunk() == b"", "the last chunk, so that the client sees a whole answer"
        assert await stream.ended() == b""
        with pytest.raises(OSError):
            await asyncio.open_connection(*address)
        assert not stopping.done()
        go.set()
        answer = await busy.answer()
        assert (answer.body, answer.headers["connection"]) == (b"done", "close")
        assert await busy.ended() == b""
        await stopping


async def test_who_does_not_end_in_time_is_cut_off() -> None:
    async def stubborn(request: Request) -> Response:
        await asyncio.Event().wait()
        return Response(200)

    async with running(stubborn) as rig:
        wire = await rig.wire()
        wire.send(get())
        await eventually(lambda: bool(rig.seen))
        await rig.server.stop(grace_seconds=0.1)
        assert await wire.ended() == b""


async def test_upgraded_connections_end_with_the_server() -> None:
    ended = asyncio.Event()

    async def run(connection: Any) -> None:
        try:
            await connection.read()
        finally:
            ended.set()

    async with running(lambda request: Upgrade("x", run)) as rig:
        wire = await rig.wire()
        wire.send(get("/", "Connection: Upgrade", "Upgrade: x"))
        await wire.answer()
        await rig.server.stop(grace_seconds=PATIENCE_SECONDS)
        assert ended.is_set()


async def test_a_task_that_outlives_its_client_is_ended() -> None:
    ended = asyncio.Event()

    async def run(connection: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with running(lambda request: Upgrade("x", run), limits=Limits(abandon_seconds=0.1)) as rig:
        wire = await rig.wire()
        wire.send(get("/", "Connection: Upgrade", "Upgrade: x"))
        await wire.answer()
        wire.close()
        await asyncio.wait_for(ended.wait(), PATIENCE_SECONDS)


async def test_a_thousand_connections_that_idle_cost_no_tasks() -> None:
    async with running() as rig:
        wires = [await rig.wire() for _ in range(200)]
        for wire in wires:
            wire.send(get())
            await wire.answer()
        assert rig.server.connections == 200
        await eventually(lambda: len(asyncio.all_tasks()) == 1)
