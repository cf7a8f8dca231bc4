"""One watch of one client: a bounded buffer between the cache, which never waits, and a connection that may."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from itertools import islice

from kybern.apiserver.cache.change import Bookmark, Form
from kybern.apiserver.cache.selection import Selection
from kybern.transport.exchange import Send
from kybern.transport.response import chunk

LINES_LIMIT = 10_000
"""Events that may wait for one client; one that is further behind is cut off and has to watch anew."""
BYTES_LIMIT = 32 << 20
"""Bytes that may wait for one client."""
INITIAL_BATCH = 64
"""Initial events encoded and handed over at once."""


class _Ready:
    """An awaitable that has its value already: awaiting it suspends nobody."""

    __slots__ = ("_piece",)

    def __init__(self, piece: bytes) -> None:
        self._piece = piece

    def __await__(self) -> Generator[None, None, bytes]:
        if not self._piece:
            raise StopAsyncIteration
        return self._piece
        yield


class Watcher:
    """The cache pushes, the transport pulls (it is the answer's iterator of pieces).

    No generator stands between the two, and while the client keeps up no task either: what is pushed goes out at once,
    by the hand of `Fanout` where it is for many.
    """

    def __init__(self, selection: Selection, form: Form, *, deadline: float, bookmark: Bookmark | None = None) -> None:
        self.selection = selection
        self.form = form
        self.deadline = deadline
        """Monotonic seconds at which the watch ends by itself."""
        self.bookmark = bookmark
        """Makes bookmarks in the watch's form; None: the client asked for none."""
        self.next_bookmark = 0.0
        self.ended = False
        self.on_close: Callable[[Watcher], None] | None = None
        self.listening: dict[Watcher, Send] = {}
        """Those of its group whose connections wait, with nothing before them: how each is sent a framed line."""
        self._send: Send | None = None
        self._initial: Iterator[bytes] | None = None
        self._lines: list[bytes] = []
        self._waiting = 0
        self._bytes = 0
        self._wake: asyncio.Future[bytes] | None = None

    def begin(self, lines: Iterable[bytes]) -> None:
        """What is sent before anything that is pushed; made while the client reads."""
        self._initial = iter(lines)

    def push(self, line: bytes, events: int = 1) -> None:
        """Hand over or queue a line, or several in one piece; a client that is too far behind is cut off."""
        send = self.listening.get(self)
        if send is not None:
            send(chunk(line))
            return
        wake = self._wake
        if wake is not None and not wake.done():
            self._wake = None
            wake.set_result(line)
            return
        if self.ended:
            return
        if self._waiting >= LINES_LIMIT or self._bytes > BYTES_LIMIT:
            self._lines.clear()
            self.end()
            return
        self._lines.append(line)
        self._waiting += events
        self._bytes += len(line)

    def end(self) -> None:
        """No more is pushed; what waits is still sent."""
        self.ended = True
        wake, self._wake = self._wake, None
        self._take_place()
        if wake is not None and not wake.done():
            wake.set_exception(StopAsyncIteration())

    def go_direct(self, send: Send | None) -> None:
        """See `exchange.Direct`."""
        self._send = send
        self._take_place()

    def __aiter__(self) -> "Watcher":
        return self

    def __anext__(self) -> Awaitable[bytes]:
        piece = self._next_initial() if self._initial is not None else b""
        if not piece and self._lines:
            piece = self._lines[0] if len(self._lines) == 1 else b"".join(self._lines)
            self._lines = []
            self._waiting = self._bytes = 0
        if piece or self.ended:
            return _Ready(piece)
        self._wake = asyncio.get_running_loop().create_future()
        self._take_place()
        return self._wake

    async def aclose(self) -> None:
        """The client is gone."""
        self.end()
        if self.on_close is not None:
            self.on_close(self)

    def _take_place(self) -> None:
        """Among those who listen, or not. While the connection waits, all lines before the next one have been sent."""
        if self._send is not None and self._wake is not None:
            self.listening[self] = self._send
        else:
            self.listening.pop(self, None)

    def _next_initial(self) -> bytes:
        assert self._initial is not None
        batch = list(islice(self._initial, INITIAL_BATCH))
        if not batch:
            self._initial = None
        return b"".join(batch)
