"""The caches of all resources, fed by one watch of the store.

Invariant: `revision` never runs ahead of what the caches show. A write is answered after `wait(its revision)`, so a
read that follows an acknowledged write sees it.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Iterable, Iterator, Sequence

from kybern.api.resource import Resource
from kybern.apiserver.cache.resource_cache import ResourceCache
from kybern.base.clock import Clock
from kybern.storage.backend import Backend, Event

ROOT = "/registry/"
LOAD_PAGE = 2000
"""Entries read from the store at once."""
BOOKMARK_SECONDS = 60.0
RETRY_SECONDS = 0.5


class Cache:
    """One `ResourceCache` for each stored resource."""

    def __init__(self, backend: Backend, clock: Clock, resources: Iterable[Resource]) -> None:
        self._backend = backend
        self._clock = clock
        self._caches: dict[str, ResourceCache] = {}
        for resource in resources:
            name = resource.group_resource
            self._caches[name] = ResourceCache(resource, f"{ROOT}{name}/")
        self._opening: dict[str, list[Event]] = {}
        """What happens to resources while they are loaded."""
        self.revision = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._tickets = 0
        self.loaded = False

    def __getitem__(self, group_resource: str) -> ResourceCache:
        return self._caches[group_resource]

    def __iter__(self) -> Iterator[ResourceCache]:
        return iter(list(self._caches.values()))

    def prefix_of(self, group_resource: str) -> str:
        """Where the store keeps the objects of a resource."""
        return f"{ROOT}{group_resource}/"

    async def open(self, group_resource: str, cache: ResourceCache) -> None:
        """Follow one more resource, from what the store has of it now. `cache` ignores what it was loaded with."""
        missed = self._opening.setdefault(group_resource, [])
        try:
            prefix = cache.prefix
            page = await self._backend.range(prefix, limit=LOAD_PAGE)
            revision, found = page.revision, [*page.entries]
            while page.more:
                start = found[-1].key + "\0"
                page = await self._backend.range(prefix, start=start, limit=LOAD_PAGE, revision=revision)
                found += page.entries
            cache.load([(each.key[len(prefix) :], each.value, each.revision) for each in found], revision)
            for event in missed:
                cache.apply(event.key[len(prefix) :], event.value, event.revision)
            self._caches[group_resource] = cache
        finally:
            del self._opening[group_resource]

    def close(self, group_resource: str) -> None:
        """Follow the resource no more."""
        del self._caches[group_resource]

    async def load(self) -> None:
        """Read the whole store at one revision."""
        found: dict[str, list[tuple[str, bytes, int]]] = {name: [] for name in self._caches}
        page = await self._backend.range(ROOT, limit=LOAD_PAGE)
        revision = page.revision
        while True:
            for entry in page.entries:
                name, _, key = entry.key[len(ROOT) :].partition("/")
                if name in found:
                    found[name].append((key, entry.value, entry.revision))
            if not page.more:
                break
            start = page.entries[-1].key + "\0"
            page = await self._backend.range(ROOT, start=start, limit=LOAD_PAGE, revision=revision)
        for name, cache in self._caches.items():
            cache.load(found[name], revision)
        self._advance(revision)
        self.loaded = True

    async def run(self) -> None:
        """Follow the store for ever. Raises Compacted if history was lost (the process must start anew)."""
        async for batch in self._backend.watch(ROOT, after=self.revision):
            self._take(batch)

    def wait(self, revision: int) -> Awaitable[None] | None:
        """Something to await until the caches show `revision`; None: they do already."""
        if revision <= self.revision:
            return None
        future = asyncio.get_running_loop().create_future()
        self._tickets += 1
        heapq.heappush(self._waiting, (revision, self._tickets, future))
        return future

    async def run_timers(self) -> None:
        """Bookmarks, and the end of watches whose time is over; looks once a second."""
        while True:
            await self._clock.sleep(1.0)
            now = self._clock.monotonic()
            for cache in self:
                for watcher in cache.fanout if len(cache.fanout) else ():
                    over = now >= watcher.deadline
                    if watcher.bookmark is not None and (over or now >= watcher.next_bookmark):
                        watcher.next_bookmark = now + BOOKMARK_SECONDS
                        watcher.push(watcher.bookmark(self.revision, False))
                    if over:
                        watcher.end()

    def end_watches(self) -> None:
        """The server stops."""
        for cache in self._caches.values():
            for watcher in cache.fanout:
                watcher.end()

    def _take(self, batch: Sequence[Event]) -> None:
        changed: dict[ResourceCache, None] = {}
        for event in batch:
            name, _, key = event.key[len(ROOT) :].partition("/")
            cache = self._caches.get(name)
            if cache is not None:
                cache.apply(key, event.value, event.revision, more=True)
                changed[cache] = None
            elif name in self._opening:
                self._opening[name].append(event)
        for cache in changed:
            cache.fanout.flush()
        if batch:
            self._advance(batch[-1].revision)

    def _advance(self, revision: int) -> None:
        self.revision = revision
        waiting = self._waiting
        while waiting and waiting[0][0] <= revision:
            future = heapq.heappop(waiting)[2]
            if not future.done():
                future.set_result(None)
