"""The HTTP transport against a real socket: keep-alive, streams, broken connections, limits."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from kybern.base.clock import SystemClock
from kybern.base.errors import Conflict, Expired, InternalError, NotFound, TooManyRequests, Unreachable
from kybern.client.answers import error_of
from kybern.client.credentials import Credentials
from kybern.client.http import HttpTransport
from kybern.client.retry import RetryingTransport
from kybern.client.transport import HttpRequest

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def server(script: Script) -> AsyncIterator[HttpTransport]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    transport = HttpTransport(f"http://127.0.0.1:{port}/base", Credentials(token="secret"), user_agent="test/1")
    try:
        yield transport
    finally:
        await transport.close()
        listening.close()


async def head_of(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


async def test_a_request_and_its_answer() -> None:
    heads: list[str] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await head_of(reader))
            heads.append((await reader.readexactly(3)).decode())
            writer.write(OK)

    async with server(script) as transport:
        for _ in range(3):
            answer = await transport.request(HttpRequest("POST", "/api/v1/x y", {"a": "b c"}, b"abc"))
            assert (answer.status, answer.body) == (200, b"ok")
    lines = heads[0].split("\r\n")
    assert lines[0] == "POST /base/api/v1/x%20y?a=b+c HTTP/1.1"
    assert "Authorization: Bearer secret" in lines
    assert "Content-Length: 3" in lines
    assert heads[1::2] == ["abc"] * 3


async def test_connections_are_kept_and_limited() -> None:
    connections = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await head_of(reader)
            await asyncio.sleep(0.001)
            writer.write(OK)

    async with server(script) as transport:
        await asyncio.gather(*(transport.request(HttpRequest("GET", "/")) for _ in range(100)))
        assert connections <= 32
        before = connections
        await transport.request(HttpRequest("GET", "/"))
        assert connections == before


async def test_a_read_is_sent_again_and_a_write_is_not() -> None:
    requests: list[str] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await head_of(reader)).split()[0])
        if len(requests) % 2 == 0:
            writer.write(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            await writer.drain()

    async with server(script) as transport:
        patient = RetryingTransport(transport, SystemClock(), random.Random(1))
        assert (await patient.request(HttpRequest("GET", "/"))).body == b"ok"
        with pytest.raises(Unreachable):
            await patient.request(HttpRequest("POST", "/", body=b"{}"))
    assert requests == ["GET", "GET", "POST"]


async def test_a_request_that_is_put_off_is_sent_again() -> None:
    answers = [b"HTTP/1.1 429 Too Many\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"] * 2 + [OK]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answers:
            await head_of(reader)
            await reader.readexactly(2)
            writer.write(answers.pop(0))

    async with server(script) as transport:
        patient = RetryingTransport(transport, SystemClock(), random.Random(1))
        assert (await patient.request(HttpRequest("POST", "/", body=b"{}"))).status == 200


async def test_a_stream_comes_piece_by_piece_and_says_when_it_broke() -> None:
    goes_on = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
        await goes_on.wait()
        writer.write(b"4\r\ntwo\n\r\n")
        await writer.drain()

    async with server(script) as transport:
        stream = await transport.stream(HttpRequest("GET", "/"))
        assert await stream.read() == b"one\n"
        goes_on.set()
        assert await stream.read() == b"two\n"
        with pytest.raises(Unreachable):
            await stream.read()
        stream.close()


@pytest.mark.parametrize(
    ("status", "body", "expected", "message"),
    [
        (404, b'{"kind":"Status","reason":"NotFound","message":"pods x not found"}', NotFound, "pods x not found"),
        (409, b'{"kind":"Status","reason":"Conflict","message":"m"}', Conflict, "m"),
        (410, b'{"kind":"Status","reason":"Expired","message":"m"}', Expired, "m"),
        (429, b"slow down\n", TooManyRequests, "slow down"),
        (500, b"", InternalError, "the server answered 500"),
        (404, b"<html>", NotFound, "<html>"),
        (503, b'{"kind":"Status","reason":"Unheard","message":"m","code":404}', NotFound, "m"),
    ],
)
def test_errors(status: int, body: bytes, expected: type[Exception], message: str) -> None:
    error = error_of(status, body)
    assert type(error) is expected
    assert error.message == message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://127.0.0.1:1", "https://127.0.0.1:1: Connection refused"),
        ("https://nowhere.invalid", "https://nowhere.invalid: "),
    ],
)
async def test_who_cannot_be_reached_is_told_in_words(url: str, words: str) -> None:
    transport = HttpTransport(url, Credentials(token="secret"), user_agent="test/1")
    with pytest.raises(Unreachable) as told:
        await transport.request(HttpRequest("GET", "/"))
    assert str(told.value).startswith(words)
    assert "Errno" not in str(told.value)
