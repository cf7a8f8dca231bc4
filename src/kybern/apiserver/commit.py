"""Writes to the store: compare-and-swap, durable before it returns, and seen by the cache before it is answered."""

from collections.abc import Callable

from kybern.api.resource import Object
from kybern.apiserver import status
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.cache.version import Version, splice
from kybern.apiserver.served import Served
from kybern.storage.backend import Backend, Mismatch, StoreUnavailable, TooLarge

EVENT_TTL_SECONDS = 3600
"""Upstream's --event-ttl."""


class Changed(Exception):
    """The compare failed: someone wrote in between. The cache shows their write when this is raised."""


class Committer:
    """The only writer of objects."""

    def __init__(
        self,
        backend: Backend,
        cache: Cache,
        event_ttl_seconds: int = EVENT_TTL_SECONDS,
        is_stale: Callable[[str], bool] | None = None,
    ) -> None:
        self._backend = backend
        self._is_stale = is_stale or _never
        self._cache = cache
        self._event_ttl_seconds = event_ttl_seconds

    def is_stale(self, served: Served, version: Version) -> bool:
        """Whether to write even what has not changed: it is stored under a key that is on its way out."""
        return served.cache.is_outdated(version.key) or self._is_stale(served.cache.prefix + version.key)

    async def put(self, served: Served, obj: Object, *, expected: int) -> Version:
        """Write a whole object; `expected` is its revision (0: it must not exist). Raises Changed, StatusError."""
        cache = served.cache
        metadata = obj["metadata"]
        key = served.key(metadata.get("namespace", ""), metadata["name"])
        if served.prepare_store is not None:
            await served.prepare_store(obj)
        value, labels, fields = served.stored_form(obj)
        cache.foresee(key, value, labels, fields)
        stored, head_length = cache.resource, len(cache.head)
        ttl = self._event_ttl_seconds if stored.kind == "Event" else 0
        try:
            revision = await self._backend.put(
                cache.prefix + key, value, expected=expected, ttl_seconds=ttl, trail=not stored.event_like
            )
        except Mismatch as mismatch:
            await self._see_other(mismatch)
            raise Changed from None
        except TooLarge as error:
            raise status.Unclassified(str(error)) from None
        except StoreUnavailable as error:
            raise status.unavailable(error) from None
        await self._seen(revision)
        seen = cache.objects.get(key)
        if seen is not None and seen.revision == revision:
            return seen
        return Version(key, revision, splice(value, head_length, revision), labels, fields)

    async def delete(self, served: Served, version: Version) -> int:
        """Remove what is there at `version`; the revision of the deletion. Raises Changed, StatusError."""
        key = served.cache.prefix + version.key
        try:
            revision = await self._backend.delete(key, expected=version.revision)
        except Mismatch as mismatch:
            await self._see_other(mismatch)
            raise Changed from None
        except StoreUnavailable as error:
            raise status.unavailable(error) from None
        await self._seen(revision)
        return revision

    async def _seen(self, revision: int) -> None:
        waiting = self._cache.wait(revision)
        if waiting is not None:
            await waiting

    async def _see_other(self, mismatch: Mismatch) -> None:
        """Wait until the cache shows what the store has."""
        if mismatch.current is not None:
            await self._seen(mismatch.current.revision)
        else:
            try:
                await self._seen(await self._backend.current_revision())
            except StoreUnavailable as error:
                raise status.unavailable(error) from None


def _never(key: str) -> bool:
    return False
