"""What is past is forgotten, an interval after it happened."""

import asyncio

from kybern.apiserver.compaction import compact_regularly
from kybern.storage.backend import Compacted, StoreUnavailable
from kybern.storage.memory import MemoryBackend


class Turns:
    """A clock whose sleepers a test wakes."""

    def __init__(self) -> None:
        self.asleep = asyncio.Event()
        self._wake = asyncio.Event()

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await self._wake.wait()
        self._wake.clear()

    async def turn(self) -> None:
        """Let one interval pass, and what is done after it."""
        async with asyncio.timeout(60):
            await self.asleep.wait()
            self.asleep.clear()
            self._wake.set()
            await self.asleep.wait()


class Store(MemoryBackend):
    """One that may be away."""

    away = False

    async def compact(self, revision: int) -> None:
        if self.away:
            raise StoreUnavailable("away")
        await super().compact(revision)


async def _reaches_back(store: MemoryBackend, revision: int) -> bool:
    try:
        await store.get("a", revision=revision)
    except Compacted:
        return False
    return True


async def test_history_ends_an_interval_ago() -> None:
    store, clock = Store(), Turns()
    task = asyncio.create_task(compact_regularly(store, clock, 300.0))
    try:
        first = await store.put("a", b"1", expected=0)
        await clock.turn()
        second = await store.put("a", b"2", expected=first)
        assert await _reaches_back(store, first)
        store.away = True
        await clock.turn()
        assert await _reaches_back(store, first), "the store was away"
        store.away = False
        await clock.turn()
        third = await store.put("a", b"3", expected=second)
        await clock.turn()
        assert not await _reaches_back(store, first)
        assert await _reaches_back(store, third)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
