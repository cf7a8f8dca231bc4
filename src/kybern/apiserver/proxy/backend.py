"""One HTTP/1.1 request to another server, its answer as it comes, and the raw connection after an upgrade."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from errno import EIO

import httptools

from kybern.base.errors import Unreachable
from kybern.transport.exchange import Connection

CONNECT_SECONDS = 10.0
HEAD_SECONDS = 60.0
"""How long the other side may take to begin its answer."""
READ_BYTES = 64 << 10
WHOLE_LIMIT = 32 << 20
"""Bytes of an answer that is kept whole: a hostile server would send for ever."""
HEAD_LIMIT = 10 << 20
"""Bytes of an answer's head, as Go bounds it."""
_PLAIN_HTTP = ("HTTP_REQUEST", "WRONG_VERSION_NUMBER")
"""OpenSSL's reasons where the other side speaks no TLS."""
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""RFC 9110, 7.6.1: meant for the next hop alone."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    """Whose certificate it shows; "": the host's."""

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(slots=True)
class BackendAnswer:
    """The head is there; the body follows."""

    status: int
    headers: Sequence[tuple[str, str]]
    reader: "_Reader"
    upgraded: bool = False

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, decoded; closes the connection at its end."""
        try:
            async for piece in self.reader.body():
                yield piece
        finally:
            self.reader.close()

    async def whole(self) -> bytes:
        """The body at once. Raises Unreachable when it breaks off, or is longer than WHOLE_LIMIT."""
        try:
            body = await self.beginning(WHOLE_LIMIT + 1)
        except OSError as error:
            raise Unreachable(str(error)) from None
        if len(body) > WHOLE_LIMIT:
            raise Unreachable(f"the answer is longer than {WHOLE_LIMIT} bytes")
        return body

    async def beginning(self, limit: int) -> bytes:
        """No more than so many bytes of the body; the rest is not read. Raises ConnectionResetError."""
        body = bytearray()
        try:
            async for piece in self.reader.body():
                body += piece
                if len(body) >= limit:
                    break
        finally:
            self.reader.close()
        return bytes(body[:limit])


@dataclass(slots=True)
class _Head:
    """What the parser has seen."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    complete: bool = False
    ended: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.complete = True

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.ended = True


class _Reader:
    """Parses what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, has_body: bool = True) -> None:
        """`has_body`: not so of answers to HEAD, whatever their heads say."""
        self.reader = reader
        self.has_body = has_body
        self.writer = writer
        self.head = _Head()
        self.parser = httptools.HttpResponseParser(self.head)
        self.rest = b""

    async def read_head(self) -> bool:
        """Whether the connection has switched protocols. Raises ConnectionError, HttpParserError."""
        size = 0
        while not self.head.complete:
            if size > HEAD_LIMIT:
                raise ConnectionResetError(f"net/http: server response headers exceeded {HEAD_LIMIT} bytes; aborted")
            data = await self.reader.read(READ_BYTES)
            size += len(data)
            if not data:
                raise ConnectionResetError("the connection was closed before an answer came")
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self.rest = data[upgrade.args[0] :]
                return True
        return False

    async def body(self) -> AsyncIterator[bytes]:
        """Raises ConnectionResetError when it ends before its end, so that nobody takes a part for the whole."""
        while self.has_body:
            pieces, self.head.pieces = self.head.pieces, []
            for piece in pieces:
                yield piece
            if self.head.ended:
                return
            data = await self.reader.read(READ_BYTES)
            if not data and self._tells_its_end:
                raise ConnectionResetError("the answer broke off")
            if not data:
                return
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise ConnectionResetError(str(error)) from None

    @property
    def _tells_its_end(self) -> bool:
        return any(name.lower() in ("content-length", "transfer-encoding") for name, _ in self.head.headers)

    def close(self) -> None:
        self.writer.close()


Fields = Mapping[str, str] | Sequence[tuple[str, str]]
"""Headers; as pairs where a name may be there several times."""


async def ask(place: Place, method: str, target: str, headers: Fields, body: bytes = b"") -> BackendAnswer:
    """Send one request on a connection of its own. `target`: path and query. Raises Unreachable."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            name = (place.server_name or place.host) if place.tls is not None else None
            reader, writer = await asyncio.open_connection(place.host, place.port, ssl=place.tls, server_hostname=name)
    except TimeoutError:
        raise Unreachable(f"dial tcp {place.netloc}: i/o timeout") from None
    except ssl.SSLError as error:
        if error.reason not in _PLAIN_HTTP:
            raise Unreachable(f"dial tcp {place.netloc}: connect: {os.strerror(error.errno or EIO).lower()}") from None
        raise Unreachable("http: server gave HTTP response to HTTPS client") from None
    except OSError as error:
        # asyncio words the error itself; the number has upstream's words.
        raise Unreachable(f"dial tcp {place.netloc}: connect: {os.strerror(error.errno or EIO).lower()}") from None
    parsing = _Reader(reader, writer, has_body=method != "HEAD")
    try:
        writer.write(_request(place, method, target, headers, body))
        async with asyncio.timeout(HEAD_SECONDS):
            await writer.drain()
            upgraded = await parsing.read_head()
    except (TimeoutError, OSError, httptools.HttpParserError) as error:
        writer.close()
        raise Unreachable(f"{place.netloc}: {error or 'no answer in time'}") from None
    except BaseException:
        writer.close()
        raise
    return BackendAnswer(parsing.parser.get_status_code(), parsing.head.headers, parsing, upgraded)


def _request(place: Place, method: str, target: str, headers: Fields, body: bytes) -> bytes:
    """The other side is not asked to close the connection: what a TLS transport holds back from a slow reader is lost
    when its peer ends first."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    lines = [f"{method} {target} HTTP/1.1", f"Host: {place.netloc}"]
    lines += [f"{name}: {value}" for name, value in pairs]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def splice(client: Connection, answer: BackendAnswer) -> None:
    """Carry bytes both ways until both sides have ended, or one is gone."""
    reading = answer.reader

    async def up() -> None:
        try:
            while data := await client.read():
                reading.writer.write(data)
                await reading.writer.drain()
            if reading.writer.can_write_eof():
                reading.writer.write_eof()
            else:
                reading.writer.close()
        except (ConnectionError, ssl.SSLError, OSError):
            reading.writer.close()

    async def down() -> None:
        try:
            if reading.rest:
                await client.write(reading.rest)
            while data := await reading.reader.read(READ_BYTES):
                await client.write(data)
        except (ConnectionError, ssl.SSLError, OSError):
            pass  # One side is gone: the other is closed below.
        await client.close()

    upward = asyncio.create_task(up())
    try:
        await down()
    finally:
        upward.cancel()
        reading.close()
