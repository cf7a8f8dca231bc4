"""Real sockets on loopback: a server around a handler, and a client that sends bytes as they are."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop

from kybern.transport import Limits, Server
from kybern.transport.exchange import Handler, Request, Response, Stream

PATIENCE_SECONDS = 60.0


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every case runs on both loops: their TLS and their flow control are different programs."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One connection, seen from the client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        """To a server that has closed already nothing goes: uvloop refuses the very attempt."""
        if not self.writer.transport.is_closing():
            self.writer.write(data)

    async def head(self) -> Answer:
        async with asyncio.timeout(PATIENCE_SECONDS):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = (line.split(": ", 1) for line in lines[1:] if line)
        return Answer(int(lines[0].split()[1]), {name.lower(): value for name, value in fields}, b"")

    async def answer(self, *, bodiless: bool = False) -> Answer:
        answer = await self.head()
        if bodiless or answer.status in (100, 101, 204, 304):
            return answer
        async with asyncio.timeout(PATIENCE_SECONDS):
            if answer.headers.get("transfer-encoding") == "chunked":
                while piece := await self.chunk():
                    answer.body += piece
            elif "content-length" in answer.headers:
                answer.body = await self.reader.readexactly(int(answer.headers["content-length"]))
            else:
                answer.body = await self.reader.read()
        return answer

    async def chunk(self) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def ended(self) -> bytes:
        """What still comes, until the server closes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self.reader.read()
            except (ConnectionError, ssl.SSLError):
                return b""

    def close(self) -> None:
        self.writer.close()


@dataclass
class Rig:
    """A running server, and what its handler has seen."""

    server: Server
    seen: list[Request] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    async def wire(self, **options: Any) -> Wire:
        host, port = self.server.addresses[0]
        wire = Wire(*await asyncio.open_connection(host, port, **options))
        self.wires.append(wire)
        return wire

    async def serves(self, **options: Any) -> None:
        """Wait for an answer: where the machine stands still, a question may be the one that came too late."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    if (await self.ask(get("/still-there"), **options)).status == 200:
                        return
                except (OSError, asyncio.IncompleteReadError):
                    await asyncio.sleep(0.01)

    async def ask(self, data: bytes, **options: Any) -> Answer:
        """Send bytes on a connection of their own; the first answer."""
        wire = await self.wire(**options)
        wire.send(data)
        answer = await wire.answer()
        wire.close()
        return answer


def echo(request: Request) -> Response:
    return Response(200, f"{request.method} {request.path} {len(request.body)}".encode(), "text/plain")


@asynccontextmanager
async def running(handler: Handler = echo, **options: Any) -> AsyncIterator[Rig]:
    rig: Rig

    def watched(request: Request) -> Any:
        rig.seen.append(request)
        return handler(request)

    rig = Rig(Server(watched, **options))
    await rig.server.start([("127.0.0.1", 0)])
    try:
        yield rig
    finally:
        for wire in rig.wires:
            wire.close()
        await rig.server.stop(grace_seconds=2)
        await eventually(lambda: rig.server.connections == 0)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.002)


def get(path: str = "/", *lines: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: test", *lines, "", "")).encode("latin-1")


def post(body: bytes, *lines: str, path: str = "/") -> bytes:
    head = "\r\n".join((f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *lines, "", ""))
    return head.encode("latin-1") + body


SMALL = Limits(body_bytes=1000, head_bytes=2000, header_count=20)

Pieces = Callable[[], AsyncIterator[bytes]]


def streaming(pieces: Pieces) -> Callable[[Request], Stream]:
    return lambda request: Stream(pieces(), content_type="application/json")


async def later(answer: Response) -> Response:
    await asyncio.sleep(0)
    return answer


Later = Callable[[Request], Awaitable[Response]]
