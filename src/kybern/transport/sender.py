"""Answers out: head and body in one write, large bodies in slices, streams piece by piece."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from kybern.transport.exchange import Direct, Headers, Response, Stream
from kybern.transport.limits import Limits
from kybern.transport.parser import Received
from kybern.transport.raw import Flow
from kybern.transport.response import (
    BODILESS,
    LAST_CHUNK,
    Heads,
    accepts_gzip,
    chunk,
    compress,
    connection_line,
    slices,
)


class Sender:
    """The sending half of a connection."""

    def __init__(self, transport: asyncio.Transport, flow: Flow, heads: Heads, limits: Limits) -> None:
        self._transport = transport
        self._flow = flow
        self._heads = heads
        self._limits = limits
        self.ending_streams = False
        """Streams end now, cleanly: a cancelled one sends its last chunk."""

    def respond(self, received: Received, response: Response, keep_alive: bool) -> bool:
        """Send an answer. False: it is a large one, for `respond_large`. Raises ValueError (a header's fault)."""
        body, limits = response.body, self._limits
        size = _size(body)
        if size > limits.slice_bytes or (size > limits.gzip_bytes and self._compressible(received, response)):
            return False
        head = self._head(received, response, response.headers, keep_alive, size)
        if response.status in BODILESS or received.request.method == "HEAD":
            self._transport.write(head)
        else:
            self._transport.write(head + body if isinstance(body, bytes) else b"".join((head, *body)))
        return True

    async def respond_large(self, received: Received, response: Response, keep_alive: bool) -> None:
        """The same for a large one: compressed where the client wants that, slice by slice, at the client's pace."""
        body, headers, step = response.body, response.headers, self._limits.slice_bytes
        size = _size(body)
        if size > self._limits.gzip_bytes and self._compressible(received, response):
            steps = compress(slices(body, step))
            try:
                while True:
                    next(steps)
                    await asyncio.sleep(0)
            except StopIteration as ended:
                body = ended.value
                size = len(body)
            headers = (*headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
        head = self._head(received, response, headers, keep_alive, size)
        if received.request.method == "HEAD":
            self._transport.write(head)
            return
        for part in slices(body, step):
            self._transport.write(head + part if head else part)
            head = b""
            await self._flow.ready()

    async def stream(self, received: Received, stream: Stream, keep_alive: bool) -> None:
        """Send pieces as they come; the iterator is closed in any case. Raises ConnectionResetError, and what the
        iterator raises: the body is then cut short, which the client can see."""
        try:
            chunked = not received.http10
            framing = connection_line(keep_alive and chunked, False)
            if chunked:
                framing += b"Transfer-Encoding: chunked\r\n"
            self._transport.write(self._heads.make(stream.status, stream.content_type, stream.headers, framing))
            if received.request.method == "HEAD":
                return
            try:
                await self._send_pieces(stream.pieces, chunked)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not self.ending_streams or self._flow.lost or task is None:
                    raise
                task.uncancel()
            if chunked:
                self._transport.write(LAST_CHUNK)
        finally:
            self._flow.changed = None
            if not self._transport.is_closing():
                self._transport.set_write_buffer_limits(high=self._limits.buffer_bytes)
            close = getattr(stream.pieces, "aclose", None)
            if close is not None:
                with suppress(asyncio.CancelledError):
                    await close()
            if stream.ended is not None:
                stream.ended()

    async def _send_pieces(self, pieces: AsyncIterator[bytes], chunked: bool) -> None:
        transport, flow = self._transport, self._flow
        if chunked and isinstance(pieces, Direct):
            self._go_direct(pieces)
        async for piece in pieces:
            if piece:
                transport.write(chunk(piece) if chunked else piece)
            if not flow.free:
                await flow.ready()

    def _go_direct(self, pieces: Direct) -> None:
        """Let who makes the pieces write them, while the client keeps up: told when that changes, and never asked."""
        flow, write = self._flow, self._transport.write

        def changed() -> None:
            pieces.go_direct(write if flow.free else None)

        # Each write goes to the socket at once: queued until the loop's turn ends, a thousand connections are cold again.
        self._transport.set_write_buffer_limits(high=0)
        flow.changed = changed
        changed()

    def _compressible(self, received: Received, response: Response) -> bool:
        return (
            accepts_gzip(received.request.headers.get("accept-encoding", ""))
            and response.status not in BODILESS
            and not any(name.lower() == "content-encoding" for name, _ in response.headers)
        )

    def _head(self, received: Received, response: Response, headers: Headers, keep_alive: bool, size: int) -> bytes:
        framing = connection_line(keep_alive, received.http10)
        if response.status not in BODILESS:
            framing += b"Content-Length: %d\r\n" % size
        return self._heads.make(response.status, response.content_type, headers, framing)


def _size(body: bytes | Sequence[bytes]) -> int:
    return len(body) if isinstance(body, bytes) else sum(map(len, body))
