"""Growing pauses between attempts, with jitter, so that many who lost the same server do not come back as one."""

import random


class Backoff:
    """`first` seconds, then `factor` times as long each time, at most `limit`, each stretched by up to `jitter`."""

    def __init__(
        self, source: random.Random, *, first: float, limit: float, factor: float = 2.0, jitter: float = 0.5
    ) -> None:
        self._random = source
        self._first = first
        self._limit = limit
        self._factor = factor
        self._jitter = jitter
        self._next = first

    def pause(self) -> float:
        """The next pause, in seconds."""
        pause = self._next
        self._next = min(pause * self._factor, self._limit)
        return pause * (1 + self._jitter * self._random.random())

    def reset(self) -> None:
        """Begin anew: it went well."""
        self._next = self._first
