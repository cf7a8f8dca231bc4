"""A store whose values are sealed on their way in and opened on their way out; it keeps the contract of any other.

Invariant: nobody behind it sees a plain value of a resource that is to be encrypted, nobody before it a sealed one.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from kybern.apiserver.encryption.ciphers import Undecipherable
from kybern.apiserver.encryption.keyring import Keyrings
from kybern.storage.backend import Backend, Entry, Event, Mismatch, Page


class EncryptedBackend:
    """Wraps `inner`. `resource_of` tells the `resource.group` that a key belongs to."""

    def __init__(self, inner: Backend, keyrings: Keyrings, resource_of: Callable[[str], str]) -> None:
        self._inner = inner
        self._resource_of = resource_of
        self.keyrings = keyrings
        """May be replaced while the server runs."""
        self._stale: set[str] = set()

    def is_stale(self, key: str) -> bool:
        """Whether the newest value was sealed with another key than a write would take now.

        An update that changes nothing is then written all the same, which is how keys are rotated
        (`kubectl get secrets -A -o json | kubectl replace -f -`).
        """
        return key in self._stale

    @property
    def revision(self) -> int:
        return self._inner.revision

    async def current_revision(self) -> int:
        return await self._inner.current_revision()

    async def get(self, key: str, *, revision: int = 0) -> Entry | None:
        entry = await self._inner.get(key, revision=revision)
        return None if entry is None else self._entry(entry, newest=not revision)

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        page = await self._inner.range(prefix, start=start, limit=limit, revision=revision)
        return Page(
            [self._entry(entry, newest=not revision) for entry in page.entries],
            page.revision,
            page.more,
            page.remaining,
        )

    async def put(self, key: str, value: bytes, *, expected: int, ttl_seconds: int = 0, trail: bool = True) -> int:
        sealed = self.keyrings.of(self._resource_of(key)).seal(value, key.encode())
        try:
            return await self._inner.put(key, sealed, expected=expected, ttl_seconds=ttl_seconds, trail=trail)
        except Mismatch as mismatch:
            raise self._mismatch(mismatch) from None

    async def delete(self, key: str, *, expected: int) -> int:
        try:
            return await self._inner.delete(key, expected=expected)
        except Mismatch as mismatch:
            raise self._mismatch(mismatch) from None

    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[Sequence[Event]]:
        async for batch in self._inner.watch(prefix, after=after):
            yield [self._event(event) for event in batch]

    async def compact(self, revision: int) -> None:
        await self._inner.compact(revision)

    async def close(self) -> None:
        await self._inner.close()

    def _open(self, key: str, stored: bytes, *, newest: bool) -> bytes:
        try:
            value, stale = self.keyrings.of(self._resource_of(key)).open(stored, key.encode())
        except Undecipherable as error:
            raise Undecipherable(f'unable to transform key "{key}": {error}') from None
        if newest:
            (self._stale.add if stale else self._stale.discard)(key)
        return value

    def _entry(self, entry: Entry, *, newest: bool = True) -> Entry:
        return Entry(entry.key, self._open(entry.key, entry.value, newest=newest), entry.revision)

    def _event(self, event: Event) -> Event:
        previous = None if event.previous is None else self._open(event.key, event.previous, newest=False)
        if event.value is None:
            self._stale.discard(event.key)
            return Event(event.key, event.revision, None, previous)
        return Event(event.key, event.revision, self._open(event.key, event.value, newest=True), previous)

    def _mismatch(self, mismatch: Mismatch) -> Mismatch:
        current = mismatch.current
        return Mismatch(mismatch.key, None if current is None else self._entry(current))
