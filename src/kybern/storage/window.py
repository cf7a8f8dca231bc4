"""The newest writes of a store, in memory and in order: what watches are fed from.

Revisions in a window are consecutive, so a revision is an index. A window never grows beyond its limits: the oldest
writes leave it, and `start` says from where on it is complete.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kybern.storage.backend import Event


class Change(NamedTuple):
    """One write and what is needed to undo it."""

    event: Event
    previous_revision: int
    """The revision of the value that was replaced; 0: the key was created."""
    at: float
    """When it was written, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class WindowLimits:
    """How much a window holds; whichever limit is reached first counts."""

    changes: int = 10_000
    size_bytes: int = 32 << 20
    age_seconds: float = 300.0
    """Upstream's API server compacts every five minutes (`--etcd-compaction-interval`)."""


class Window:
    """The changes with revisions in (`start`, `end`]."""

    def __init__(self, start: int, limits: WindowLimits) -> None:
        self.start = start
        self.limits = limits
        self._changes: list[Change] = []
        self._head = 0
        """Index of the oldest change that still counts; what is before it is dropped in bulk."""
        self._size_bytes = 0

    @property
    def end(self) -> int:
        """The newest revision."""
        return self.start + len(self._changes) - self._head

    def append(self, change: Change) -> None:
        """Add the next write."""
        assert change.event.revision == self.end + 1, "revisions in a window are consecutive"
        self._changes.append(change)
        self._size_bytes += _size(change)

    def trim(self, now: float) -> None:
        """Drop what is beyond the limits; the newest change always stays."""
        limits = self.limits
        while len(self._changes) - self._head > 1 and (
            len(self._changes) - self._head > limits.changes
            or self._size_bytes > limits.size_bytes
            or self._changes[self._head].at < now - limits.age_seconds
        ):
            self._drop_oldest()
        self._sweep()

    def forget(self, revision: int) -> None:
        """Drop every change up to `revision`."""
        while self.start < revision and self._head < len(self._changes):
            self._drop_oldest()
        self._sweep()

    def since(self, revision: int, limit: int) -> Sequence[Change]:
        """At most `limit` changes after `revision`, oldest first; `revision` must be at least `start`."""
        assert revision >= self.start, "the window does not reach back so far"
        first = self._head + revision - self.start
        return self._changes[first : first + limit]

    def backwards(self, revision: int) -> Iterator[Change]:
        """The changes after `revision`, newest first: undoing them in this order gives the state at `revision`."""
        assert revision >= self.start, "the window does not reach back so far"
        for index in range(len(self._changes) - 1, self._head + revision - self.start - 1, -1):
            yield self._changes[index]

    def _drop_oldest(self) -> None:
        self._size_bytes -= _size(self._changes[self._head])
        self._head += 1
        self.start += 1

    def _sweep(self) -> None:
        if self._head > 1024 and self._head * 2 > len(self._changes):
            del self._changes[: self._head]
            self._head = 0
        elif self._head == len(self._changes):
            self._changes.clear()
            self._head = 0


def _size(change: Change) -> int:
    """Bytes that a change keeps alive. Its previous value is mostly an earlier change's value, and is counted there."""
    event = change.event
    return 200 + len(event.key) + len(event.value or event.previous or b"")
