"""The contract of every store: one revision counter, compare-and-swap on a key's revision, watch from a revision.

It is etcd's (https://etcd.io/docs/v3.5/learning/api/), reduced to what an API server needs. A write is acknowledged
(its call returns) only once it is durable. Revisions are positive, strictly increasing, one for each write.
A backend never looks into a value.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kybern.base.errors import KybernError

REQUEST_LIMIT_BYTES = 1536 * 1024
"""What a write may have, as etcd counts by default (`--max-request-bytes`): a store can become another one."""
MESSAGE_LIMIT_BYTES = 2 * 1024 * 1024
"""What upstream's client of etcd sends at all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as of a revision."""

    key: str
    value: bytes
    revision: int
    """The revision of the write that made this value (etcd's mod_revision)."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a range holds."""

    entries: Sequence[Entry]
    revision: int
    """The store's revision at which the range was read."""
    more: bool
    """Whether the limit cut the range off."""
    remaining: int
    """How many keys of the range lie behind the cut."""


@dataclass(frozen=True, slots=True)
class Event:
    """One write, as a watch tells it."""

    key: str
    revision: int
    value: bytes | None
    """The new value; None: the key was deleted (or expired)."""
    previous: bytes | None
    """The value before; None: the key was created."""


class Mismatch(KybernError):
    """The compare failed: the key's revision is not the expected one. `current` is what is there (None: nothing)."""

    def __init__(self, key: str, current: Entry | None) -> None:
        super().__init__(key)
        self.key = key
        self.current = current


class Compacted(KybernError):
    """History before `oldest` is gone; a read or watch from an earlier revision cannot be served."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"history before revision {oldest} is compacted")
        self.oldest = oldest


class TooLarge(KybernError):
    """A key with its value is more than the store takes; clients are told so in etcd's words."""


class StoreUnavailable(KybernError):
    """The store cannot write or read now (disk full, connection lost, closed). Nothing was acknowledged."""


class Backend(Protocol):
    """A store. All methods may be called concurrently from one event loop."""

    @property
    def revision(self) -> int:
        """The revision of the newest write that this process knows to be durable; 1 for an empty store."""
        ...

    async def current_revision(self) -> int:
        """The store's newest revision, asked from the store itself (linearizable)."""
        ...

    async def get(self, key: str, *, revision: int = 0) -> Entry | None:
        """The entry at `revision` (0: newest). Raises Compacted."""
        ...

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        """Entries whose key starts with `prefix`, in key order, from `start` on (inclusive), at most `limit`
        (0: all), as of `revision` (0: newest). Raises Compacted, and ValueError for a revision in the future."""
        ...

    async def put(self, key: str, value: bytes, *, expected: int, ttl_seconds: int = 0, trail: bool = True) -> int:
        """Write, if the key's revision is `expected` (0: the key must not exist); the new revision.

        With `ttl_seconds` the key expires by itself (told to watches as a deletion). `trail=False` lets the backend
        keep no old versions of this key (Leases, Events): reads at older revisions may then miss it, watches see
        every write all the same while it is within the watch window. Raises Mismatch, TooLarge, StoreUnavailable.
        """
        ...

    async def delete(self, key: str, *, expected: int) -> int:
        """Delete, if the key's revision is `expected`; the revision of the deletion.

        Raises Mismatch, StoreUnavailable."""
        ...

    def watch(self, prefix: str, *, after: int) -> AsyncIterator[Sequence[Event]]:
        """Every write to keys below `prefix` with a revision greater than `after`, in order, each exactly once, in
        batches; endless. A batch may be empty when nothing below the prefix changed for a while.
        Raises Compacted at the first step if history does not reach back to `after`."""
        ...

    async def compact(self, revision: int) -> None:
        """Forget history before `revision`; newest values stay."""
        ...

    async def close(self) -> None:
        """Release everything; writes not yet acknowledged fail with StoreUnavailable."""
        ...


def check_size(key: str, value: bytes) -> None:
    """Raises TooLarge."""
    size = len(key) + len(value)
    if size > MESSAGE_LIMIT_BYTES:
        raise TooLarge(
            "rpc error: code = ResourceExhausted desc = trying to send message larger than max "
            f"({size} vs. {MESSAGE_LIMIT_BYTES})"
        )
    if size > REQUEST_LIMIT_BYTES:
        raise TooLarge("etcdserver: request is too large")
