"""Garbage collection: deletes what nobody owns any more, of every resource that the server has.

The graph is the caches: each informer (metadata only, or the kind's own where one runs anyway) is indexed by owners'
uids. An owner that no cache shows is asked for at the server before anything is deleted for its absence: caches lag.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
from msgspec.structs import replace

from kybern.api.types import ResourceName, encode
from kybern.api.types.meta_v1 import ObjectMeta, OwnerReference
from kybern.base.clock import Clock
from kybern.base.errors import Conflict, KybernError, NotFound, Unreachable
from kybern.client.client import METADATA_ONLY, Client, PatchType, delete_options, path_of
from kybern.client.discovery import discover
from kybern.client.factory import InformerFactory
from kybern.client.informer import EventType, Informer
from kybern.client.objects import Key
from kybern.client.queue import WorkQueue
from kybern.client.queue_counts import QueueCounts
from kybern.controllers.garbage_graph import (
    FOREGROUND_FINALIZER,
    Act,
    Owned,
    OwnerState,
    Ruling,
    decide,
)
from kybern.trace import record

log = logging.getLogger(__name__)

NAME = "garbage-collector-controller"
WORKERS = 20
OWNER_INDEX = "owner-uid"
UID_INDEX = "uid"
IGNORED = {("", "events"), ("events.k8s.io", "events")}
"""Events own nothing, are owned by nothing and expire by themselves."""

DEFINING = {("apiextensions.k8s.io", "customresourcedefinitions"), ("apiregistration.k8s.io", "apiservices")}
"""When these change the server may have other resources."""

REDISCOVER_SECONDS = 1.0
"""After a definition changed; and again while the server could not tell."""


class Item(NamedTuple):
    """An object to look at."""

    resource: ResourceName
    namespace: str
    name: str


class GarbageCollector:
    """The loop. `run` ends with its task."""

    def __init__(
        self,
        client: Client,
        factory: InformerFactory,
        *,
        clock: Clock,
        queue: str = "",
        counts: QueueCounts | None = None,
    ) -> None:
        self._client = client
        self._factory = factory
        self._clock = clock
        self._informers: dict[ResourceName, Informer[Any]] = {}
        self._kinds: dict[tuple[str, str], ResourceName] = {}
        self._queue: WorkQueue[Item] = WorkQueue(clock, queue, counts)
        self._definitions_changed = asyncio.Event()
        self._unsettled: set[Item] = set()
        """Objects with owners of kinds that were not known when they were looked at."""

    async def run(self) -> None:
        """Collect until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_definitions())
            group.create_task(self._queue.run())
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def _follow_definitions(self) -> None:
        while True:
            self._definitions_changed.clear()
            try:
                complete = await self._discover()
            except KybernError as error:
                log.debug("%s: discovery: %s", NAME, error)
                complete = False
            if complete:
                await self._definitions_changed.wait()
            await self._clock.sleep(REDISCOVER_SECONDS)

    async def _discover(self) -> bool:
        """Follow exactly the resources that can be listed, watched and deleted; False: some could not be asked."""
        found = await discover(self._client)
        wanted = {
            each.name
            for each in found.resources
            if {"list", "watch", "delete"} <= each.verbs and (each.name.group, each.name.plural) not in IGNORED
        }
        self._kinds = {(each.name.group, each.name.kind): each.name for each in found.resources}
        for item in self._unsettled:
            self._queue.add(item)
        self._unsettled.clear()
        for resource in wanted - set(self._informers):
            self._informers[resource] = self._follow(resource)
        if not found.failures:
            for resource in set(self._informers) - wanted:
                del self._informers[resource]
                self._factory.stop(resource)
        for informer in [*self._informers.values()]:
            await informer.synced()
        return not found.failures

    def _follow(self, resource: ResourceName) -> Informer[Any]:
        informer = self._factory.metadata_informer(resource)
        informer.add_index(OWNER_INDEX, lambda obj: [each.uid for each in obj.metadata.owner_references])
        informer.add_index(UID_INDEX, lambda obj: [obj.metadata.uid])
        defines = (resource.group, resource.plural) in DEFINING

        def changed(event: EventType, new: Any, old: Any) -> None:
            meta = (new or old).metadata
            if defines:
                self._definitions_changed.set()
            if new is None:
                self._look_at_family(meta)
                return
            if meta.owner_references or meta.deletion_timestamp:
                self._queue.add(Item(resource, meta.namespace, meta.name))
            if old is not None and old.metadata.owner_references != meta.owner_references:
                self._look_at_owners(old.metadata)

        informer.subscribe(changed)
        return informer

    def _look_at_family(self, gone: ObjectMeta) -> None:
        """Dependents have lost an owner, owners a dependent."""
        for resource, dependent in self._dependents(gone.uid):
            self._queue.add(Item(resource, dependent.namespace, dependent.name))
        self._look_at_owners(gone)

    def _look_at_owners(self, dependent: ObjectMeta) -> None:
        """It is gone, or names them otherwise: those that are being deleted may wait for it no longer."""
        for reference in dependent.owner_references:
            found = self._cached(reference.uid)
            if found is not None and found[1].deletion_timestamp:
                self._queue.add(Item(found[0], found[1].namespace, found[1].name))

    def _dependents(self, uid: str) -> Iterable[tuple[ResourceName, ObjectMeta]]:
        for resource, informer in self._informers.items():
            for each in informer.by_index(OWNER_INDEX, uid):
                yield resource, each.metadata

    def _cached(self, uid: str) -> tuple[ResourceName, ObjectMeta] | None:
        for resource, informer in self._informers.items():
            for each in informer.by_index(UID_INDEX, uid):
                return resource, each.metadata
        return None

    async def _work(self) -> None:
        while True:
            item = await self._queue.take()
            try:
                await self._settle(item)
            except (Conflict, Unreachable):
                self._queue.add_failed(item)
            except KybernError as error:
                log.warning("%s: %s %s: %s", NAME, item.resource.plural, item.name, error)
                self._queue.add_failed(item)
            except Exception:
                log.exception("%s: %s", NAME, item)
                self._queue.add_failed(item)
            else:
                self._queue.forget(item)
            self._queue.done(item)

    async def _settle(self, item: Item) -> None:
        informer = self._informers.get(item.resource)
        found = informer.get(Key(item.namespace, item.name)) if informer is not None else None
        if found is None:
            return
        meta: ObjectMeta = found.metadata
        owners = [(each, await self._state_of(each, meta)) for each in meta.owner_references]
        if any(self._kind_of(each) is None for each in meta.owner_references):
            self._unsettled.add(item)
        dependents = [*self._dependents(meta.uid)]
        ruling = decide(Owned(meta, owners, [each for _, each in dependents]))
        record(
            f"{item.resource.kind}/{Key(item.namespace, item.name)}",
            ruling.verdict,
            ruling.reason,
            ruling.message,
            component=NAME,
            revision=meta.resource_version,
            uid=meta.uid,
        )
        await self._act(item, meta, ruling, dependents)

    async def _state_of(self, reference: OwnerReference, dependent: ObjectMeta) -> OwnerState:
        """From the cache; an owner that it lacks is asked for at the server, where its kind says it is."""
        cached = self._cached(reference.uid)
        if cached is not None and cached[1].namespace in ("", dependent.namespace):
            return _state(cached[1])
        resource = self._kind_of(reference)
        if resource is None:
            return OwnerState.SOLID  # Nothing is known of its kind: nothing is deleted on that ground.
        if resource.namespaced and not dependent.namespace:
            return OwnerState.SOLID  # A cluster-wide object cannot have such an owner; upstream leaves it alone too.
        path = path_of(resource, dependent.namespace, reference.name)
        try:
            live = orjson.loads(await self._client.call("GET", path, headers={"Accept": METADATA_ONLY}))
        except NotFound:
            return OwnerState.ABSENT
        meta = live["metadata"]
        if meta.get("uid") != reference.uid:
            return OwnerState.ABSENT
        deleting = meta.get("deletionTimestamp") and FOREGROUND_FINALIZER in meta.get("finalizers", ())
        return OwnerState.DELETING_DEPENDENTS if deleting else OwnerState.SOLID

    def _kind_of(self, reference: OwnerReference) -> ResourceName | None:
        return self._kinds.get((reference.api_version.rpartition("/")[0], reference.kind))

    async def _act(
        self, item: Item, meta: ObjectMeta, ruling: Ruling, dependents: list[tuple[ResourceName, ObjectMeta]]
    ) -> None:
        path = path_of(item.resource, item.namespace, item.name)
        match ruling.act:
            case Act.DELETE:
                revision = await self._unblock(path, meta) if ruling.unblocks else meta.resource_version
                options = delete_options(meta.uid, "" if ruling.policy == "Background" else revision, ruling.policy)
                try:
                    await self._client.call("DELETE", path, body=options)
                except NotFound:
                    return
            case Act.DROP_OWNERS:
                await self._drop_owners(path, meta, ruling.owners)
            case Act.DELETE_DEPENDENTS:
                for resource, each in dependents:
                    if not each.deletion_timestamp:
                        self._queue.add(Item(resource, each.namespace, each.name))
            case Act.ORPHAN_DEPENDENTS:
                for resource, each in dependents:
                    await self._drop_owners(path_of(resource, each.namespace, each.name), each, (meta.uid,))
                await self._drop_finalizer(path, meta, ruling.finalizer)
            case Act.DROP_FINALIZER:
                await self._drop_finalizer(path, meta, ruling.finalizer)
            case Act.NOTHING:
                return

    async def _drop_owners(self, path: str, meta: ObjectMeta, uids: Iterable[str]) -> None:
        left = [each for each in meta.owner_references if each.uid not in uids]
        await self._patch(path, meta, {"ownerReferences": left or None})

    async def _unblock(self, path: str, meta: ObjectMeta) -> str:
        """Let its references hold no owner back; its revision then."""
        loose = [replace(each, block_owner_deletion=False) for each in meta.owner_references]
        return await self._patch(path, meta, {"ownerReferences": loose}) or meta.resource_version

    async def _drop_finalizer(self, path: str, meta: ObjectMeta, finalizer: str) -> None:
        await self._patch(path, meta, {"finalizers": [each for each in meta.finalizers if each != finalizer]})

    async def _patch(self, path: str, meta: ObjectMeta, changes: dict[str, Any]) -> str:
        """Its new revision; "" when it is gone."""
        guard = {"uid": meta.uid, "resourceVersion": meta.resource_version}
        body = encode({"metadata": {**guard, **changes}})
        try:
            headers = {"Content-Type": PatchType.MERGE.value, "Accept": METADATA_ONLY}
            changed = orjson.loads(await self._client.call("PATCH", path, body=body, headers=headers))
        except NotFound:
            return ""
        return str(changed["metadata"].get("resourceVersion", ""))


def _state(meta: ObjectMeta) -> OwnerState:
    if meta.deletion_timestamp and FOREGROUND_FINALIZER in meta.finalizers:
        return OwnerState.DELETING_DEPENDENTS
    return OwnerState.SOLID
