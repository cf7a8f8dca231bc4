"""One client's connection: requests in, answers out, in order.

Invariant: one request is answered at a time, and the next one is looked at only when its answer has left. What waits
in either direction is bounded; a client that is too slow for that is held, then cut off, and no other notices.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from typing import Final, Protocol, cast

from kybern.apiserver.exchange import Answer, Handler, Request, Response, Stream, Upgrade
from kybern.apiserver.transport.deadline import Deadline
from kybern.apiserver.transport.limits import Limits
from kybern.apiserver.transport.parser import Received, Refused, RequestParser
from kybern.apiserver.transport.raw import Flow, RawConnection
from kybern.apiserver.transport.response import (
    BODILESS, CONTINUE, LAST_CHUNK, Heads, Refuse, accepts_gzip, chunk, compress, connection_line, switching,
)  # fmt: skip

_log = logging.getLogger(__name__)

_UNANSWERED: Final = frozenset({408, 413, 431})
"""Refusals after which the client may still be sending."""


class Host(Protocol):
    """What a connection needs from its server."""

    handler: Handler
    limits: Limits
    refuse: Refuse
    heads: Heads
    loop: asyncio.AbstractEventLoop

    def opened(self, connection: "Connection") -> bool:
        """A client is there; False: there are too many."""

    def closed(self, connection: "Connection") -> None:
        """It is gone."""

    def certificate(self, transport: asyncio.BaseTransport) -> bytes | None:
        """DER of the verified client certificate."""


class Connection(asyncio.Protocol):
    """The protocol object of one connection."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._limits = host.limits
        self._flow = Flow()
        self._queue: deque[Received | Refused] = deque()
        self._queued_bytes = 0
        self._held = False
        self._busy = False
        self._draining = False
        self._ending = False
        """The last answer is under way or sent: nothing more is answered."""
        self._lingering = 0
        self._raw: RawConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport
        self._parser: RequestParser
        self._deadline: Deadline

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.buffer_bytes)
        self._deadline = Deadline(self._host.loop, self._on_deadline)
        peer = transport.get_extra_info("peername")
        name = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else ""
        self._parser = RequestParser(self._limits, name, self._host.certificate(transport))
        if not self._host.opened(self):
            self._queue.append(Refused(503, "too many connections"))
        self._advance()

    def data_received(self, data: bytes) -> None:
        if self._raw is not None:
            self._raw.feed(data)
        elif self._ending:
            self._lingering += len(data)
            if self._lingering > self._limits.linger_bytes:
                self._transport.abort()
        else:
            started = self._parser.started
            self._take(self._parser.feed(data))
            if self._parser.started and not (started and self._deadline.armed) and not self._busy:
                self._arm()
            if self._parser.rest is not None and len(self._parser.rest) > self._limits.buffer_bytes:
                self._hold()

    def eof_received(self) -> bool:
        if self._raw is not None:
            self._raw.end()
            return not self._host_is_tls()
        return False

    def pause_writing(self) -> None:
        self._flow.pause()
        self._deadline.set(self._limits.stall_seconds)

    def resume_writing(self) -> None:
        self._flow.resume()
        self._deadline.clear()
        if not self._busy:
            self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        self._ending = True
        self._queue.clear()
        self._flow.lose()
        self._deadline.clear()
        if self._raw is not None:
            self._raw.end()
            if self._task is not None:
                self._host.loop.call_later(self._limits.abandon_seconds, self._task.cancel)
        elif self._task is not None:
            self._task.cancel()
        if self._task is None:
            self._host.closed(self)

    # What the server calls.

    def drain(self) -> None:
        """Answer what has been asked, end streams, then close."""
        self._draining = True
        if self._raw is not None or (self._task is not None and self._streaming):
            assert self._task is not None, "who has the raw connection is a task"
            self._task.cancel()
        elif not self._busy and not self._queue:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    # Requests in.

    def _take(self, received: "list[Received] | tuple[Received, ...] | object") -> None:
        for item in cast("list[Received]", received):
            self._queue.append(item)
            self._queued_bytes += len(item.request.body)
        if self._parser.refused is not None:
            self._queue.append(self._parser.refused)
        if not self._busy:
            self._advance()
        if len(self._queue) >= self._limits.waiting_requests or self._queued_bytes > self._limits.waiting_bytes:
            self._hold()

    def _advance(self) -> None:
        """Answer what waits, as far as the client keeps up."""
        while self._queue and not self._busy and not self._flow.paused and not self._ending:
            item = self._queue.popleft()
            if isinstance(item, Refused):
                self._send_refusal(item)
            else:
                self._queued_bytes -= len(item.request.body)
                self._answer(item)
        if self._held and len(self._queue) < self._limits.waiting_requests // 2:
            self._held = False
            self._transport.resume_reading()
        if not self._busy and not self._ending:
            if self._draining and not self._queue:
                self._close()
                return
            if self._parser.expects_continue and not self._queue:
                self._parser.expects_continue = False
                self._transport.write(CONTINUE)
            self._arm()
