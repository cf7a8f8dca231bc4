"""The bounded record of this process: the newest RING_LIMIT decisions, repeats folded into one."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from kybern.trace.decision import Decision, Verdict

RING_LIMIT = 4096
"""Decisions kept in a process; at about 400 bytes each, 1.6 MB."""

DecisionKey = tuple[str, str, str, str, str]


class Ring:
    """Newest decisions in order of their last occurrence; the oldest fall out."""

    def __init__(self, limit: int = RING_LIMIT, now: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._now = now
        self._unshipped: OrderedDict[DecisionKey, Decision] = OrderedDict()
        self.dropped = 0
        """How many were pushed out before anyone took them."""

    def record(
        self,
        subject: str,
        verdict: Verdict,
        reason: str,
        message: str,
        *,
        component: str,
        revision: str = "",
        uid: str = "",
        seen: Mapping[str, Any] | None = None,
    ) -> None:
        """Append a decision; the same one taken again only moves to the end with its new time."""
        key = (component, subject, verdict, reason, message)
        self._unshipped.pop(key, None)
        self._unshipped[key] = Decision(
            component, subject, verdict, reason, message, revision, self._now(), uid, dict(seen or {})
        )
        if len(self._unshipped) > self._limit:
            self._unshipped.popitem(last=False)
            self.dropped += 1

    def take(self, limit: int) -> list[Decision]:
        """Remove and return up to `limit` of the oldest decisions (for shipping)."""
        return [self._unshipped.popitem(last=False)[1] for _ in range(min(limit, len(self._unshipped)))]

    def __len__(self) -> int:
        return len(self._unshipped)


ring = Ring()
"""The ring of this process."""

record = ring.record
