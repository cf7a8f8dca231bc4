"""One connection to an API server: HTTP/1.1 on an asyncio Protocol, parsed by httptools.

It carries one exchange at a time. Nothing is pipelined: an answer that breaks off then concerns one request only.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import cast

import httptools

from kybern.base.errors import Unreachable
from kybern.client.transport import HttpAnswer

BODY_LIMIT = 512 * 1024 * 1024
"""Bytes of a whole answer; a LIST of 100,000 Pods without a limit stays below."""

BUFFER_LIMIT = 1024 * 1024
"""Bytes of a stream that wait to be read before the socket is left alone."""


class Connection(asyncio.Protocol):
    """A socket and what of the current answer has come."""

    def __init__(self) -> None:
        self._socket: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._streaming = False
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._complete = False
        self._failure: Unreachable | None = None
        self._headers: dict[str, str] = {}
        self.reusable = False
        self.idle_since = 0.0
        """When it was last given back, in seconds of the loop's clock."""

    @property
    def usable(self) -> bool:
        """Whether the next request may go out on it."""
        return self._failure is None and self._socket is not None and not self._socket.is_closing()

    async def exchange(self, request: bytes) -> HttpAnswer:
        """Send and read the whole answer. Raises Unreachable."""
        self._start(request, streaming=False)
        await self._wait()
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        return HttpAnswer(self._parser.get_status_code(), self._headers, body)

    async def open_stream(self, request: bytes) -> "ConnectionStream":
        """Send and read the head of the answer. Raises Unreachable."""
        self._start(request, streaming=True)
        await self._wait()
        return ConnectionStream(self, self._parser.get_status_code(), self._headers)

    async def read_piece(self) -> bytes:
        """What of a streamed body has come; b"" at its end. Raises Unreachable."""
        while not self._pieces and not self._complete:
            await self._wait()
        if not self._pieces:
            return b""
        joined = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        if self._size > BUFFER_LIMIT and self._socket is not None:
            self._socket.resume_reading()
        self._size = 0
        return joined

    def close(self) -> None:
        if self._socket is not None:
            self._socket.abort() if self._waiter is not None else self._socket.close()

    def _start(self, request: bytes, *, streaming: bool) -> None:
        assert self._waiter is None, "one exchange at a time"
        if not self.usable or self._socket is None:
            raise self._failure or Unreachable("the connection is closed")
        self._parser = httptools.HttpResponseParser(self)
        self._streaming = streaming
        self._pieces = deque()
        self._size = 0
        self._complete = False
        self._headers = {}
        self.reusable = False
        self._socket.write(request)

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, why: str) -> None:
        if self._failure is None:
            self._failure = Unreachable(why)
        self.reusable = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._failure)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer is no HTTP: {error}")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        if self._headers and not framed and not self._complete and exc is None:
            self._complete = True  # An answer without a length ends with its connection (RFC 9112, 6.3).
            self._wake()
        self._fail(f"the connection was lost: {exc}" if exc else "the server closed the connection")

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._streaming:
            self._wake()

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._streaming:
            if self._size > BUFFER_LIMIT and self._socket is not None:
                self._socket.pause_reading()
            self._wake()
        elif self._size > BODY_LIMIT:
            self._fail(f"the answer is larger than {BODY_LIMIT} bytes")
            self.close()

    def on_message_complete(self) -> None:
        self._complete = True
        self.reusable = self._parser.should_keep_alive()
        self._wake()


class ConnectionStream:
    """The body of one answer, read from the connection that it owns."""

    def __init__(self, connection: Connection, status: int, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self.status = status
        self.headers = headers

    async def read(self) -> bytes:
        return await self._connection.read_piece()

    def close(self) -> None:
        self._connection.close()
