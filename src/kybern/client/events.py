"""Events (core/v1) as client-go writes them: counted where they repeat, never waited for, dropped rather than queued
without end. Losing one is no error: they tell people what happened, nothing depends on them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kybern.api.types.core_v1 import Event, EventSource, ObjectReference
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import Clock, format_time
from kybern.base.errors import AlreadyExists, KybernError, NotFound, Unreachable
from kybern.client.client import Client, PatchType
from kybern.client.event_correlator import COMBINED_PREFIX, Correlator, Occurrence, Record
from kybern.client.objects import KubeObject

log = logging.getLogger(__name__)

QUEUE_LIMIT = 1000
"""Events that wait to be written (client-go's); later ones are dropped."""

ATTEMPTS_LIMIT = 12
"""How often an event is sent while the server cannot be reached (client-go)."""

RETRY_SECONDS = 2.0
MESSAGE_LIMIT = 1024
"""Characters of a message; the API server refuses more in events.k8s.io."""


@dataclass(frozen=True, slots=True)
class _Pending:
    involved: ObjectReference
    type: str
    reason: str
    message: str
    now: float


class EventRecorder:
    """Events of one component (`replicaset-controller`); `host` is the node's name for those that run on one."""

    def __init__(self, client: Client, component: str, host: str = "", *, clock: Clock) -> None:
        self._client = client
        self._component = component
        self._host = host
        self._clock = clock
        self._correlator = Correlator()
        self._queue: asyncio.Queue[_Pending] = asyncio.Queue(QUEUE_LIMIT)
        self.dropped = 0
        """How many the bounded queue did not take."""

    def event(self, about: KubeObject | ObjectReference, type: str, reason: str, message: str) -> None:
        """Have an Event written soon. `type` is Normal or Warning."""
        involved = about if isinstance(about, ObjectReference) else reference_to(about)
        try:
            self._queue.put_nowait(_Pending(involved, type, reason, message[:MESSAGE_LIMIT], self._clock.now()))
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            pending = await self._queue.get()
            try:
                await self._write(pending)
            except KybernError as error:
                log.warning("event %s about %s is lost: %s", pending.reason, pending.involved.name, error)
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """Return once everything recorded so far is written or given up."""
        await self._queue.join()

    async def _write(self, pending: _Pending) -> None:
        involved = pending.involved
        identity = (involved.api_version, involved.kind, involved.namespace, involved.name, involved.uid)
        occurrence = Occurrence(identity, pending.type, pending.reason, pending.message, involved.field_path)
        if not self._correlator.allows(occurrence, pending.now):
            return
        known, message, key = self._correlator.correlate(occurrence, pending.now)
        stamp = format_time(pending.now)
        namespace = involved.namespace or "default"
        if known is not None and known.stored:
            known.count += 1
            patch = {"count": known.count, "lastTimestamp": stamp, "message": message}
            try:
                name = known.name
                await self._send(
                    lambda: self._client.patch(Event, name, namespace, patch, content_type=PatchType.STRATEGIC)
                )
                return
            except NotFound:
                known.name = event_name(involved.name, pending.now)  # It expired: a new one, with the count so far.
        new = known or self._correlator.remember(key, Record(event_name(involved.name, pending.now), stamp, 1))
        # Who reports is told of single events only, as by client-go.
        single = not message.startswith(COMBINED_PREFIX)
        event = Event(
            metadata=ObjectMeta(name=new.name, namespace=namespace),
            involved_object=involved,
            type=pending.type,
            reason=pending.reason,
            message=message,
            first_timestamp=new.first_timestamp,
            last_timestamp=stamp,
            count=new.count,
            source=EventSource(component=self._component, host=self._host),
            reporting_component=self._component if single else "",
            reporting_instance=self._host if single else "",
        )
        await self._send(lambda: self._client.create(event))
        new.stored = True

    async def _send(self, request: Callable[[], Awaitable[Event]]) -> None:
        """Send until the server answered; its refusal is final."""
        for attempt in range(1, ATTEMPTS_LIMIT + 1):
            try:
                await request()
                return
            except AlreadyExists:
                return  # An earlier attempt had arrived after all.
            except Unreachable:
                if attempt == ATTEMPTS_LIMIT:
                    raise
                await self._clock.sleep(RETRY_SECONDS)


def reference_to(obj: KubeObject) -> ObjectReference:
    """The reference by which an Event names what it is about."""
    meta = obj.metadata
    return ObjectReference(
        api_version=obj.API_VERSION,
        kind=obj.KIND,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
    )


def event_name(about: str, now: float) -> str:
    """`web-0.18a1b2c3d4e5f607`: the object's name and the time in nanoseconds."""
    return f"{about}.{int(now * 1e9):x}"
