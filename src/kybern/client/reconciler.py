"""Runs controllers: key in, whole state read, effects as data, one outcome out.

It owns the queue, the workers, the back-off, the trace of failures and the wait for the cache: after a write its key is
looked at again only once the cache shows what was written, so no loop acts twice on one cause.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from kybern.base.clock import Clock
from kybern.base.errors import AlreadyExists, Conflict, KybernError, Unreachable
from kybern.base.ids import Ids
from kybern.client.apply import Written
from kybern.client.cache import CONTROLLER_INDEX, controller_index
from kybern.client.client import Client
from kybern.client.cluster import Cluster, World
from kybern.client.events import EventRecorder
from kybern.client.factory import InformerFactory
from kybern.client.informer import EventType, Informer
from kybern.client.objects import Key, KubeObject, controller_of, key_of
from kybern.client.plan import Outcome, RequeueAfter
from kybern.client.queue import WorkQueue
from kybern.client.queue_counts import QueueCounts
from kybern.client.selectors import matches
from kybern.client.watches import Ownership, Relation, Watches
from kybern.trace import Verdict, record

log = logging.getLogger(__name__)

WORKERS = 8
CACHE_WAIT_SECONDS = 30.0
"""A cache that does not show a write for so long is behind for another reason: the key goes on without."""

Reconcile = Callable[[Cluster, Key], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Controller:
    """One loop. `name` is the component in events, traces and logs: `replicaset-controller`.

    `reporter`: the component in events, where upstream's controller tells another than its name.
    """

    name: str
    watches: Watches
    reconcile: Reconcile
    workers: int = WORKERS
    reporter: str = ""


def controller_of_module(module: ModuleType) -> Controller:
    """The loop that a module defines by NAME, WATCHES and reconcile, and where it differs WORKERS and REPORTER."""
    workers, reporter = getattr(module, "WORKERS", WORKERS), getattr(module, "REPORTER", "")
    return Controller(module.NAME, module.WATCHES, module.reconcile, workers, reporter)


async def run_controllers(
    client: Client,
    controllers: Sequence[Controller],
    *,
    clock: Clock,
    ids: Ids,
    source: random.Random,
    host: str = "",
) -> None:
    """Run until cancelled; the caches are shared."""
    shared = InformerFactory(client, clock=clock, source=source)
    loops = [Loop(controller, client, shared, clock=clock, ids=ids, host=host) for controller in controllers]
    async with asyncio.TaskGroup() as group:
        group.create_task(shared.run())
        for loop in loops:
            group.create_task(loop.run())


class Loop:
    """A controller at work."""

    def __init__(
        self,
        controller: Controller,
        client: Client,
        factory: InformerFactory,
        *,
        clock: Clock,
        ids: Ids,
        host: str = "",
        queue: str = "",
        counts: QueueCounts | None = None,
    ) -> None:
        """`counts` tells of its queue as `queue`."""
        self._controller = controller
        self._clock = clock
        self.queue: WorkQueue[Key] = WorkQueue(clock, queue, counts)
        informers: dict[type[Any], Informer[Any]] = {kind: factory.informer(kind) for kind in controller.watches.kinds}
        events = EventRecorder(client, controller.reporter or controller.name, host, clock=clock)
        self._world = World(controller.name, client, informers, events, clock, ids)
        self._index()

    async def run(self) -> None:
        """Reconcile until cancelled, once all caches have their first list."""
        for informer in self._world.informers.values():
            await informer.synced()
        self._subscribe()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._world.events.run())
            group.create_task(self.queue.run())
            for _ in range(self._controller.workers):
                group.create_task(self._work())

    def _index(self) -> None:
        watches = self._controller.watches
        for ownership in watches.ownerships:
            self._world.informer(ownership.kind).add_index(CONTROLLER_INDEX, controller_index)
        for index in watches.indices:
            self._world.informer(index.kind).add_index(index.name, index.keys)

    def _subscribe(self) -> None:
        watches = self._controller.watches
        primary = Relation(watches.primary, lambda obj, cluster: (key_of(obj),), watches.primary_changed)
        for relation in (primary, *watches.relations):
            if relation.keys is not None:
                self._world.informer(relation.kind).subscribe(self._waking(relation))
        for ownership in watches.ownerships:
            self._world.informer(ownership.kind).subscribe(self._owner_waking(ownership))

    def _waking(self, relation: Relation) -> Callable[[EventType, Any, Any], None]:
        view = Cluster(self._world)
        keys_of = relation.keys
        assert keys_of is not None

        def wake(event: EventType, new: Any, old: Any) -> None:
            if new is not None and old is not None and relation.changed and not relation.changed(new, old):
                return
            for obj in (new, old):
                if obj is not None:
                    for key in keys_of(obj, view):
                        self.queue.add(key)

        return wake

    def _owner_waking(self, ownership: Ownership) -> Callable[[EventType, Any, Any], None]:
        primary = self._controller.watches.primary

        def owners(obj: KubeObject) -> list[Key]:
            reference = controller_of(obj)
            namespace = obj.metadata.namespace
            if reference is not None:
                group, kind = reference.api_version.partition("/")[0], reference.kind
                same = kind == primary.KIND and group == primary.API_VERSION.partition("/")[0]
                return [Key(namespace, reference.name)] if same else []
            if ownership.adopting is None:
                return []
            return [
                key_of(owner)
                for owner in self._world.informer(primary).list(namespace)
                if matches(ownership.adopting(owner), obj.metadata.labels)
            ]

        def wake(event: EventType, new: Any, old: Any) -> None:
            for obj in (new, old):
                if obj is not None:
                    for key in owners(obj):
                        self.queue.add(key)

        return wake

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            cluster = Cluster(self._world)
            await self._reconcile(cluster, key)
            self._park(key, cluster.written)

    async def _reconcile(self, cluster: Cluster, key: Key) -> None:
        try:
            outcome = await self._controller.reconcile(cluster, key)
        except (Conflict, AlreadyExists, Unreachable) as error:
            self._failed(key, error, logging.DEBUG)  # The world moved on, or the server restarts: both are ordinary.
        except KybernError as error:
            self._failed(key, error, logging.WARNING)
        except Exception as error:
            log.exception("%s: %s", self._controller.name, key)
            self._failed(key, error, logging.DEBUG)
        else:
            self.queue.forget(key)
            if isinstance(outcome, RequeueAfter):
                self.queue.add_after(key, outcome.seconds)

    def _failed(self, key: Key, error: Exception, level: int) -> None:
        log.log(level, "%s: %s: %s: %s", self._controller.name, key, type(error).__name__, error)
        self.queue.add_failed(key)
        record(
            f"{self._controller.watches.primary.KIND}/{key}",
            Verdict.FAILED,
            type(error).__name__,
            str(error) or type(error).__name__,
            component=self._controller.name,
        )

    def _park(self, key: Key, written: Sequence[Written]) -> None:
        """Give the key back once the caches show what was written."""
        outstanding = [each for each in written if not self._shown(each)]
        if not outstanding:
            self.queue.done(key)
            return
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                timer.cancel()
                self.queue.done(key)

        timer = asyncio.create_task(self._give_up(key, release))
        pending = {each.kind for each in outstanding}

        def shown_of(kind: type[Any]) -> Callable[[], None]:
            def shown() -> None:
                pending.discard(kind)
                if not pending:
                    release()

            return shown

        for kind in [*pending]:
            writes = [each for each in outstanding if each.kind is kind]
            self._world.informer(kind).when(
                lambda writes=writes: released or all(self._shown(each) for each in writes),  # type: ignore[misc]
                shown_of(kind),
            )

    async def _give_up(self, key: Key, release: Callable[[], None]) -> None:
        await self._clock.sleep(CACHE_WAIT_SECONDS)
        log.warning("%s: %s: the cache is behind; going on without", self._controller.name, key)
        release()

    def _shown(self, written: Written) -> bool:
        informer = self._world.informers.get(written.kind)
        if informer is None:
            return True
        if written.revision:
            return informer.revision >= written.revision
        cached = informer.get(written.key)
        if cached is None or cached.metadata.uid != written.uid:
            return True
        return bool(cached.metadata.deletion_timestamp)
