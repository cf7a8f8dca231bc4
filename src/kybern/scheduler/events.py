"""Events through events.k8s.io/v1, as upstream's scheduler writes them. Best effort: never blocks, bounded."""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass

from kybern.api.types.core_v1 import ObjectReference
from kybern.api.types.events_v1 import Event
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import Clock, format_micro_time
from kybern.base.errors import KybernError
from kybern.client.client import Client
from kybern.scheduler.shape import PodRequest

QUEUE_LIMIT = 20_000
"""Events that wait to be written; more are dropped."""
SERIES_LIMIT = 4096
"""Events remembered, so that a repetition becomes a series."""
SERIES_SECONDS = 360.0
"""A repetition within this time counts to the same series (upstream's refresh time)."""

WRITERS = 32
"""Events written at once: as many as the store commits together cost each a fraction of what one alone does."""
WRITERS_BESIDE_BINDINGS = 4
"""Of these, how many write while Pods wait for their binding: events follow, they do not compete."""

log = logging.getLogger(__name__)
SeriesKey = tuple[str, str, str]


@dataclass(slots=True)
class _Series:
    name: str
    count: int
    seen: float


class SchedulerEvents:
    """`event` queues; `run` writes."""

    def __init__(self, client: Client, clock: Clock, reporter: str, host: str = "") -> None:
        self._client = client
        self._clock = clock
        self._reporter = reporter
        self._instance = f"{reporter}-{host}" if host else reporter
        self._queue: asyncio.Queue[tuple[PodRequest, Event, SeriesKey]] = asyncio.Queue(QUEUE_LIMIT)
        self._series: OrderedDict[SeriesKey, _Series] = OrderedDict()
        self.dropped = 0
        self.calm = asyncio.Event()
        """Set while no Pod waits for its binding."""

    def event(
        self, request: PodRequest, kind: str, reason: str, action: str, note: str, related: PodRequest | None = None
    ) -> None:
        """Say something about a Pod. `kind` is Normal or Warning."""
        now = self._clock.now()
        event = Event(
            metadata=ObjectMeta(name=f"{request.name}.{int(now * 1e9):x}", namespace=request.namespace),
            event_time=format_micro_time(now),
            reporting_controller=self._reporter,
            reporting_instance=self._instance,
            action=action,
            reason=reason,
            regarding=_reference(request),
            related=_reference(related) if related else None,
            note=note,
            type=kind,
        )
        try:
            self._queue.put_nowait((request, event, (request.uid, reason, note)))
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Write for ever."""
        async with asyncio.TaskGroup() as group:
            for index in range(WRITERS):
                group.create_task(self._write_all(yields=index >= WRITERS_BESIDE_BINDINGS))

    async def _write_all(self, *, yields: bool) -> None:
        while True:
            if yields:
                await self.calm.wait()
            request, event, key = await self._queue.get()
            try:
                await self._write(request, event, key)
            except KybernError as error:
                # An event is a comfort: losing one must not stop the scheduler.
                log.debug("event %s of %s was not written: %s", event.reason, request.subject, error)

    async def _write(self, request: PodRequest, event: Event, key: SeriesKey) -> None:
        now = self._clock.now()
        series = self._series.get(key)
        if series is not None and now - series.seen < SERIES_SECONDS:
            series.count, series.seen = series.count + 1, now
            patch = {"series": {"count": series.count, "lastObservedTime": format_micro_time(now)}}
            await self._client.patch(Event, series.name, request.namespace, patch)
            return
        await self._client.send(event)
        self._series[key] = _Series(event.metadata.name, 1, now)
        if len(self._series) > SERIES_LIMIT:
            self._series.popitem(last=False)


def _reference(request: PodRequest) -> ObjectReference:
    return ObjectReference(
        kind="Pod",
        api_version="v1",
        namespace=request.namespace,
        name=request.name,
        uid=request.uid,
        resource_version=request.revision,
    )
