"""Which Pod is decided next: active (by priority, then age), backing off, unschedulable until something changes, gated.

Pure: time comes in as an argument. Invariant: a Pod is in exactly one of the four places, or with the scheduler.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from kybern.scheduler.hints import LABELS, ClusterEvent, concerns, may_help
from kybern.scheduler.shape import PodRequest

UNSCHEDULABLE_SECONDS = 300.0
"""The longest that a refused Pod waits for an event (upstream's podMaxInUnschedulablePodsDuration)."""

Key = tuple[str, str]

POD_ADDED, POD_UPDATED = "UnschedulablePodAdd", "UnschedulablePodUpdate"
ATTEMPT_FAILED, BACKOFF_OVER, WAITED_LONG = "ScheduleAttemptFailure", "BackoffComplete", "UnschedulableTimeout"
"""What brings a Pod to a place, by upstream's names."""


@dataclass(slots=True)
class Waiting:
    """A Pod in the queue, with what its last refusal said."""

    request: PodRequest
    attempts: int = 0
    since: float = 0.0
    """When it came to the place where it is, in monotonic seconds."""
    plugins: frozenset[str] = field(default_factory=frozenset)
    place: str = ""
    ticket: int = 0
    """Entries of the heaps with another ticket are stale."""
    entered: float = 0.0
    """When it was first seen without a node, in monotonic seconds."""


class SchedulingQueue:
    """Pods that want a node."""

    def __init__(self, initial_backoff_seconds: float = 1.0, max_backoff_seconds: float = 10.0) -> None:
        self._initial = initial_backoff_seconds
        self._max = max_backoff_seconds
        self._pods: dict[Key, Waiting] = {}
        self._active: list[tuple[int, float, int, Key]] = []
        self._backing_off: list[tuple[float, int, Key]] = []
        self._unschedulable: dict[frozenset[str], dict[Key, Waiting]] = {}
        """By the plugins that refused them; who waits longest comes first."""
        self._tickets = count(1)
        self.incoming: Counter[tuple[str, str]] = Counter()
        """How many came to each place, and by which event."""

    def __len__(self) -> int:
        return len(self._pods)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._pods.values())

    def history_of(self, key: Key) -> tuple[int, float]:
        """(attempts so far, when it entered) of a Pod that is here."""
        waiting = self._pods[key]
        return waiting.attempts, waiting.entered

    def place_of(self, key: Key) -> str:
        """`active`, `backoff`, `unschedulable`, `gated`, `scheduling`, or "" for a stranger."""
        waiting = self._pods.get(key)
        return waiting.place if waiting else ""

    def request_of(self, key: Key) -> PodRequest | None:
        """The Pod as it was last seen, if it is here."""
        waiting = self._pods.get(key)
        return waiting.request if waiting else None

    def set(self, request: PodRequest, now: float) -> None:
        """A Pod without a node was seen: new, or changed."""
        waiting = self._pods.get(request.key)
        if waiting is None or waiting.request.uid != request.uid:
            self.forget(request.key)
            waiting = self._pods[request.key] = Waiting(request, entered=now)
            self._put(waiting, "gated" if request.gates else "active", now, POD_ADDED)
            return
        changed = _differs(waiting.request, request)
        waiting.request = request
        if request.gates:
            self._put(waiting, "gated", now, POD_UPDATED)
        elif waiting.place == "gated" or (changed and waiting.place in ("unschedulable", "active")):
            self._put(waiting, "active", now, POD_UPDATED)

    def forget(self, key: Key) -> None:
        """The Pod is gone, or has a node."""
        waiting = self._pods.pop(key, None)
        if waiting is not None:
            self._take_out(waiting)

    def pop(self) -> Waiting | None:
        """The next Pod to decide; it is with the scheduler until `refused`, `retry` or `forget`."""
        while self._active:
            _, _, ticket, key = heapq.heappop(self._active)
            waiting = self._pods.get(key)
            if waiting is not None and waiting.ticket == ticket:
                waiting.place, waiting.ticket = "scheduling", 0
                waiting.attempts += 1
                return waiting
        return None

    def refused(self, request: PodRequest, plugins: frozenset[str], now: float) -> None:
        """No node can take it; wait for an event that may change what those plugins said."""
        waiting = self._pods.get(request.key)
        if waiting is None or waiting.place != "scheduling":
            return
        waiting.plugins = plugins
        self._put(waiting, "unschedulable", now, ATTEMPT_FAILED)

    def retry(self, request: PodRequest, now: float) -> None:
        """It failed for a reason outside (a binding was refused): again after its back-off."""
        waiting = self._pods.get(request.key)
        if waiting is not None and waiting.place == "scheduling":
            self._put(waiting, "backoff", now, ATTEMPT_FAILED)

    def happened(self, event: ClusterEvent, now: float) -> int:
        """Move every Pod that the event may help; returns how many."""
        groups = [group for plugins, group in self._unschedulable.items() if concerns(event.kind, plugins)]
        moved = [waiting for group in groups for waiting in group.values() if may_help(event, waiting)]
        for waiting in moved:
            self._put(waiting, "backoff", now, LABELS[event.kind])
        return len(moved)

    def tick(self, now: float) -> None:
        """Let those whose back-off or longest wait is over become active."""
        while self._backing_off and self._backing_off[0][0] <= now:
            _, ticket, key = heapq.heappop(self._backing_off)
            waiting = self._pods.get(key)
            if waiting is not None and waiting.ticket == ticket:
                self._put(waiting, "active", now, BACKOFF_OVER)
        for group in [*self._unschedulable.values()]:
            while group and now - (oldest := next(iter(group.values()))).since >= UNSCHEDULABLE_SECONDS:
                self._put(oldest, "backoff", now, WAITED_LONG)

    def next_tick(self) -> float | None:
        """When the next back-off ends, in monotonic seconds."""
        return self._backing_off[0][0] if self._backing_off else None

    def backoff_seconds(self, attempts: int) -> float:
        """1 s after the first attempt, doubling up to 10 s."""
        return min(self._initial * 2.0 ** max(attempts - 1, 0), self._max) if attempts else 0.0

    def _put(self, waiting: Waiting, place: str, now: float, event: str) -> None:
        key = waiting.request.key
        self._take_out(waiting)
        waiting.ticket = next(self._tickets)
        if place == "backoff":
            since = waiting.since if waiting.place == "unschedulable" else now
            ready = since + self.backoff_seconds(waiting.attempts)
            if ready > now:
                heapq.heappush(self._backing_off, (ready, waiting.ticket, key))
            else:
                place = "active"
        if place == "active":
            request = waiting.request
            heapq.heappush(self._active, (-request.priority, request.created, waiting.ticket, key))
        elif place == "unschedulable":
            self._unschedulable.setdefault(waiting.plugins, {})[key] = waiting
        waiting.place, waiting.since = place, now
        self.incoming[place, event] += 1

    def _take_out(self, waiting: Waiting) -> None:
        """Of those that wait for an event, if it is there."""
        if waiting.place != "unschedulable":
            return
        group = self._unschedulable[waiting.plugins]
        del group[waiting.request.key]
        if not group:
            del self._unschedulable[waiting.plugins]


def _differs(old: PodRequest, new: PodRequest) -> bool:
    """Whether a change of the Pod itself can make it schedulable."""
    return (
        old.shape is not new.shape
        or old.identity is not new.identity
        or old.gates != new.gates
        or old.priority != new.priority
    )
