"""Time that stands still until a test moves it: no answer depends on how quick this machine is."""

import asyncio
import heapq

TURNS = 100
"""Of the event loop: more than what is done without waiting for time takes."""


class HandClock:
    """A clock that stands until a test turns it."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.time + seconds, self._count, future))
        await future

    async def turn(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.time += seconds
        while self._sleepers and self._sleepers[0][0] <= self.time:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)
        await asyncio.sleep(0)


async def settle() -> None:
    """Everybody does what needs no more time."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
