"""One client's connection: requests in, answers out, in order.

Invariant: one request is answered at a time, and the next one is looked at only when its answer has left. What waits
in either direction is bounded; a client that is too slow for that is held, then cut off, and no other notices.
"""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Protocol, cast

from kybern.transport.deadline import Deadline
from kybern.transport.exchange import Answer, Handler, Request, Response, Stream, Upgrade
from kybern.transport.limits import Limits
from kybern.transport.pace import Pace
from kybern.transport.parser import Received, Refused, RequestParser
from kybern.transport.raw import Flow, RawConnection
from kybern.transport.response import CONTINUE, Heads, Refuse, switching
from kybern.transport.sender import Sender

_log = logging.getLogger(__name__)


class Host(Protocol):
    """What a connection needs from its server."""

    handler: Handler
    limits: Limits
    refuse: Refuse
    heads: Heads
    loop: asyncio.AbstractEventLoop
    pace: Pace

    def opened(self, connection: "Connection") -> bool:
        """A client is there; False: there are too many."""
        ...

    def closed(self, connection: "Connection") -> None:
        """Its connection is gone, and nothing runs for it any more."""
        ...

    def certificate(self, transport: asyncio.BaseTransport) -> bytes | None:
        """DER of the verified client certificate."""
        ...


class Connection(asyncio.Protocol):
    """The protocol object of one connection."""

    _transport: asyncio.Transport
    _parser: RequestParser
    _sender: Sender

    def __init__(self, host: Host) -> None:
        self._host = host
        self._limits = host.limits
        self._flow = Flow()
        self._deadline = Deadline(host.loop, self._on_deadline)
        self._armed_for: tuple[int, bool] | None = None
        """The request (and whether its body) that the deadline is for."""
        self._queue: deque[Received | Refused] = deque()
        self._queued_bytes = 0
        self._held = False
        """Nothing is read: too much waits."""
        self._busy = False
        self._streaming = False
        self._draining = False
        self._ending = False
        """The last answer has been given."""
        self._lingering_bytes = 0
        self._raw: RawConnection | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.buffer_bytes)
        peer = transport.get_extra_info("peername")
        self._parser = RequestParser(self._limits, _address(peer), self._host.certificate(transport))
        self._sender = Sender(self._transport, self._flow, self._host.heads, self._limits)
        if not self._host.opened(self):
            self._queue.append(Refused(503, "too many connections"))
        self._advance()

    def data_received(self, data: bytes) -> None:
        if self._raw is not None:
            self._raw.feed(data)
            return
        if self._ending:
            self._lingering_bytes += len(data)
            if self._lingering_bytes > self._limits.linger_bytes:
                self._transport.abort()
            return
        parser = self._parser
        refused_before = parser.refused is not None
        self._enqueue(parser.feed(data))
        if parser.refused is not None and not refused_before:
            self._queue.append(parser.refused)
        if not self._busy:
            self._advance()
        self._hold_if_full()

    def eof_received(self) -> bool:
        if self._raw is None:
            return False
        self._raw.end()
        self._abandon()
        return self._transport.get_extra_info("sslcontext") is None  # TLS cannot stay half open.

    def pause_writing(self) -> None:
        self._flow.pause()
        self._deadline.set(self._limits.stall_seconds)

    def resume_writing(self) -> None:
        self._flow.resume()
        if self._ending:
            return
        self._deadline.clear()
        if not self._busy:
            self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        self._ending = True
        self._queue.clear()
        self._flow.lose()
        self._deadline.cancel()
        if not self._busy:
            self._host.closed(self)
        elif self._task is None:
            pass  # It is about to begin, and ends at once.
        elif self._raw is not None:
            self._raw.end()
            self._abandon()
        else:
            self._end_task(self._task)

    def _abandon(self) -> None:
        """The client of an upgraded connection sends no more: its task may finish, for a while."""
        if self._task is not None:
            self._host.loop.call_later(self._limits.abandon_seconds, self._task.cancel)

    def drain(self) -> None:
        """Answer what has been asked, end streams and upgraded connections, then close."""
        self._draining = True
        self._sender.ending_streams = True
        if self._task is not None and (self._streaming or self._raw is not None):
            self._task.cancel()
        elif not self._busy and not self._queue and not self._ending:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        if self._task is not None:
            self._end_task(self._task)
        self._transport.abort()

    def _enqueue(self, received: Sequence[Received]) -> None:
        for item in received:
            self._queue.append(item)
            self._queued_bytes += len(item.request.body)

    def _hold_if_full(self) -> None:
        rest = self._parser.rest
        if not self._held and (
            len(self._queue) >= self._limits.waiting_requests
            or self._queued_bytes > self._limits.waiting_bytes
            or (rest is not None and len(rest) > self._limits.buffer_bytes)
        ):
            self._held = True
            self._transport.pause_reading()

    def _advance(self) -> None:
        """Answer what waits, as far as the client keeps up."""
        queue = self._queue
        while queue and not self._busy and not self._flow.paused and not self._ending:
            item = queue.popleft()
            if isinstance(item, Refused):
                self._send_refusal(item)
                return
            self._queued_bytes -= len(item.request.body)
            self._dispatch(item)
        if self._held and not queue and self._raw is None and not self._busy:
            self._held = False
            self._transport.resume_reading()
        if self._busy or self._ending:
            return
        if self._draining and not queue:
            self._close()
            return
        if self._parser.expects_continue and not queue:
            self._parser.expects_continue = False
            self._transport.write(CONTINUE)
        self._arm()

    def _arm(self) -> None:
        """Set the deadline for what is waited for: a request, its head's end, its body's end."""
        parser = self._parser
        if self._flow.paused:
            return
        if not parser.started:
            self._armed_for = None
            self._deadline.set(self._limits.idle_seconds)
        elif self._armed_for != (waited := (parser.begun, parser.in_body)):
            self._armed_for = waited
            self._deadline.set(self._limits.body_seconds if parser.in_body else self._limits.head_seconds)

    def _on_deadline(self) -> None:
        if self._flow.paused or self._ending:
            self._transport.abort()
        elif not self._busy:
            if self._parser.started:
                self._send_refusal(Refused(408, "Request Timeout"))
            else:
                self._close()

    def _dispatch(self, received: Received) -> None:
        """Hand a request to the handler. An answer that is there at once goes out at once, with no task."""
        try:
            answer = self._host.handler(received.request)
        except Exception:
            # The edge: a fault in a handler is one request's fault, and is logged here.
            answer = self._fault(received.request)
        if isinstance(answer, Response):
            try:
                if self._respond(received, answer):
                    return
            except ValueError:
                self._respond(received, self._fault(received.request))
                return
        self._busy = True
        self._armed_for = None
        self._deadline.clear()
        self._host.pace.begin(partial(self._begin, received, answer))

    def _begin(self, received: Received, answer: Answer | Awaitable[Answer]) -> None:
        self._task = self._host.loop.create_task(self._serve(received, answer))
        if self._flow.lost:
            self._end_task(self._task)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        """Cancel, but not before its first step: else nobody would give back what the handler took for the request, nor
        tell the server that the connection is gone."""
        self._host.loop.call_soon(task.cancel)

    async def _serve(self, received: Received, pending: Answer | Awaitable[Answer]) -> None:
        """The task of a request whose answer takes time."""
        complete = False
        try:
            answer = await self._resolve(received, pending)
            keep_alive = self._keeps(received)
            if isinstance(answer, Stream):
                self._streaming = True
                await self._sender.stream(received, answer, keep_alive)
                complete = keep_alive and not received.http10 and not self._draining
            elif isinstance(answer, Upgrade):
                await self._switch(answer)
            else:
                keep_alive = keep_alive and not answer.close
                if not self._sender.respond(received, answer, keep_alive):
                    await self._sender.respond_large(received, answer, keep_alive)
                complete = keep_alive
        except ConnectionResetError:
            pass  # The client has left; there is nobody to tell.
        except Exception:
            _log.exception("answering %s %s", received.request.method, received.request.path)
            self._transport.abort()
        finally:
            self._finished(received, complete)

    async def _resolve(self, received: Received, pending: Answer | Awaitable[Answer]) -> Answer:
        try:
            answer = await pending if inspect.isawaitable(pending) else pending
            if isinstance(answer, Upgrade) and not received.upgrade:
                raise TypeError("a handler switched protocols, which the client had not asked for")
        except Exception:
            # The same edge as in `_dispatch`.
            return self._fault(received.request)
        return answer

    async def _switch(self, upgrade: Upgrade) -> None:
        rest, self._parser.rest = self._parser.rest or b"", b""
        self._transport.write(switching(upgrade.protocol, upgrade.headers))
        self._raw = RawConnection(self._transport, self._flow, rest)
        if self._held:
            self._held = False
            self._transport.resume_reading()
        await upgrade.run(self._raw)

    def _finished(self, received: Received, complete: bool) -> None:
        """The task has ended; `complete`: its answer is out and the connection can go on."""
        self._task = None
        self._busy = self._streaming = False
        if self._flow.lost:
            self._host.closed(self)
        elif not complete:
            self._close()
        else:
            self._after(received)
            self._advance()
            self._hold_if_full()

    def _respond(self, received: Received, response: Response) -> bool:
        """Send an answer at once, if it is small enough for that."""
        keep_alive = self._keeps(received) and not response.close
        if not self._sender.respond(received, response, keep_alive):
            return False
        if keep_alive:
            self._after(received)
        else:
            self._close()
        return True

    def _after(self, received: Received) -> None:
        if received.upgrade:
            self._enqueue(self._parser.resume())
            if self._parser.refused is not None:
                self._queue.append(self._parser.refused)

    def _keeps(self, received: Received) -> bool:
        return received.keep_alive and not (self._draining and not self._queue)

    def _send_refusal(self, refused: Refused) -> None:
        """Answer and end, but read on for a while: a client that is still sending would otherwise see a reset
        connection and not the answer."""
        self._ending = True
        request = Request("GET", "", {}, {}, b"", "")
        response = self._host.refuse(refused.status, refused.message)
        self._sender.respond(Received(request, False, False, False), response, False)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        if self._held:
            self._transport.resume_reading()
        self._deadline.set(self._limits.linger_seconds)

    def _close(self) -> None:
        self._ending = True
        self._queue.clear()
        self._transport.close()
        self._deadline.set(self._limits.stall_seconds)

    def _fault(self, request: Request) -> Response:
        _log.exception("answering %s %s", request.method, request.path)
        return self._host.refuse(500, "Internal Server Error")


def _address(peer: object) -> str:
    """`host:port`, as Go's JoinHostPort writes it; "" for a socket that has none."""
    if not isinstance(peer, tuple):
        return ""
    return f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
