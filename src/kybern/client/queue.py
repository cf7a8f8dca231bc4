"""The keys that wait to be reconciled: each at most once, never two workers on one, failures with growing pauses.

The queue is bounded by the number of keys that exist: asking for a key that waits already changes nothing. While a
key is worked on, or parked, a request for it is remembered and comes after.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from kybern.base.clock import Clock
from kybern.client.queue_counts import QueueCounts

FIRST_PAUSE_SECONDS = 0.005
PAUSE_LIMIT_SECONDS = 1000.0
"""Per-key back-off: 5 ms, doubled with each failure, at most 1000 s (client-go's default)."""


K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Ks for the workers of one controller."""

    def __init__(self, clock: Clock, name: str = "", counts: QueueCounts | None = None) -> None:
        """`name` is upstream's for a queue of this work, under which `counts` tells of it."""
        self._clock = clock
        self._watch = counts.watch(name, self.__len__) if counts is not None else None
        self._ready: deque[K] = deque()
        self._dirty: set[K] = set()
        self._busy: set[K] = set()
        self._failures: dict[K, int] = {}
        self._delayed: dict[K, float] = {}
        self._deadlines: list[tuple[float, K]] = []
        self._some_ready = asyncio.Event()
        self._sooner = asyncio.Event()

    def __len__(self) -> int:
        """Ks that wait for a worker."""
        return len(self._ready)

    def add(self, key: K) -> None:
        """Have the key reconciled soon."""
        self._delayed.pop(key, None)
        if key in self._dirty:
            return
        self._dirty.add(key)
        if self._watch is not None:
            self._watch.added(key)
        if key not in self._busy:
            self._ready.append(key)
            self._some_ready.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Have the key reconciled in `seconds`, unless that happens sooner anyway."""
        if seconds <= 0:
            self.add(key)
            return
        if key in self._dirty:
            return
        deadline = self._clock.monotonic() + seconds
        if deadline >= self._delayed.get(key, float("inf")):
            return
        self._delayed[key] = deadline
        first = not self._deadlines or deadline < self._deadlines[0][0]
        heapq.heappush(self._deadlines, (deadline, key))
        if first:
            self._sooner.set()

    def add_failed(self, key: K) -> float:
        """Have the key reconciled after its back-off; the pause in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if self._watch is not None:
            self._watch.retried()
        pause = min(FIRST_PAUSE_SECONDS * float(2 ** min(failures, 30)), PAUSE_LIMIT_SECONDS)
        self.add_after(key, pause)
        return pause

    def forget(self, key: K) -> None:
        """It went well: the next failure pauses shortly again."""
        self._failures.pop(key, None)

    async def take(self) -> K:
        """The next key; the caller gives it back with `done`."""
        while not self._ready:
            self._some_ready.clear()
            await self._some_ready.wait()
        key = self._ready.popleft()
        self._dirty.discard(key)
        self._busy.add(key)
        if self._watch is not None:
            self._watch.taken(key)
        return key

    def done(self, key: K) -> None:
        """The key may be worked on again."""
        self._busy.discard(key)
        if self._watch is not None:
            self._watch.done(key)
        if key in self._dirty:
            self._ready.append(key)
            self._some_ready.set()

    async def run(self) -> None:
        """Bring the delayed keys in when their time has come, until cancelled. Sleeps while there is none."""
        while True:
            self._release()
            self._sooner.clear()
            if not self._deadlines:
                await self._sooner.wait()
                continue
            await first_of(self._sooner, self._clock, max(0.0, self._deadlines[0][0] - self._clock.monotonic()))

    def _release(self) -> None:
        now = self._clock.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, key = heapq.heappop(self._deadlines)
            if self._delayed.get(key) == deadline:
                self.add(key)


async def first_of(event: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Return when the event is set or after `seconds` of the clock, whichever comes first."""
    tasks = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
