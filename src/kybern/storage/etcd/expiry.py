"""Keys that end by themselves, without leases: the store's own clock decides, as with the other stores.

Beside such a key stands a second one, written in the same transaction and so of the same revision, whose name tells when
the first is over. While both revisions are equal nobody has written the key since. Whichever API server sees the time
come deletes both in one transaction; the others find that it is done.
"""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable

from kybern.base.clock import Clock
from kybern.storage.alarm import Alarm
from kybern.storage.backend import StoreUnavailable

log = logging.getLogger(__name__)

BATCH = 64
"""Deletions under way at once."""
RELOAD_SECONDS = 60.0
"""How often what other servers wrote is looked for."""
RETRY_SECONDS = 2.0
_MARK = b"\0expiry\0"

End = Callable[[bytes, bytes, int], Awaitable[bool]]
"""(key, marker, revision) -> whether both were of that revision and are deleted now."""
Load = Callable[[bytes], Awaitable[list[tuple[bytes, int]]]]
"""prefix -> (marker, revision)."""


class Expiry:
    """The markers of one key space."""

    def __init__(self, clock: Clock, space: bytes, load: Load, end: End) -> None:
        self._clock = clock
        self._prefix = _MARK + space + b"\0"
        self._load = load
        self._end = end
        self._heap: list[tuple[float, bytes, bytes, int]] = []
        self._markers: dict[bytes, bytes] = {}
        self._alarm = Alarm(clock, self._ring)
        self._tasks: set[asyncio.Task[None]] = set()

    def marker(self, key: bytes, ttl_seconds: int) -> bytes:
        """The name of the key beside `key`."""
        when = int((self._clock.now() + ttl_seconds) * 1000)
        return self._prefix + b"%015d" % when + b"\0" + key

    def known(self, key: bytes) -> bytes | None:
        """The marker that stands beside a key, as far as this process knows: it goes with the next write."""
        return self._markers.get(key)

    def written(self, key: bytes, marker: bytes | None, revision: int) -> None:
        """A write is done: the key has this marker now, or none."""
        if marker is None:
            self._markers.pop(key, None)
            return
        self._markers[key] = marker
        heapq.heappush(self._heap, (self._when(marker), key, marker, revision))
        self._alarm.set(self._heap[0][0])

    async def start(self) -> None:
        """Take in what stands in the store, now and again. Raises StoreUnavailable."""
        await self._reload()
        self._spawn(self._keep_fresh())

    def stop(self) -> None:
        self._alarm.cancel()
        for task in self._tasks:
            task.cancel()

    async def _reload(self) -> None:
        known = {(marker, revision) for _, _, marker, revision in self._heap}
        for marker, revision in await self._load(self._prefix):
            if (marker, revision) not in known:
                self.written(marker[len(self._prefix) + 16 :], marker, revision)

    async def _keep_fresh(self) -> None:
        while True:
            await self._clock.sleep(RELOAD_SECONDS)
            try:
                await self._reload()
            except StoreUnavailable as error:
                log.warning("expiry: %s", error)

    def _when(self, marker: bytes) -> float:
        return int(marker[len(self._prefix) : len(self._prefix) + 15]) / 1000

    def _ring(self) -> None:
        self._spawn(self._expire())

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _expire(self) -> None:
        """Delete all that is over."""
        while self._heap and self._heap[0][0] <= self._clock.now():
            due: list[tuple[float, bytes, bytes, int]] = []
            while self._heap and self._heap[0][0] <= self._clock.now() and len(due) < BATCH:
                due.append(heapq.heappop(self._heap))
            current = [each for each in due if self._markers.get(each[1]) == each[2]]
            try:
                await asyncio.gather(*(self._end(key, marker, revision) for _, key, marker, revision in current))
            except StoreUnavailable as error:
                log.warning("expiry: %s", error)
                for each in current:
                    heapq.heappush(self._heap, each)
                await self._clock.sleep(RETRY_SECONDS)
                continue
            for _, key, marker, _ in current:
                if self._markers.get(key) == marker:
                    del self._markers[key]
        if self._heap:
            self._alarm.set(self._heap[0][0])
