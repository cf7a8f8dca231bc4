"""The store in memory: for tests and simulations, and the model that the other backends are tested against.

It keeps nothing: a process that ends takes its store with it. Every write is one step on the loop, so a write is
acknowledged, published and visible at the same moment.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from kybern.base.clock import Clock, SystemClock
from kybern.storage.alarm import Alarm
from kybern.storage.backend import Compacted, Entry, Event, Mismatch, Page, StoreUnavailable, check_size
from kybern.storage.feed import Feed
from kybern.storage.keys import end_of_prefix
from kybern.storage.window import Change, Window, WindowLimits

FIRST_REVISION = 1
"""The revision of an empty store, as etcd counts."""


class _Value(NamedTuple):
    value: bytes
    revision: int


class MemoryBackend:
    """Keeps the contract of `Backend`; the watch window is the whole history."""

    def __init__(self, clock: Clock | None = None, *, limits: WindowLimits | None = None) -> None:
        self._clock = clock or SystemClock()
        self._values: dict[str, _Value] = {}
        self._keys: list[str] = []
        self._window = Window(FIRST_REVISION, limits or WindowLimits())
        self._feed = Feed(self._window, oldest=FIRST_REVISION)
        self._expiries: list[tuple[float, str, int]] = []
        self._alarm = Alarm(self._clock, self._expire)
        self._closed = False

    @property
    def revision(self) -> int:
        return self._window.end

    async def current_revision(self) -> int:
        self._check_open()
        return self.revision

    async def get(self, key: str, *, revision: int = 0) -> Entry | None:
        self._check_open()
        value = self._values.get(key)
        if revision:
            value = self._changed_since(revision, key, key + "\0").get(key, value)
        return None if value is None else Entry(key, value.value, value.revision)

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        self._check_open()
        first, end = max(prefix, start), end_of_prefix(prefix)
        low = bisect_left(self._keys, first)
        high = bisect_left(self._keys, end) if end else len(self._keys)
        keys, values = self._keys[low:high], self._values
        if revision and revision != self.revision:
            changed = self._changed_since(revision, first, end)
            values = {**{key: values[key] for key in keys}, **{k: v for k, v in changed.items() if v is not None}}
            keys = sorted(key for key in values if changed.get(key, True) is not None)
        cut = keys[:limit] if limit else keys
        entries = [Entry(key, values[key].value, values[key].revision) for key in cut]
        return Page(entries, revision or self.revision, len(cut) < len(keys), len(keys) - len(cut))

    async def put(self, key: str, value: bytes, *, expected: int, ttl_seconds: int = 0, trail: bool = True) -> int:
        key.encode()  # What is no text (a lone surrogate) is refused here as the other stores refuse it.
        check_size(key, value)
        current = self._expect(key, expected)
        revision = self.revision + 1
        if current is None:
            insort(self._keys, key)
        self._values[key] = _Value(value, revision)
        now = self._clock.now()
        self._publish(key, value, current, now)
        if ttl_seconds:
            heapq.heappush(self._expiries, (now + ttl_seconds, key, revision))
            self._alarm.set(self._expiries[0][0])
        return revision

    async def delete(self, key: str, *, expected: int) -> int:
        current = self._expect(key, expected)
        if current is None:
            raise Mismatch(key, None)
        self._remove(key, current)
        return self.revision

    def watch(self, prefix: str, *, after: int) -> AsyncIterator[Sequence[Event]]:
        return self._feed.watch(prefix, after)

    async def compact(self, revision: int) -> None:
        self._check_open()
        if revision > self.revision:
            raise ValueError(f"revision {revision} lies in the future: the newest is {self.revision}")
        self._feed.compact(revision)

    async def close(self) -> None:
        self._closed = True
        self._alarm.cancel()
        self._feed.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _expect(self, key: str, expected: int) -> _Value | None:
        self._check_open()
        current = self._values.get(key)
        if (current.revision if current else 0) != expected:
            raise Mismatch(key, None if current is None else Entry(key, current.value, current.revision))
        return current

    def _remove(self, key: str, current: _Value) -> None:
        del self._values[key]
        del self._keys[bisect_left(self._keys, key)]
        self._publish(key, None, current, self._clock.now())

    def _publish(self, key: str, value: bytes | None, previous: _Value | None, now: float) -> None:
        event = Event(key, self.revision + 1, value, previous.value if previous else None)
        self._feed.publish((Change(event, previous.revision if previous else 0, now),), now)

    def _changed_since(self, revision: int, first: str, end: str) -> dict[str, _Value | None]:
        """What the keys in [first, end) that changed after `revision` were then (None: nothing)."""
        if revision > self.revision:
            raise ValueError(f"revision {revision} lies in the future: the newest is {self.revision}")
        if revision < self._feed.oldest:
            raise Compacted(self._feed.oldest)
        changed: dict[str, _Value | None] = {}
        for event, previous_revision, _ in self._window.backwards(revision):
            if first <= event.key and (not end or event.key < end):
                changed[event.key] = None if event.previous is None else _Value(event.previous, previous_revision)
        return changed

    def _expire(self) -> None:
        now = self._clock.now()
        while self._expiries and self._expiries[0][0] <= now:
            _, key, revision = heapq.heappop(self._expiries)
            current = self._values.get(key)
            if current is not None and current.revision == revision:
                self._remove(key, current)
        if self._expiries:
            self._alarm.set(self._expiries[0][0])
