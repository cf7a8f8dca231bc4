"""Servers behind this one that break off, never end, or send clients elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kybern.apiserver.call import Call
from kybern.apiserver.proxy import backend
from kybern.apiserver.proxy.backend import Place, ask
from kybern.apiserver.proxy.passing import pass_on
from kybern.apiserver.request_info import request_info
from kybern.base.errors import Unreachable
from kybern.transport.exchange import Request, Response, Stream

OK = b"HTTP/1.1 200 OK\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example.com/\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def answering(*pieces: bytes, endlessly: bool = False) -> AsyncIterator[Place]:
    """A server that says this, the last of it again and again if `endlessly`, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
            while endlessly:
                writer.write(pieces[-1])
                await writer.drain()
        except ConnectionError:
            pass  # The client has had enough.
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Place("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()


def call(**headers: str) -> Call:
    request = Request("GET", "/a", {}, headers, b"", "127.0.0.1:1", "/a")
    return Call(request, request_info(request), 0.0)


@pytest.mark.parametrize(
    "sent",
    [
        OK + b"Content-Length: 10\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
async def test_a_part_is_not_taken_for_the_whole(sent: bytes) -> None:
    async with answering(sent) as place:
        with pytest.raises((ConnectionResetError, Unreachable)):
            _ = [piece async for piece in (await ask(place, "GET", "/", {})).pieces()]


async def test_what_tells_no_end_ends_with_the_connection() -> None:
    async with answering(OK + b"\r\nabc") as place:
        assert await (await ask(place, "GET", "/", {})).whole() == b"abc"


async def test_an_answer_to_head_has_no_body_whatever_it_says() -> None:
    async with answering(OK + b"Content-Length: 10\r\n\r\n") as place:
        assert await (await ask(place, "HEAD", "/", {})).whole() == b""


async def test_an_endless_answer_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "WHOLE_LIMIT", 1 << 20)
    async with answering(OK + b"\r\n", b"x" * 65536, endlessly=True) as place:
        with pytest.raises(Unreachable, match="longer than 1048576 bytes"):
            await (await ask(place, "GET", "/", {})).whole()


async def test_an_endless_head_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "HEAD_LIMIT", 1 << 20)
    async with answering(OK, b"X: " + b"y" * 60000 + b"\r\n", endlessly=True) as place:
        with pytest.raises(Unreachable, match="response headers exceeded"):
            await ask(place, "GET", "/", {})


async def test_an_aggregated_server_sends_nobody_elsewhere() -> None:
    async with answering(MOVED) as place:
        refused = await pass_on(call(), place, "/a", redirects=False)
        assert isinstance(refused, Response)
        told = b"the backend attempted to redirect this request, which is not permitted"
        assert (refused.status, refused.body) == (502, told)
    async with answering(MOVED) as place:
        passed = await pass_on(call(), place, "/a")
        assert isinstance(passed, Stream)
        assert passed.status == 302


async def test_nobody_switches_protocols_unasked() -> None:
    async with answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: spdy\r\nConnection: Upgrade\r\n\r\n") as place:
        refused = await pass_on(call(), place, "/a")
        assert isinstance(refused, Response)
        assert (refused.status, refused.body) == (
            503,
            b'backend tried to switch protocol "spdy" when "" was requested\n',
        )


async def test_nobody_is_asked_to_end_the_connection() -> None:
    """Behind TLS, what a slow reader has not taken yet would be lost."""
    asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK + b"Content-Length: 3\r\n\r\nabc")

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        answer = await ask(Place("127.0.0.1", server.sockets[0].getsockname()[1]), "GET", "/", {})
        assert await answer.whole() == b"abc"
        assert b"connection:" not in (await asked).lower()
