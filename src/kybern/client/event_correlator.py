"""Which Events are written, which are counted and which are dropped, as client-go's EventCorrelator decides.

Pure but for the memory of what came before, which is bounded. Three steps: a token bucket for each source and object
(burst 25, one more every 5 minutes); more than 10 events within 10 minutes that differ in their message only become one
"(combined from similar events)"; and the same event again only counts.
Source: k8s.io/client-go/tools/record/events_cache.go.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

MEMORY_LIMIT = 4096
"""Objects, groups and events remembered, each."""

SPAM_BURST = 25
SPAM_REFILL_PER_SECOND = 1 / 300
SIMILAR_LIMIT = 10
SIMILAR_WINDOW_SECONDS = 600.0
COMBINED_PREFIX = "(combined from similar events): "

V = TypeVar("V")

ObjectId = tuple[str, str, str, str, str]
"""Of the involved object: apiVersion, kind, namespace, name, uid."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """What happened, to whom."""

    involved: ObjectId
    type: str
    reason: str
    message: str
    field_path: str = ""


@dataclass(slots=True)
class Record:
    """An Event that is on the server, or soon will be."""

    name: str
    first_timestamp: str
    count: int = 0
    stored: bool = False
    """Whether the server has confirmed it: only then may it be patched."""


@dataclass(slots=True)
class _Group:
    messages: set[str]
    last: float


class _Memory(Generic[V]):
    """A mapping that forgets what was not used for longest."""

    def __init__(self) -> None:
        self._values: OrderedDict[object, V] = OrderedDict()

    def get(self, key: object) -> V | None:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        return None

    def put(self, key: object, value: V) -> V:
        self._values[key] = value
        if len(self._values) > MEMORY_LIMIT:
            self._values.popitem(last=False)
        return value


class Correlator:
    """The memory of one recorder."""

    def __init__(self) -> None:
        self._tokens: _Memory[tuple[float, float]] = _Memory()
        self._groups: _Memory[_Group] = _Memory()
        self._records: _Memory[Record] = _Memory()

    def allows(self, occurrence: Occurrence, now: float) -> bool:
        """Whether the object's bucket has a token left; it is taken."""
        tokens, last = self._tokens.get(occurrence.involved) or (float(SPAM_BURST), now)
        tokens = min(float(SPAM_BURST), tokens + (now - last) * SPAM_REFILL_PER_SECOND)
        allowed = tokens >= 1
        self._tokens.put(occurrence.involved, (tokens - 1 if allowed else tokens, now))
        return allowed

    def correlate(self, occurrence: Occurrence, now: float) -> tuple[Record | None, str, object]:
        """The record of the same event if there is one, the message to write, and the key to remember it by."""
        message = occurrence.message
        group_key = (occurrence.involved, occurrence.type, occurrence.reason)
        group = self._groups.get(group_key)
        if group is None or now - group.last > SIMILAR_WINDOW_SECONDS:
            group = self._groups.put(group_key, _Group(set(), now))
        group.last = now
        if message not in group.messages and len(group.messages) + 1 >= SIMILAR_LIMIT:
            message = COMBINED_PREFIX + message
            key: object = group_key
        else:
            group.messages.add(message)
            key = (group_key, message, occurrence.field_path)
        return self._records.get(key), message, key

    def remember(self, key: object, event: Record) -> Record:
        """Count the next occurrence of the same on `event`."""
        return self._records.put(key, event)
