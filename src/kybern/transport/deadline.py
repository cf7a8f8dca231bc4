"""One timer for all of a connection's time-outs; moving it costs an assignment."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls `passed` when the deadline that was set last passes.

    A deadline mostly moves later, with every request: the loop's timer is left where it is then, and finds out.
    """

    __slots__ = ("_loop", "_passed", "_timer", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop, passed: Callable[[], None]) -> None:
        self._loop = loop
        self._passed = passed
        self._when: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """It passes `seconds` from now."""
        self._when = when = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= when + 0.001:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._ring)

    def clear(self) -> None:
        """There is none."""
        self._when = None

    def cancel(self) -> None:
        """There is none and will be none. Whoever was to be told is let go, so that it needs no collector of garbage."""
        self._when = None
        self._passed = _nobody
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._when is None:
            return
        if self._loop.time() + 0.001 < self._when:
            self._timer = self._loop.call_at(self._when, self._ring)
            return
        self._when = None
        self._passed()


def _nobody() -> None:
    """Whom to tell that nobody waits any more."""
