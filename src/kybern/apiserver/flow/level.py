"""One priority level: seats, queues, and which request is next.

Requests of one flow are dealt to a few of the level's queues (shuffle sharding), so that a flow that fills its own
queues leaves most of the others' alone. Among queues the one goes first that has had the least (fair queueing by
virtual time: a queue's next request starts where its former ones have brought it).

Pure but for the futures that it completes. Invariant: no queue is longer than its limit, and seats in use never exceed
what the level may have, but for one request that alone is wider.
Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#priority-levels and KEP-1040.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

ASSUMED_SECONDS = 0.003
"""What a request is taken to last until it has ended."""


@dataclass(eq=False, slots=True)
class Ticket:
    """A request in a level: waiting, or on its seats."""

    level: "Level"
    seats: int
    queue: "Queue | None" = None
    ready: "asyncio.Future[None] | None" = None
    started: float = 0.0


@dataclass(eq=False, slots=True)
class Queue:
    waiting: deque[Ticket] = field(default_factory=deque)
    virtual_start: float = 0.0
    """Seat-seconds that its requests have had."""
    seats_in_use: int = 0


@dataclass(frozen=True, slots=True)
class LevelSpec:
    """What a PriorityLevelConfiguration says."""

    name: str
    uid: str = ""
    exempt: bool = False
    seats: int = 1
    """Nominal: its share of what the server does at once."""
    lendable: int = 0
    """Seats that others may have while they are free."""
    borrowing_limit: int | None = None
    """How many seats it may have of others; None: no limit."""
    queues: int = 0
    """0: what finds no seat is refused."""
    hand_size: int = 1
    queue_length: int = 50


class Level:
    """`free_elsewhere` tells how many seats other levels would lend now."""

    def __init__(self, spec: LevelSpec, free_elsewhere: Callable[["Level"], int]) -> None:
        self.spec = spec
        self._free_elsewhere = free_elsewhere
        self.queues = [Queue() for _ in range(spec.queues)]
        self.in_use = 0
        self.waiting = 0
        self._virtual_now = 0.0

    @property
    def lends(self) -> int:
        """Seats that others may have now: free ones, of those that it lends at all."""
        return max(0, min(self.spec.lendable, self.spec.seats - self.in_use))

    def reconfigure(self, spec: LevelSpec) -> None:
        """Go on under another configuration. Who has seats keeps them; who waits is let in: its queue is gone."""
        self.spec = spec
        waiting = [ticket for queue in self.queues for ticket in queue.waiting]
        self.queues = [Queue() for _ in range(spec.queues)]
        self.waiting = 0
        for ticket in waiting:
            ticket.queue = None
            self.in_use += ticket.seats
            if ticket.ready is not None and not ticket.ready.done():
                ticket.ready.set_result(None)

    def enter(self, flow: str, seats: int, now: float) -> Ticket | None:
        """A ticket: on its seats when `ready` is None, else waiting for it. None: refused."""
        ticket = Ticket(self, min(seats, max(1, self.spec.seats)), started=now)
        if self.spec.exempt or (not self.waiting and self._has_room(ticket.seats)):
            self.in_use += ticket.seats
            return ticket
        if not self.queues:
            return None
        queue = min((self.queues[index] for index in hand(flow, len(self.queues), self.spec.hand_size)), key=_load)
        if len(queue.waiting) >= self.spec.queue_length:
            return None
        if not queue.waiting and not queue.seats_in_use:
            queue.virtual_start = max(queue.virtual_start, self._virtual_now)
        ticket.queue = queue
        ticket.ready = asyncio.get_running_loop().create_future()
        queue.waiting.append(ticket)
        self.waiting += 1
        return ticket

    def leave(self, ticket: Ticket, now: float) -> None:
        """The request has ended, or given up waiting; the next ones take its place."""
        queue = ticket.queue
        if queue is not None and ticket in queue.waiting:
            queue.waiting.remove(ticket)
            self.waiting -= 1
            return
        self.in_use -= ticket.seats
        if queue is not None:
            queue.seats_in_use -= ticket.seats
            queue.virtual_start += ticket.seats * (now - ticket.started - ASSUMED_SECONDS)
        self.dispatch(now)

    def dispatch(self, now: float) -> None:
        """Give seats to those who wait, as far as there are any."""
        while self.waiting:
            queue = min((each for each in self.queues if each.waiting), key=lambda each: each.virtual_start)
            ticket = queue.waiting[0]
            if not self._has_room(ticket.seats):
                return
            queue.waiting.popleft()
            self.waiting -= 1
            self._virtual_now = max(self._virtual_now, queue.virtual_start)
            queue.virtual_start += ticket.seats * ASSUMED_SECONDS
            queue.seats_in_use += ticket.seats
            self.in_use += ticket.seats
            ticket.started = now
            assert ticket.ready is not None
            if not ticket.ready.done():
                ticket.ready.set_result(None)

    def _has_room(self, seats: int) -> bool:
        if self.in_use + seats <= self.spec.seats or not self.in_use:
            return True
        limit = self._free_elsewhere(self)
        if self.spec.borrowing_limit is not None:
            limit = min(limit, self.spec.borrowing_limit)
        return self.in_use + seats <= self.spec.seats + limit


def _load(queue: Queue) -> tuple[int, float]:
    return sum(ticket.seats for ticket in queue.waiting) + queue.seats_in_use, queue.virtual_start


@lru_cache(4096)
def hand(flow: str, queues: int, size: int) -> tuple[int, ...]:
    """The queues that a flow is dealt, all different: shuffle sharding by the flow's hash."""
    value = int.from_bytes(sha256(flow.encode()).digest()[:16], "big")
    rest = list(range(queues))
    dealt = []
    for _ in range(min(size, queues)):
        value, index = divmod(value, len(rest))
        dealt.append(rest.pop(index))
    return tuple(dealt)
