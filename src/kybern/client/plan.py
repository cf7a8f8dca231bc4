"""What a reconcile decided, as data: writes, events, decisions. Making a plan does nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kybern.api.types.core_v1 import ObjectReference
from kybern.client.client import PatchType
from kybern.client.objects import KubeObject, subject_of
from kybern.trace import Verdict


@dataclass(frozen=True, slots=True)
class Done:
    """The key needs nothing more until something changes."""


@dataclass(frozen=True, slots=True)
class RequeueAfter:
    """Look at the key again in `seconds` (or sooner, when something changes)."""

    seconds: float


Outcome = Done | RequeueAfter


@dataclass(frozen=True, slots=True)
class Notice:
    """An Event to write. `{name}` in the message becomes the written object's name, `{error}` the error."""

    about: KubeObject | ObjectReference
    type: str
    """Normal or Warning."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Create:
    obj: KubeObject
    done: Notice | None = None
    failed: Notice | None = None


@dataclass(frozen=True, slots=True)
class Update:
    obj: KubeObject
    """With the resourceVersion that was read, so that nothing unseen is overwritten."""
    subresource: str = ""
    done: Notice | None = None
    failed: Notice | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    obj: KubeObject
    patch: Any
    content_type: PatchType = PatchType.MERGE
    subresource: str = ""
    missing_ok: bool = True
    query: Mapping[str, str] = field(default_factory=dict)
    """`fieldManager` and `force`, which an apply needs."""
    failed: Notice | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """With the object's uid as precondition; that it is gone already is no error."""

    obj: KubeObject
    done: Notice | None = None
    failed: Notice | None = None
    propagation_policy: str = ""
    grace_period_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A decision to be recorded in the trace."""

    about: KubeObject
    verdict: Verdict
    reason: str
    message: str
    seen: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """Carried out in this order: patches, updates, creates, deletes, status updates; events follow their write.

    The first kind of write that fails ends it, but for creates and deletes, of which as many as possible are tried.
    """

    about: KubeObject
    """What was reconciled."""
    patches: list[Patch] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    creates: list[Create] = field(default_factory=list)
    deletes: list[Delete] = field(default_factory=list)
    status_updates: list[Update] = field(default_factory=list)
    events: list[Notice] = field(default_factory=list)
    """Events that belong to no write; written first."""
    decisions: list[Reasoned] = field(default_factory=list)
    requeue_after: float | None = None
    """Seconds."""

    def event(self, type: str, reason: str, message: str) -> None:
        """An Event about what is reconciled."""
        self.events.append(Notice(self.about, type, reason, message))

    def notice(self, type: str, reason: str, message: str) -> Notice:
        """An Event about what is reconciled, for a write."""
        return Notice(self.about, type, reason, message)

    def status(self, obj: KubeObject) -> None:
        """Write the object's status."""
        self.status_updates.append(Update(obj, "status"))

    def decide(self, verdict: Verdict, reason: str, message: str, **seen: Any) -> None:
        """Record a decision about what is reconciled."""
        self.decisions.append(Reasoned(self.about, verdict, reason, message, seen))

    def requeue(self, seconds: float) -> None:
        """Look again in `seconds`; of several the soonest counts."""
        self.requeue_after = seconds if self.requeue_after is None else min(self.requeue_after, seconds)

    @property
    def subject(self) -> str:
        return subject_of(self.about)

    @property
    def writes(self) -> int:
        """How many writes it holds."""
        groups = (self.patches, self.updates, self.creates, self.deletes, self.status_updates)
        return sum(len(group) for group in groups)

    @property
    def outcome(self) -> Outcome:
        return Done() if self.requeue_after is None else RequeueAfter(self.requeue_after)
