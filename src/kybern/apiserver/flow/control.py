"""Every request's way to its seats: its FlowSchema, its priority level, its width; and the levels as they change.

A request that finds seats free, which is nearly every one, costs two look-ups and no task.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from math import ceil

import orjson

from kybern.api.resource import Object
from kybern.apiserver.cache.change import Change
from kybern.apiserver.call import Call
from kybern.apiserver.flow.level import Level, LevelSpec, Ticket
from kybern.apiserver.flow.schemas import CATCH_ALL, FlowSchema, flow_schema, in_order
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.served import Served, ServedResources
from kybern.apiserver.user import User
from kybern.base.clock import Clock
from kybern.base.errors import TooManyRequests
from kybern.transport.exchange import Headers

GROUP = "flowcontrol.apiserver.k8s.io"
WAIT_SECONDS = 15.0
"""How long a request may wait for its seats: a quarter of the request's own time, as upstream."""
OBJECTS_PER_SEAT = 100
LIST_SEATS = 10
RETRY_SECONDS = 1
REMEMBERED = 4096
"""Classifications kept."""

_Kind = tuple[str, tuple[str, ...], str, str, str, str, str, str]


class Classified:
    """What is known of all requests of one kind."""

    __slots__ = ("flow", "headers", "level", "schema")

    def __init__(self, schema: FlowSchema, level: Level, flow: str) -> None:
        self.schema = schema
        self.level = level
        self.flow = flow
        self.headers: Headers = (
            ("X-Kubernetes-PF-FlowSchema-UID", schema.uid),
            ("X-Kubernetes-PF-PriorityLevel-UID", level.spec.uid),
        )


