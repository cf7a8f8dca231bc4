"""A store's alarm clock: expiry and compaction happen when they are due, and nothing runs in between."""

import asyncio
from collections.abc import Callable

from kybern.base.clock import Clock


class Alarm:
    """Calls `ring` once the clock has reached the earliest time that was asked for. It never polls."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._when = 0.0
        self._task: asyncio.Task[None] | None = None

    def set(self, when: float) -> None:
        """Ring at `when` (seconds since the epoch) at the latest; an earlier setting stays."""
        if self._task is not None:
            if self._when <= when:
                return
            self._task.cancel()
        self._when = when
        self._task = asyncio.get_running_loop().create_task(self._wait(when))

    def cancel(self) -> None:
        """Never ring again, unless set again."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _wait(self, when: float) -> None:
        while (seconds := when - self._clock.now()) > 0:
            await self._clock.sleep(seconds)
        self._task = None
        self._ring()
