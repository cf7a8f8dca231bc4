"""EventRateLimit: how many events the server, a namespace, a user or a source with its object may write.

Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#eventratelimit
"""

from collections import OrderedDict
from dataclasses import dataclass

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.base.clock import Clock
from kybern.base.errors import TooManyRequests

BUCKETS_LIMIT = 4096
"""Upstream's default cacheSize."""
_EVENTS = frozenset(("events", "events.events.k8s.io"))


@dataclass(frozen=True, slots=True)
class Limit:
    """eventratelimit.admission.k8s.io Limit."""

    type: str
    """Server, Namespace, User or SourceAndObject."""
    qps: int
    burst: int
    cache_size: int = BUCKETS_LIMIT


class _Bucket:
    """A token bucket."""

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at

    def take(self, limit: Limit, now: float) -> bool:
        self.tokens = min(limit.burst, self.tokens + (now - self.at) * limit.qps)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class EventRateLimit(Plugin):
    about = _EVENTS

    def __init__(self, clock: Clock, limits: tuple[Limit, ...]) -> None:
        self._clock = clock
        self._limits = [(limit, OrderedDict[str, _Bucket]()) for limit in limits]

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        """Raises TooManyRequests."""
        if attributes.group_resource not in _EVENTS or obj is None or attributes.dry_run:
            return
        now = self._clock.monotonic()
        refused: list[str] = []
        for limit, buckets in self._limits:
            key = _key(limit, attributes, obj)
            bucket = buckets.get(key)
            if bucket is None:
                bucket = buckets[key] = _Bucket(limit.burst, now)
                if len(buckets) > limit.cache_size:
                    buckets.popitem(last=False)
            buckets.move_to_end(key)
            if not bucket.take(limit, now):
                refused.append(f"limit reached on type {limit.type} for key {key}")
        if refused:
            raise TooManyRequests(f"Too many requests: {refused[-1]}")


def _key(limit: Limit, attributes: Attributes, event: Object) -> str:
    match limit.type:
        case "Namespace":
            return attributes.namespace
        case "User":
            return attributes.user.name
        case "SourceAndObject":
            source = event.get("source") or event.get("deprecatedSource") or {}
            about = event.get("involvedObject") or event.get("regarding") or {}
            parts = [source.get("component"), source.get("host")]
            parts += [about.get(key) for key in ("kind", "namespace", "name", "uid", "apiVersion")]
            return "".join(part or "" for part in parts)
    return ""