class FlowControl:
    """`seats` is how much the server does at once."""

    def __init__(self, served: ServedResources, clock: Clock, seats: int) -> None:
        self._served = served
        self._clock = clock
        self._seats = seats
        self._schemas: list[FlowSchema] = []
        self._levels: dict[str, Level] = {}
        self._known: dict[_Kind, Classified] = {}
        self._outdated = True
        self.rejected: dict[tuple[str, str], int] = {}
        """By priority level and FlowSchema."""
        self._kinds = served[GROUP, "v1", "flowschemas"], served[GROUP, "v1", "prioritylevelconfigurations"]
        for kind in self._kinds:
            kind.cache.listen(self._changed)
        self.counts: dict[str, int] = {"readOnly": 0, "mutating": 0}
        """Requests on their seats."""

    @property
    def levels(self) -> Mapping[str, Level]:
        return self._levels

    def enter(self, call: Call) -> Awaitable[None] | None:
        """Take seats; something to await when they are not free yet. Raises TooManyRequests."""
        info = call.info
        if info.long_running and info.verb != "watch":
            return None
        known = self._classify(call.user, info)
        if known is None:
            return None
        call.flow_headers = known.headers
        if info.verb == "watch":
            return None  # It is under way once its first events are made, with no wait in between.
        seats = self._width(info, call) if info.verb == "list" else 1
        ticket = known.level.enter(known.flow, seats, self._clock.monotonic())
        if ticket is None:
            raise self._refusal(known)
        if ticket.ready is None:
            self._seated(call, ticket)
            return None
        return self._wait(call, ticket, known)

    def leave(self, call: Call) -> None:
        """Give the seats back. Idempotent."""
        ticket = call.ticket
        if ticket is not None:
            call.ticket = None
            self.counts["readOnly" if call.info.read_only else "mutating"] -= 1
            ticket.level.leave(ticket, self._clock.monotonic())

    async def _wait(self, call: Call, ticket: Ticket, known: Classified) -> None:
        assert ticket.ready is not None
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await ticket.ready
        except BaseException as error:
            ticket.level.leave(ticket, self._clock.monotonic())
            if isinstance(error, TimeoutError):
                raise self._refusal(known) from None
            raise
        self._seated(call, ticket)

    def _seated(self, call: Call, ticket: Ticket) -> None:
        call.ticket = ticket
        self.counts["readOnly" if call.info.read_only else "mutating"] += 1

    def _refusal(self, known: Classified) -> TooManyRequests:
        key = known.level.spec.name, known.schema.name
        self.rejected[key] = self.rejected.get(key, 0) + 1
        return TooManyRequests(
            "Too many requests, please try again later.", details={"retryAfterSeconds": RETRY_SECONDS}
        )

    def _width(self, info: RequestInfo, call: Call) -> int:
        """Seats of a LIST, by how many objects it reads."""
        served = self._served.find(info.group, info.version, info.resource)
        if info.name or served is None or not served.resource.stored:
            return 1
        count = len(served.cache.objects)
        limit = call.request.parameter("limit")
        if limit.isdecimal() and int(limit):
            count = min(count, int(limit))
        return min(max(1, ceil(count / OBJECTS_PER_SEAT)), LIST_SEATS)

    def _classify(self, user: User, info: RequestInfo) -> Classified | None:
        if self._outdated:
            self._rebuild()
        path = "" if info.is_resource else info.path
        key = (user.name, user.groups, info.verb, info.group, info.resource, info.subresource, info.namespace, path)
        known = self._known.get(key)
        if known is None:
            known = self._find(user, info)
            if known is not None:
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[key] = known
        return known

    def _find(self, user: User, info: RequestInfo) -> Classified | None:
        for schema in self._schemas:
            if schema.name == CATCH_ALL or schema.takes(user, info):
                level = self._levels[schema.level]
                return Classified(schema, level, f"{schema.name}/{schema.flow(user, info)}")
        return None

    def _changed(self, change: Change) -> None:
        self._outdated = True

    def _rebuild(self) -> None:
        """Read both kinds anew. A schema whose level does not exist is left out, as upstream does."""
        self._outdated = False
        self._known.clear()
        schemas, configurations = (_objects(kind) for kind in self._kinds)
        specs = level_specs(configurations, self._seats)
        former, self._levels = self._levels, {}
        for spec in specs:
            level = self._levels[spec.name] = former.get(spec.name) or Level(spec, self._lent_to)
            if level.spec != spec:
                level.reconfigure(spec)
        self._schemas = [each for each in in_order(map(flow_schema, schemas)) if each.level in self._levels]

    def _lent_to(self, borrower: Level) -> int:
        return sum(level.lends for level in self._levels.values() if level is not borrower)


def level_specs(configurations: list[Object], seats: int) -> list[LevelSpec]:
    """Seats by share, as upstream divides them: each rounded up."""
    total = sum(_limited(each).get("nominalConcurrencyShares", 0) for each in configurations)
    return [_level_spec(each, seats, total) for each in configurations]


def _level_spec(obj: Object, seats: int, total: int) -> LevelSpec:
    name, uid = obj["metadata"]["name"], obj["metadata"].get("uid", "")
    limited = _limited(obj)
    own = ceil(seats * limited.get("nominalConcurrencyShares", 0) / total) if total else 0
    lendable = round(own * limited.get("lendablePercent", 0) / 100)
    if obj["spec"].get("type") == "Exempt":
        return LevelSpec(name, uid, exempt=True, seats=own, lendable=lendable)
    borrowing = limited.get("borrowingLimitPercent")
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    is_queuing = (limited.get("limitResponse") or {}).get("type") == "Queue"
    return LevelSpec(
        name,
        uid,
        seats=own,
        lendable=lendable,
        borrowing_limit=None if borrowing is None else round(own * borrowing / 100),
        queues=queuing.get("queues", 64) if is_queuing else 0,
        hand_size=queuing.get("handSize", 8),
        queue_length=queuing.get("queueLengthLimit", 50),
    )


def _limited(obj: Object) -> Object:
    spec = obj["spec"]
    parts: Object = spec.get("limited") or spec.get("exempt") or {}
    return parts


def _objects(served: Served) -> list[Object]:
    return [orjson.loads(served.plain(version)) for version in served.cache.objects.values()]
