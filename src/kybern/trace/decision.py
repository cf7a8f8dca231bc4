"""One decision of one component about one object."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What was decided."""

    ACTED = "Acted"
    """Something was done (the reason says what)."""
    WAITED = "Waited"
    """Something is to be done, but not yet (the reason says what is waited for)."""
    REFUSED = "Refused"
    """It cannot be done as things stand (the reason says why)."""
    NOTHING = "Nothing"
    """The world is as it should be."""
    FAILED = "Failed"
    """It was tried and went wrong (the reason says how); it will be tried again."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what about whom, on what ground."""

    component: str
    """The decider, as its user agent names it: `kube-scheduler`, `deployment-controller`, `kubelet/NODE`."""
    subject: str
    """`Kind/namespace/name`, or `Kind/name` of a cluster-wide object: `Pod/default/web-0`."""
    verdict: Verdict
    reason: str
    """One CamelCase word, stable, for programs: `Insufficient`, `BackOff`, `ScaledUp`."""
    message: str
    """One sentence for a person, with the numbers that decided."""
    revision: str
    """The resourceVersion of the subject that was seen ("" where none was)."""
    time: float
    """When, in seconds since the epoch."""
    uid: str = ""
    """The subject's uid, where known."""
    seen: dict[str, Any] = field(default_factory=dict)
    """What was looked at, and what would change the decision; small, JSON-encodable."""
