"""One watch of one client: a bounded buffer between the cache, which never waits, and a connection that may."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from kybern.apiserver.cache.change import Change, Form
from kybern.apiserver.cache.selection import Selection

LINES_LIMIT = 10_000
"""Events that may wait for one client; one that is further behind is cut off and has to watch anew."""
BYTES_LIMIT = 32 << 20
"""Bytes that may wait for one client."""
INITIAL_BATCH = 64
"""Initial events encoded and handed over at once."""


class Watcher:
    """The cache pushes, the transport pulls."""

    def __init__(self, selection: Selection, form: Form, *, deadline: float, bookmark_head: bytes) -> None:
        self.selection = selection
        self.form = form
        self.deadline = deadline
        """Monotonic seconds at which the watch ends by itself."""
        self.bookmark_head = bookmark_head
        """How a bookmark's object begins; b"": the client asked for no bookmarks."""
        self.next_bookmark = 0.0
        self.ended = False
        self._initial: Iterable[bytes] = ()
        self._lines: list[bytes] = []
        self._bytes = 0
        self._wake: asyncio.Future[None] | None = None

    def begin(self, lines: Iterable[bytes]) -> None:
        """What is sent before anything that is pushed; made while the client reads."""
        self._initial = lines

    def offer(self, change: Change, kind: bytes) -> None:
        self.push(change.line(kind, self.form))

    def push(self, line: bytes) -> None:
        """Queue a line; a client that is too far behind is cut off."""
        if self.ended:
            return
        if len(self._lines) >= LINES_LIMIT or self._bytes > BYTES_LIMIT:
            self._lines.clear()
            self.end()
            return
        self._lines.append(line)
        self._bytes += len(line)
        self._rouse()

    def end(self) -> None:
        """No more is pushed; what waits is still sent."""
        self.ended = True
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None:
            if not self._wake.done():
                self._wake.set_result(None)
            self._wake = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body of the answer."""
        batch: list[bytes] = []
        for line in self._initial:
            batch.append(line)
            if len(batch) == INITIAL_BATCH:
                yield b"".join(batch)
                batch.clear()
        self._initial = ()
        if batch:
            yield b"".join(batch)
        while True:
            if self._lines:
                piece = self._lines[0] if len(self._lines) == 1 else b"".join(self._lines)
                self._lines.clear()
                self._bytes = 0
                yield piece
            elif self.ended:
                return
            else:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
