"""A cache of one kind that follows the API server: LIST, then WATCH from there, for ever.

Invariants: `revision` and the version of each object only grow while the server keeps its history; a break of the
connection loses nothing, for the watch resumes at the last revision or, when that is gone (410), the list is made anew
and compared. Handlers run in order, at once, and must not block.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import Generic, Literal

from kybern.api.types import ResourceName
from kybern.base.clock import Clock
from kybern.base.errors import Expired, Gone, KybernError, Timeout, Unreachable
from kybern.client.backoff import Backoff
from kybern.client.cache import Cache
from kybern.client.client import Client
from kybern.client.objects import Key, Objects, T, key_of

log = logging.getLogger(__name__)

PAGE_SIZE = 500
"""Objects asked for at once, as client-go does."""

WATCH_TIMEOUT_SECONDS = 300
"""A watch is asked to end after five to ten minutes, so that clients spread over servers again (client-go)."""

FIRST_PAUSE_SECONDS = 0.1
UNREACHABLE_LIMIT_SECONDS = 2.0
"""A server that comes back is found again soon: convergence after a restart waits for this."""
REFUSED_LIMIT_SECONDS = 30.0
"""A server that answers with errors is left alone for longer."""
STEADY_SECONDS = 1.0
"""A watch that ended sooner counts as a failure."""

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
InformerHandler = Callable[[EventType, T | None, T | None], None]


class Informer(Generic[T]):
    """One LIST and WATCH. Not started before `run`."""

    def __init__(
        self,
        client: Client,
        kind: type[T],
        *,
        clock: Clock,
        source: random.Random,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        resource: ResourceName | None = None,
    ) -> None:
        self.kind = kind
        self.resource = resource
        self.revision = 0
        self._client = client
        self._clock = clock
        self._random = source
        self._namespace = namespace
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._cache: Cache[T] = Cache()
        self._handlers: list[InformerHandler[T]] = []
        self._waiting: list[tuple[Callable[[], bool], Callable[[], None]]] = []
        self._synced = asyncio.Event()
        self._listed = False

    def get(self, key: Key) -> T | None:
        return self._cache.get(key)

    def list(self, namespace: str = "") -> list[T]:
        """The objects of a namespace, or all (""). They are shared: never change them."""
        return self._cache.list(namespace)

    def by_index(self, index: str, value: str) -> Objects[T]:
        """The objects for which the index gives `value`. Raises KeyError for an index never added."""
        return self._cache.by_index(index, value)

    def add_index(self, name: str, keys: Callable[[T], Iterable[str]]) -> None:
        """Keep an index: `keys` gives the values of an object."""
        self._cache.add_index(name, keys)

    def subscribe(self, handler: InformerHandler[T]) -> None:
        """Call `handler(type, new, old)` for what is there already and for every change from now on."""
        self._handlers.append(handler)
        for obj in self._cache.list():
            self._tell((handler,), "ADDED", obj, None)

    async def synced(self) -> None:
        """Return once the first list is in the cache."""
        await self._synced.wait()

    @property
    def has_synced(self) -> bool:
        return self._synced.is_set()

    def when(self, condition: Callable[[], bool], then: Callable[[], None]) -> None:
        """Call `then` once as soon as `condition` holds; it is looked at now and after each change."""
        if condition():
            then()
        else:
            self._waiting.append((condition, then))

    async def run(self) -> None:
        """Follow the server until cancelled."""
        unreachable = Backoff(self._random, first=FIRST_PAUSE_SECONDS, limit=UNREACHABLE_LIMIT_SECONDS)
        refused = Backoff(self._random, first=FIRST_PAUSE_SECONDS, limit=REFUSED_LIMIT_SECONDS)
        while True:
            started = self._clock.monotonic()
            backoff = refused
            try:
                if not self._listed:
                    await self._list()
                await self._watch()
            except (Expired, Gone, Timeout) as error:
                # Timeout: the server knows no revision as new as ours, for its store was restored from a backup.
                log.info("%s: history is gone, listing anew: %s", self._name, error)
                self._listed = False
            except Unreachable as error:
                log.debug("%s: %s", self._name, error)
                backoff = unreachable
            except KybernError as error:
                log.warning("%s: %s", self._name, error)
            if self._clock.monotonic() - started >= STEADY_SECONDS and backoff is refused:
                refused.reset()
                unreachable.reset()
                continue
            await self._clock.sleep(backoff.pause())

    async def _list(self) -> None:
        """Bring the cache to a list of the server that is not older than what was seen."""
        restored = False
        try:
            objects, revision = await self._pages(str(self.revision) if self.revision else "")
        except Timeout:
            # The server does not know our revision, for its store was restored from a backup: what it has now counts.
            objects, revision = await self._pages("")
            restored = revision.isdecimal() and int(revision) < self.revision
            self.revision = 0
        gone = self._cache.keys()
        for obj in objects:
            gone.discard(key_of(obj))
            self._put(obj, force=restored)
        for key in gone:
            self._remove(key, None)
        self._listed = True
        self._advance(revision)
        self._synced.set()

    async def _pages(self, at_least: str) -> tuple[Objects[T], str]:
        page = await self._client.list(
            self.kind,
            self._namespace,
            resource_version=at_least,
            limit=PAGE_SIZE,
            resource=self.resource,
            **self._selectors,
        )
        objects, revision = page.items, page.resource_version
        while page.continue_:
            page = await self._client.list(
                self.kind,
                self._namespace,
                limit=PAGE_SIZE,
                continue_=page.continue_,
                resource=self.resource,
                **self._selectors,
            )
            objects.extend(page.items)
        return objects, revision

    async def _watch(self) -> None:
        timeout = int(WATCH_TIMEOUT_SECONDS * (1 + self._random.random()))
        events = self._client.watch(
            self.kind,
            self._namespace,
            resource_version=str(self.revision),
            timeout_seconds=timeout,
            resource=self.resource,
            **self._selectors,
        )
        async for event in events:
            if event.type == "DELETED":
                self._remove(key_of(event.object), event.object)
            elif event.type != "BOOKMARK":
                self._put(event.object)
            self._advance(event.object.metadata.resource_version)

    @property
    def _name(self) -> str:
        return self.resource.plural if self.resource else self.kind.KIND

    def _put(self, obj: T, *, force: bool = False) -> None:
        news, old = self._cache.put(obj, force=force)
        if not news:
            return
        if old is not None and old.metadata.uid != obj.metadata.uid:
            self._tell(self._handlers, "DELETED", None, old)
            old = None
        self._tell(self._handlers, "MODIFIED" if old is not None else "ADDED", obj, old)

    def _remove(self, key: Key, last: T | None) -> None:
        old = self._cache.remove(key)
        if old is not None:
            self._tell(self._handlers, "DELETED", None, last or old)

    def _tell(self, handlers: Iterable[InformerHandler[T]], event: EventType, new: T | None, old: T | None) -> None:
        for handler in handlers:
            try:
                handler(event, new, old)
            except Exception:
                log.exception("%s: a handler failed; the others go on", self._name)

    def _advance(self, version: str) -> None:
        if version.isdecimal():
            self.revision = max(self.revision, int(version))
        waiting, self._waiting = self._waiting, []
        for condition, then in waiting:
            self.when(condition, then)
