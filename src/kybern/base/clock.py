"""Time as an argument: components take a Clock, only `main` and tests make one."""

import asyncio
import math
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

MICROS: Final = 1_000_000
"""In a second."""


class Clock(Protocol):
    """What a component may know about time."""

    def now(self) -> float:
        """Wall clock, seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def format_time(seconds: float) -> str:
    """RFC 3339 in UTC with whole seconds, as Kubernetes' `metav1.Time` prints it: `2026-01-02T03:04:05Z`."""
    return f"{_to_the_second(int(seconds))}Z"


def format_micro_time(seconds: float) -> str:
    """RFC 3339 in UTC with six decimals, as `metav1.MicroTime` prints it: `2026-01-02T03:04:05.000006Z`."""
    fraction, whole = math.modf(seconds)
    carried, micros = divmod(round(fraction * MICROS), MICROS)
    return f"{_to_the_second(int(whole) + carried)}.{micros:06d}Z"


@lru_cache(maxsize=16)
def _to_the_second(second: int) -> str:
    """Remembered: busy servers tell the same second thousands of times."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse_time(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time (with or without fraction). Raises ValueError."""
    parsed = datetime.fromisoformat(text.replace("z", "Z").replace("t", "T"))
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return parsed.timestamp()
