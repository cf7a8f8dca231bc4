"""Answers out: order, framing, compression, streams, and clients that are slow or gone."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kybern.transport import Limits
from kybern.transport.exchange import Request, Response, Stream, Upgrade
from kybern.transport.response import accepts_gzip

from .conftest import PATIENCE_SECONDS, eventually, get, later, post, running, streaming


async def test_an_answer() -> None:
    async with running(lambda request: Response(201, b"{}", headers=[("X-A", "1")])) as rig:
        answer = await rig.ask(get())
        assert (answer.status, answer.body) == (201, b"{}")
        assert answer.headers.pop("date").endswith(" GMT")
        assert answer.headers == {"content-type": "application/json", "content-length": "2", "x-a": "1"}


async def test_pieces_are_joined() -> None:
    async with running(lambda request: Response(200, [b"[", b"1", b",", b"2", b"]"])) as rig:
        assert (await rig.ask(get())).body == b"[1,2]"


async def test_pipelined_requests_are_answered_in_order() -> None:
    async def answer(request: Request) -> Response:
        await asyncio.sleep(0.02 / (1 + len(rig.seen)))
        return Response(200, request.path.encode())

    def mixed(request: Request) -> Any:
        return answer(request) if int(request.path[1:]) % 3 else Response(200, request.path.encode())

    async with running(mixed) as rig:
        wire = await rig.wire()
        wire.send(b"".join(get(f"/{n}") for n in range(40)))
        assert [(await wire.answer()).body for _ in range(40)] == [b"/%d" % n for n in range(40)]


@pytest.mark.parametrize(
    ("request_head", "keeps"),
    [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", False),
        ("GET / HTTP/1.0\r\n\r\n", False),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
async def test_keep_alive(request_head: str, keeps: bool) -> None:
    async with running() as rig:
        wire = await rig.wire()
        wire.send(request_head.encode())
        answer = await wire.answer()
        assert (answer.headers.get("connection") != "close") is keeps
        if keeps:
            wire.send(get("/again"))
            assert (await wire.answer()).body == b"GET /again 0"
        else:
            assert await wire.ended() == b""


async def test_nothing_is_answered_after_the_last_request() -> None:
    async with running() as rig:
        wire = await rig.wire()
        wire.send(get("/1", "Connection: close") + get("/2"))
        assert (await wire.answer()).body == b"GET /1 0"
        assert await wire.ended() == b""
        assert len(rig.seen) == 1


async def test_a_handler_may_end_the_connection() -> None:
    async with running(lambda request: Response(200, b"x", close=True)) as rig:
        wire = await rig.wire()
        wire.send(get() + get())
        assert (await wire.answer()).headers["connection"] == "close"
        assert await wire.ended() == b""


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000


@pytest.mark.parametrize("answer", [Response(200, b"x" * 50), Response(200, b"x" * 900_000), Stream(endless())])
async def test_head_has_no_body(answer: Any) -> None:
    async with running(lambda request: answer) as rig:
        wire = await rig.wire()
        wire.send(get().replace(b"GET", b"HEAD") * 2)
        for _ in range(2):
            got = await wire.answer(bodiless=True)
            if isinstance(answer, Response):
                assert got.headers["content-length"] == str(len(answer.body))
        wire.send(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await wire.answer(bodiless=True)
        assert await wire.ended() == b""


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body(status: int) -> None:
    async with running(lambda request: Response(status)) as rig:
        wire = await rig.wire()
        wire.send(get() + get())
        for _ in range(2):
            assert "content-length" not in (await wire.answer()).headers


@pytest.mark.parametrize("delayed", [False, True])
async def test_a_fault_in_a_handler_is_that_requests_fault(delayed: bool) -> None:
    def fail(request: Request) -> Any:
        if request.path == "/bad":
            raise KeyError("no")
        return Response(200, b"fine")

    async def fail_later(request: Request) -> Any:
        await asyncio.sleep(0)
        return fail(request)

    async with running(fail_later if delayed else fail) as rig:
        wire = await rig.wire()
        wire.send(get("/bad") + get("/good"))
        assert [(await wire.answer()).status for _ in range(2)] == [500, 200]


@pytest.mark.parametrize("delayed", [False, True])
async def test_a_header_cannot_break_the_head_apart(delayed: bool) -> None:
    bad = Response(200, b"", headers=[("X", "a\r\nSet-Cookie: b")])
    async with running(lambda request: later(bad) if delayed else bad) as rig:
        wire = await rig.wire()
        wire.send(get())
        assert b"Set-Cookie" not in await asyncio.wait_for(wire.reader.read(1000), PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", False), ("gzip", True), ("br, GZIP", True), ("gzip;q=0", False), ("gzip;q=0.0", False),
        ("gzip; q=0.5", True), ("identity", False), ("x-gzip", False), ("deflate, gzip;q=1.0", True),
    ],
)  # fmt: skip
def test_who_accepts_gzip(accepted: str, expected: bool) -> None:
    assert accepts_gzip(accepted) is expected


@pytest.mark.parametrize("size", [10, 128 << 10, (128 << 10) + 1, 200_000, 3_000_000])
@pytest.mark.parametrize("pieces", [False, True])
async def test_large_answers_are_compressed_for_who_wants_it(size: int, pieces: bool) -> None:
    body = (b"0123456789" * (size // 10 + 1))[:size]
    response = Response(200, [body[:7], body[7:]] if pieces else body)
    async with running(lambda request: response) as rig:
        wire = await rig.wire()
        for accepted in ("gzip", "identity", "gzip"):
            wire.send(get("/", f"Accept-Encoding: {accepted}"))
            answer = await wire.answer()
            compressed = accepted == "gzip" and size > 128 << 10
            assert (answer.headers.get("content-encoding") == "gzip") is compressed
            assert (gzip.decompress(answer.body) if compressed else answer.body) == body
            assert len(answer.body) < size / 10 or not compressed


async def test_what_is_compressed_already_is_left_alone() -> None:
    body = b"x" * 200_000
    async with running(lambda request: Response(200, body, headers=[("Content-Encoding", "br")])) as rig:
        answer = await rig.ask(get("/", "Accept-Encoding: gzip"))
        assert (answer.headers["content-encoding"], answer.body) == ("br", body)


async def test_a_stream_is_sent_piece_by_piece() -> None:
    go: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def pieces() -> AsyncIterator[bytes]:
        while (piece := await go.get()) is not None:
            yield piece

    async with running(streaming(pieces)) as rig:
        wire = await rig.wire()
        wire.send(get() + get())
        assert (await wire.head()).headers["transfer-encoding"] == "chunked"
        for piece in (b"one", b"", b"two" * 1000):
            go.put_nowait(piece)
            if piece:
                assert await wire.chunk() == piece
        go.put_nowait(None)
        assert await wire.chunk() == b""
        assert (await wire.head()).status == 200, "the next request has its turn"


async def test_a_stream_to_an_old_client_ends_with_the_connection() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with running(streaming(pieces)) as rig:
        answer = await rig.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert answer.body == b"onetwo"
        assert "transfer-encoding" not in answer.headers


async def test_a_stream_that_fails_is_cut_short_visibly() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        raise KeyError("no")

    async with running(streaming(pieces)) as rig:
        wire = await rig.wire()
        wire.send(get())
        await wire.head()
        rest = await wire.ended()
        assert not rest.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("reset", [False, True])
async def test_a_client_that_leaves_ends_its_stream(reset: bool) -> None:
    closed = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with running(streaming(pieces)) as rig:
        wire = await rig.wire()
        wire.send(get())
        await wire.head()
        await wire.chunk()
        if reset:
            wire.writer.transport.abort()
        wire.close()
        await asyncio.wait_for(closed.wait(), PATIENCE_SECONDS)
        await eventually(lambda: rig.server.connections == 0)


async def test_a_client_that_leaves_cancels_its_handler() -> None:
    cancelled = asyncio.Event()

    async def wait(request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return Response(200)

    async with running(wait) as rig:
        wire = await rig.wire()
        wire.send(get())
        await eventually(lambda: bool(rig.seen))
        wire.close()
        await asyncio.wait_for(cancelled.wait(), PATIENCE_SECONDS)


async def lazy_wire(rig: Any, data: bytes) -> socket.socket:
    """A client that asks and then reads nothing, with a small receive buffer."""
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(lazy, rig.server.addresses[0])
    await loop.sock_sendall(lazy, data)
    return lazy


async def test_a_slow_reader_is_held_and_holds_nobody_and_is_cut_off() -> None:
    made = 0
    closed = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        try:
            while True:
                made += 1
                yield b"x" * 10_000
        finally:
            closed.set()

    def handle(request: Request) -> Any:
        return Stream(pieces()) if request.path == "/stream" else Response(200, b"quick")

    async with running(handle, limits=Limits(stall_seconds=0.5)) as rig:
        lazy = await lazy_wire(rig, get("/stream"))
        await eventually(lambda: made > 5)
        for _ in range(20):
            assert (await rig.ask(get("/quick"))).body == b"quick"
        await asyncio.wait_for(closed.wait(), PATIENCE_SECONDS)
        assert made < 1000, "what waits for it is bounded (the kernel's buffers aside)"
        lazy.close()


async def test_who_asks_and_never_reads_is_not_answered_for_ever() -> None:
    async with running(lambda request: Response(200, b"x" * 100_000), limits=Limits(stall_seconds=0.5)) as rig:
        lazy = await lazy_wire(rig, get() * 2000)
        await eventually(lambda: bool(rig.seen))
        await eventually(lambda: rig.server.connections == 0)
        assert len(rig.seen) < 200
        lazy.close()


@pytest.mark.parametrize("size", [400_000, 40_000_000])
async def test_a_large_answer_goes_at_the_clients_pace(size: int) -> None:
    body = b"x" * size
    async with running(lambda request: Response(200, body)) as rig:
        wire = await rig.wire()
        wire.send(get())
        assert len((await wire.answer()).body) == size


async def test_many_pipelined_bodies_are_not_all_read_at_once() -> None:
    go = asyncio.Event()

    async def slow(request: Request) -> Response:
        await go.wait()
        return Response(200, b"%d" % len(request.body))

    async with running(slow) as rig:
        wire = await rig.wire()
        wire.send(post(b"x" * 1_000_000) * 60)
        await eventually(lambda: bool(rig.seen))
        await asyncio.sleep(0.2)
        connection = next(iter(rig.server._connections))
        assert connection._queued_bytes < 8 << 20
        go.set()
        assert [(await wire.answer()).body for _ in range(60)] == [b"1000000"] * 60


async def test_an_upgrade_that_nobody_takes_is_a_request_like_others() -> None:
    async with running() as rig:
        wire = await rig.wire()
        wire.send(get("/1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c") + get("/2") + get("/3"))
        assert [(await wire.answer()).body for _ in range(3)] == [b"GET /1 0", b"GET /2 0", b"GET /3 0"]


async def test_an_upgraded_connection_belongs_to_its_handler() -> None:
    async def run(connection: Any) -> None:
        while data := await connection.read():
            await connection.write(data.upper())
        await connection.write(b"END")

    def handle(request: Request) -> Any:
        return Upgrade("SPDY/3.1", run, [("X-Stream-Protocol-Version", "v4.channel.k8s.io")])

    async with running(handle) as rig:
        wire = await rig.wire()
        wire.send(post(b"", "Connection: Upgrade", "Upgrade: SPDY/3.1") + b"early ")
        answer = await wire.answer()
        assert (answer.status, answer.headers["upgrade"], answer.headers["connection"]) == (101, "SPDY/3.1", "Upgrade")
        assert answer.headers["x-stream-protocol-version"] == "v4.channel.k8s.io"
        wire.send(b"late")
        assert await wire.reader.readexactly(10) == b"EARLY LATE"
        wire.send(b"x" * 3_000_000)
        assert await wire.reader.readexactly(3_000_000) == b"X" * 3_000_000
        wire.writer.write_eof()
        assert await wire.ended() == b"END"


async def test_who_sends_to_an_upgraded_connection_that_nobody_reads_is_held() -> None:
    go = asyncio.Event()

    async def run(connection: Any) -> None:
        await go.wait()
        size = 0
        while data := await connection.read():
            size += len(data)
        await connection.write(b"%d" % size)

    async with running(lambda request: Upgrade("x", run)) as rig:
        wire = await rig.wire()
        wire.send(get("/", "Connection: Upgrade", "Upgrade: x"))
        await wire.answer()
        wire.send(b"x" * 60_000_000)
        await asyncio.sleep(0.3)
        assert wire.writer.transport.get_write_buffer_size() > 20_000_000, "the server does not take it all in"
        go.set()
        wire.writer.write_eof()
        assert await wire.ended() == b"60000000"


async def test_an_upgrade_that_was_not_asked_for_is_a_fault() -> None:
    async def run(connection: Any) -> None: ...

    async with running(lambda request: Upgrade("websocket", run)) as rig:
        assert (await rig.ask(get())).status == 500
