"""What the server holds and who waits in it, read from its parts when asked."""

from collections.abc import Iterator

from kybern.apiserver.audit.audit import Audit
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.flow.control import FlowControl
from kybern.metrics.family import COUNTER, GAUGE, Family


class State:
    """Families of the cache, of flow control and of the audit."""

    def __init__(self, cache: Cache, flow: FlowControl, audit: Audit) -> None:
        self._cache = cache
        self._flow = flow
        self._audit = audit

    def families(self) -> Iterator[Family]:
        yield from self._stored()
        yield from self._watched()
        yield from self._flows()
        yield _told("apiserver_audit_event_total", "Audit events sent to the audit backend.", self._audit.events)
        yield _told("apiserver_audit_error_total", "Audit events that could not be written.", self._audit.errors)

    def _stored(self) -> Iterator[Family]:
        objects = Family("apiserver_storage_objects", GAUGE, "Number of stored objects.")
        resources = Family("apiserver_resource_objects", GAUGE, "Number of stored objects at last check.")
        for cache in self._cache:
            objects.add(len(cache.objects), resource=cache.resource.group_resource)
            resources.add(len(cache.objects), group=cache.resource.group, resource=cache.resource.plural)
        yield objects
        yield resources

    def _watched(self) -> Iterator[Family]:
        open_now = Family("apiserver_longrunning_requests", GAUGE, "Watches that are open.")
        events = Family("apiserver_watch_events_total", COUNTER, "Number of events sent in watch clients.")
        cached = Family("watch_cache_capacity", GAUGE, "Changes that are kept for watches to resume from.")
        for cache in self._cache:
            row = cache.resource
            named = {"group": row.group, "version": row.version}
            if len(cache.fanout):
                open_now.add(
                    len(cache.fanout), component="apiserver", resource=row.plural, scope="cluster", subresource="",
                    verb="WATCH", **named,
                )  # fmt: skip
            if cache.fanout.events:
                events.add(cache.fanout.events, kind=row.kind, resource=row.plural, **named)
            cached.add(cache.window_limit, resource=row.group_resource)
        yield from (open_now, events, cached)

    def _flows(self) -> Iterator[Family]:
        in_flight = Family("apiserver_current_inflight_requests", GAUGE, "Requests that are under way, by kind.")
        for kind, count in self._flow.counts.items():
            in_flight.add(count, request_kind=kind)
        yield in_flight
        prefix = "apiserver_flowcontrol_"
        limit = Family(prefix + "nominal_limit_seats", GAUGE, "Nominal number of execution seats of each level.")
        seats = Family(prefix + "current_executing_seats", GAUGE, "Seats that are occupied.")
        waiting = Family(prefix + "current_inqueue_requests", GAUGE, "Requests that wait in queues.")
        for name, level in self._flow.levels.items():
            limit.add(level.spec.seats, priority_level=name)
            seats.add(level.in_use, priority_level=name)
            waiting.add(level.waiting, priority_level=name)
        yield from (limit, seats, waiting)
        refused = Family(prefix + "rejected_requests_total", COUNTER, "Requests refused by flow control.")
        for (name, schema), count in self._flow.rejected.items():
            refused.add(count, flow_schema=schema, priority_level=name, reason="queue-full")
        yield refused


def _told(name: str, text: str, count: int) -> Family:
    family = Family(name, COUNTER, text)
    family.add(count)
    return family
