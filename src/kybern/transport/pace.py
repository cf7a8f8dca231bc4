"""How much work one turn of the event loop begins: so little that what can be answered at once never waits for long.

A hundred clients that write at the same moment would else be begun in one turn, 20 to 30 ms of it, and a GET that comes
just then would wait for all of them. What cannot begin begins in the next turn, first come, first served, and the loop
looks at its sockets in between.
"""

import asyncio
from collections import deque
from collections.abc import Callable


class Pace:
    """Begins at most `limit` pieces of work in a turn. Each connection has at most one waiting."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._begun = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def begin(self, work: Callable[[], None]) -> None:
        """Call `work` now or in one of the next turns."""
        if not self._begun:
            self._loop.call_soon(self._turn)
        if self._begun < self._limit:
            self._begun += 1
            work()
        else:
            self._waiting.append(work)

    def _turn(self) -> None:
        self._begun = min(len(self._waiting), self._limit)
        if self._begun:
            self._loop.call_soon(self._turn)
        for _ in range(self._begun):
            self._waiting.popleft()()
