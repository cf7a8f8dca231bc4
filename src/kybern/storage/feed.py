"""One source for all watches of a store: each write is looked at once and handed to those whose prefix it has.

A watch that keeps up is pushed to. One that does not is no longer pushed to: it reads on from the window, or from
the store's own history (`Replay`), at its own pace, so what waits for it is bounded and no other watch notices.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from kybern.storage.backend import Compacted, Event, StoreUnavailable
from kybern.storage.window import Change, Window

PENDING_LIMIT = 4096
"""Events that may wait for one watch before it has to read on by itself."""

BATCH_LIMIT = 1000
"""Events handed out at once while catching up."""

Replay = Callable[[str, int, int], Awaitable[tuple[Sequence[Event], int]]]
"""`(prefix, after, upto)` -> events below the prefix in (after, reached], and `reached` (at most `upto`).
Raises Compacted."""


class _Watcher:
    """One watch: what waits for it, and whether it is pushed to."""

    __slots__ = ("cursor", "live", "pending", "prefix", "wake")

    def __init__(self, prefix: str, after: int) -> None:
        self.prefix = prefix
        self.cursor = after
        """Everything up to this revision has been handed out."""
        self.live = False
        self.pending: list[Event] = []
        self.wake: asyncio.Future[None] | None = None

    def offer(self, event: Event) -> None:
        if not self.live or event.revision <= self.cursor:
            return
        if len(self.pending) >= PENDING_LIMIT:
            self.pending = []
            self.live = False
        else:
            self.pending.append(event)
        self.rouse()

    def rouse(self) -> None:
        if self.wake is not None and not self.wake.done():
            self.wake.set_result(None)


class Feed:
    """The watches of one store."""

    def __init__(self, window: Window, *, oldest: int, replay: Replay | None = None) -> None:
        self.window = window
        self.oldest = oldest
        """History before this revision is compacted."""
        self._replay = replay
        self._watchers: dict[str, list[_Watcher]] = {}
        self._lengths: tuple[int, ...] = ()
        self._closed = False

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return sum(map(len, self._watchers.values()))

    def publish(self, changes: Sequence[Change], now: float) -> None:
        """Take in the next writes, in order; they are durable."""
        window, watchers, lengths = self.window, self._watchers, self._lengths
        for change in changes:
            window.append(change)
            key = change.event.key
            for length in lengths:
                for watcher in watchers.get(key[:length], ()):
                    watcher.offer(change.event)
        window.trim(now)
        if self._replay is None:
            self.oldest = max(self.oldest, window.start)

    def compact(self, revision: int) -> None:
        """Forget history before `revision`: later watches from earlier revisions are refused."""
        self.oldest = max(self.oldest, revision)
        self.window.forget(revision)

    def close(self) -> None:
        """End every watch with StoreUnavailable."""
        self._closed = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.rouse()

    async def watch(self, prefix: str, after: int) -> AsyncIterator[Sequence[Event]]:
        """The contract's `Backend.watch`."""
        watcher = _Watcher(prefix, max(after, 1))
        self._join(watcher)
        try:
            while True:
                if self._closed:
                    raise StoreUnavailable("the store is closed")
                batch = await (self._next_pushed(watcher) if watcher.live else self._catch_up(watcher))
                if batch:
                    yield batch
        finally:
            self._leave(watcher)

    async def _next_pushed(self, watcher: _Watcher) -> Sequence[Event]:
        if not watcher.pending:
            watcher.wake = asyncio.get_running_loop().create_future()
            try:
                await watcher.wake
            finally:
                watcher.wake = None
        batch, watcher.pending = watcher.pending, []
        if batch:
            watcher.cursor = batch[-1].revision
        return batch

    async def _catch_up(self, watcher: _Watcher) -> Sequence[Event]:
        """The next events that the watch has missed; at the end of the window it is pushed to again."""
        window = self.window
        if watcher.cursor < self.oldest:
            raise Compacted(self.oldest)
        if watcher.cursor < window.start:
            assert self._replay is not None, "without a replay the window's start is the oldest revision"
            batch, watcher.cursor = await self._replay(watcher.prefix, watcher.cursor, window.start)
            return batch
        if watcher.cursor >= window.end:
            watcher.live = True
            return ()
        changes = window.since(watcher.cursor, BATCH_LIMIT)
        watcher.cursor = changes[-1].event.revision
        return [change.event for change in changes if change.event.key.startswith(watcher.prefix)]

    def _join(self, watcher: _Watcher) -> None:
        self._watchers.setdefault(watcher.prefix, []).append(watcher)
        self._lengths = tuple(sorted({len(prefix) for prefix in self._watchers}))

    def _leave(self, watcher: _Watcher) -> None:
        remaining = self._watchers[watcher.prefix]
        remaining.remove(watcher)
        if not remaining:
            del self._watchers[watcher.prefix]
        self._lengths = tuple(sorted({len(prefix) for prefix in self._watchers}))
