"""Carries a plan out: the only place where a controller's decision becomes requests, events and traces."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kybern.base.errors import KybernError, NotFound
from kybern.client.client import Client
from kybern.client.events import EventRecorder
from kybern.client.objects import Key, KubeObject, key_of, revision_of, subject_of
from kybern.client.plan import Create, Delete, Notice, Patch, Plan, Update
from kybern.trace import Verdict, record

SLOW_START = 1
"""Creates go in batches of 1, 2, 4, …: a quota or an admission rule then refuses few before it shows (upstream)."""

BATCH_LIMIT = 64
"""Writes under way at once."""

W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Written:
    """A write that the cache has yet to show."""

    kind: type[Any]
    key: Key
    uid: str
    revision: int
    """0: it was deleted."""


class Applier:
    """One plan's way to the server."""

    def __init__(self, client: Client, events: EventRecorder, component: str) -> None:
        self._client = client
        self._events = events
        self._component = component
        self.written: list[Written] = []

    async def apply(self, plan: Plan) -> list[KybernError]:
        """Write everything in the plan's order; stop after the kind of write that failed. The errors."""
        self._record(plan)
        for notice in plan.events:
            self._events.event(notice.about, notice.type, notice.reason, notice.message)
        return (
            await self._batch(plan.patches, self._patch, BATCH_LIMIT)
            or await self._batch(plan.updates, self._update, BATCH_LIMIT)
            or await self._batch(plan.creates, self._create, SLOW_START)
            or await self._batch(plan.deletes, self._delete, BATCH_LIMIT)
            or await self._batch(plan.status_updates, self._update, BATCH_LIMIT)
        )

    async def _batch(self, writes: Sequence[W], write: Callable[[W], Awaitable[None]], size: int) -> list[KybernError]:
        """Batches of `size`, doubled each time; none after one that failed."""
        done = 0
        while done < len(writes):
            batch = writes[done : done + min(size, BATCH_LIMIT)]
            if len(batch) == 1:
                results = [await _caught(write(batch[0]))]
            else:
                results = await asyncio.gather(*(_caught(write(each)) for each in batch))
            errors = [error for error in results if error is not None]
            if errors:
                return errors
            done += len(batch)
            size *= 2
        return []

    async def _create(self, create: Create) -> None:
        try:
            created = await self._client.create(create.obj)
        except KybernError as error:
            self._tell(create.failed, create.obj, error)
            raise
        self._note(created)
        self._tell(create.done, created)

    async def _update(self, update: Update) -> None:
        try:
            updated = await self._client.update(update.obj, subresource=update.subresource)
        except KybernError as error:
            self._tell(update.failed, update.obj, error)
            raise
        self._note(updated)
        self._tell(update.done, updated)

    async def _patch(self, patch: Patch) -> None:
        key = key_of(patch.obj)
        try:
            patched = await self._client.patch(
                type(patch.obj),
                key.name,
                key.namespace,
                patch.patch,
                content_type=patch.content_type,
                subresource=patch.subresource,
                query=patch.query,
            )
        except KybernError as error:
            if patch.missing_ok and isinstance(error, NotFound):
                return
            self._tell(patch.failed, patch.obj, error)
            raise
        self._note(patched)

    async def _delete(self, delete: Delete) -> None:
        meta = delete.obj.metadata
        try:
            await self._client.delete(
                type(delete.obj),
                meta.name,
                meta.namespace,
                uid=meta.uid,
                propagation_policy=delete.propagation_policy,
                grace_period_seconds=delete.grace_period_seconds,
            )
        except NotFound:
            return
        except KybernError as error:
            self._tell(delete.failed, delete.obj, error)
            raise
        self.written.append(Written(type(delete.obj), key_of(delete.obj), meta.uid, 0))
        self._tell(delete.done, delete.obj)

    def _note(self, obj: KubeObject) -> None:
        self.written.append(Written(type(obj), key_of(obj), obj.metadata.uid, revision_of(obj)))

    def _tell(self, notice: Notice | None, written: KubeObject, error: KybernError | None = None) -> None:
        if notice is not None:
            message = notice.message.replace("{name}", written.metadata.name)
            if error is not None:
                message = message.replace("{error}", str(error))
            self._events.event(notice.about, notice.type, notice.reason, message)

    def _record(self, plan: Plan) -> None:
        for each in plan.decisions:
            meta = each.about.metadata
            record(
                subject_of(each.about),
                each.verdict,
                each.reason,
                each.message,
                component=self._component,
                revision=meta.resource_version,
                uid=meta.uid,
                seen=each.seen,
            )
        if not plan.decisions:
            meta = plan.about.metadata
            acted = plan.writes > 0
            record(
                plan.subject,
                Verdict.ACTED if acted else Verdict.NOTHING,
                "Applied" if acted else "Converged",
                summary(plan) if acted else "the world is as it should be",
                component=self._component,
                revision=meta.resource_version,
                uid=meta.uid,
            )


def summary(plan: Plan) -> str:
    """What a plan writes, in words: `create 3 Pod, update status of 1 ReplicaSet`."""
    counts: dict[str, int] = {}
    groups = (
        ("patch", plan.patches),
        ("update", plan.updates),
        ("create", plan.creates),
        ("delete", plan.deletes),
        ("update status of", plan.status_updates),
    )
    for verb, writes in groups:
        for write in writes:
            words = f"{verb} %d {write.obj.KIND}"
            counts[words] = counts.get(words, 0) + 1
    return ", ".join(words % count for words, count in counts.items())


async def _caught(write: Awaitable[None]) -> KybernError | None:
    try:
        await write
    except KybernError as error:
        return error
    return None
