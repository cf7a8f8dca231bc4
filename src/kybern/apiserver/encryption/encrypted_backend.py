"""A store whose values are sealed on their way in and opened on their way out; it keeps the contract of any other.

Invariant: nobody behind it sees a plain value of a resource that is to be encrypted, nobody before it a sealed one.
Where a plugin has the keys, what is read may have to wait for it.
"""

import logging
import math
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from kybern.apiserver.encryption.ciphers import PluginUnavailable, Undecipherable, Unsealable
from kybern.apiserver.encryption.keyring import PLAIN, PLAIN_MARK, Keyrings
from kybern.base.clock import Clock, SystemClock
from kybern.base.errors import InternalError, KybernError
from kybern.storage.backend import Backend, Entry, Event, Mismatch, Page

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
REQUEST_PATIENCE_SECONDS = 10.0
"""How long a request waits for a plugin that does not answer."""


class Untransformable(InternalError):
    """A value cannot be opened, or sealed: clients are told 500, in upstream's words."""

    def __init__(self, words: str) -> None:
        super().__init__(f"Internal error occurred: {words}")


class EncryptedBackend:
    """Wraps `inner`. `resource_of` tells the `resource.group` that a key belongs to, `place_of` what values are bound
    to: their key in the store."""

    def __init__(
        self,
        inner: Backend,
        keyrings: Keyrings,
        resource_of: Callable[[str], str],
        *,
        clock: Clock | None = None,
        place_of: Callable[[str], bytes] = str.encode,
    ) -> None:
        self._inner = inner
        self._resource_of = resource_of
        self._place_of = place_of
        self._clock = clock or SystemClock()
        self.keyrings = keyrings
        """May be replaced while the server runs."""
        self.patience_seconds = REQUEST_PATIENCE_SECONDS
        """How long reads wait for a plugin, and writes where that is without end; watches always wait."""
        self._marks: dict[str, str] = {}
        """By which key the newest values are sealed, but for plain ones."""

    def is_stale(self, key: str) -> bool:
        """Whether the newest value was sealed with another key than a write would take now.

        An update that changes nothing is then written all the same, which is how keys are rotated
        (`kubectl get secrets -A -o json | kubectl replace -f -`).
        """
        return self._marks.get(key, PLAIN_MARK) != self.keyrings.of(self._resource_of(key)).mark

    @property
    def revision(self) -> int:
        return self._inner.revision

    async def current_revision(self) -> int:
        return await self._inner.current_revision()

    async def get(self, key: str, *, revision: int = 0) -> Entry | None:
        entry = await self._inner.get(key, revision=revision)
        if entry is None:
            return None
        await self._prepare([(entry.key, entry.value)], self.patience_seconds)
        return self._entry(entry, newest=not revision)

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        page = await self._inner.range(prefix, start=start, limit=limit, revision=revision)
        await self._prepare([(entry.key, entry.value) for entry in page.entries], self.patience_seconds)
        return Page(
            [self._entry(entry, newest=not revision) for entry in page.entries],
            page.revision,
            page.more,
            page.remaining,
        )

    async def put(self, key: str, value: bytes, *, expected: int, ttl_seconds: int = 0, trail: bool = True) -> int:
        sealed = await self._seal(key, value)
        try:
            return await self._inner.put(key, sealed, expected=expected, ttl_seconds=ttl_seconds, trail=trail)
        except Mismatch as mismatch:
            raise await self._mismatch(mismatch) from None

    async def delete(self, key: str, *, expected: int) -> int:
        try:
            return await self._inner.delete(key, expected=expected)
        except Mismatch as mismatch:
            raise await self._mismatch(mismatch) from None

    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[Sequence[Event]]:
        async for batch in self._inner.watch(prefix, after=after):
            values = [(event.key, value) for event in batch for value in (event.value, event.previous) if value]
            await self._prepare(values, math.inf)
            yield [self._event(event) for event in batch]

    async def compact(self, revision: int) -> None:
        await self._inner.compact(revision)

    async def close(self) -> None:
        await self._inner.close()

    async def _seal(self, key: str, value: bytes) -> bytes:
        """Raises Untransformable; but while the server starts it waits for a plugin that does not answer yet."""
        while True:
            try:
                return self.keyrings.of(self._resource_of(key)).seal(value, self._place_of(key))
            except Unsealable as error:
                if self.patience_seconds < math.inf:
                    raise Untransformable(str(error)) from None
                log.warning("%s: %s; trying again", key, error)
            await self._clock.sleep(RETRY_SECONDS)

    async def _prepare(self, values: Iterable[tuple[str, bytes]], patience_seconds: float) -> None:
        """Have all keys at hand that open the values; in the same step as it returns they are. Raises Untransformable."""
        wanted = [each for each in values if self.keyrings.of(self._resource_of(each[0])) is not PLAIN]
        waited = 0.0
        index = 0
        while index < len(wanted):
            key, stored = wanted[index]
            try:
                missing = self.keyrings.of(self._resource_of(key)).missing(stored)
                index += 1
                if missing is not None:
                    index = 0  # Meanwhile keys that were there may have gone: all are looked at again.
                    await missing
            except Undecipherable as error:
                raise _unreadable(key, error) from None
            except PluginUnavailable as error:
                if waited >= patience_seconds:
                    raise _unreadable(key, error) from None
                log.warning("%s: %s; asking again", key, error)
                await self._clock.sleep(RETRY_SECONDS)
                waited += RETRY_SECONDS

    def _open(self, key: str, stored: bytes, *, newest: bool) -> bytes:
        try:
            value, mark = self.keyrings.of(self._resource_of(key)).open(stored, self._place_of(key))
        except Undecipherable as error:
            raise _unreadable(key, error) from None
        if newest:
            if mark == PLAIN_MARK:
                self._marks.pop(key, None)
            else:
                self._marks[key] = mark
        return value

    def _entry(self, entry: Entry, *, newest: bool = True) -> Entry:
        return Entry(entry.key, self._open(entry.key, entry.value, newest=newest), entry.revision)

    def _event(self, event: Event) -> Event:
        previous = None if event.previous is None else self._open(event.key, event.previous, newest=False)
        if event.value is None:
            self._marks.pop(event.key, None)
            return Event(event.key, event.revision, None, previous)
        return Event(event.key, event.revision, self._open(event.key, event.value, newest=True), previous)

    async def _mismatch(self, mismatch: Mismatch) -> Mismatch:
        current = mismatch.current
        if current is None:
            return Mismatch(mismatch.key, None)
        await self._prepare([(current.key, current.value)], self.patience_seconds)
        return Mismatch(mismatch.key, self._entry(current))


def _unreadable(key: str, error: KybernError) -> Untransformable:
    return Untransformable(f'unable to transform key "{key}": {error}')
