"""Who may live, by whom owns whom: the deciding half of the garbage collector, pure.

Rules: https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and upstream's
pkg/controller/garbagecollector.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kybern.api.types.meta_v1 import ObjectMeta, OwnerReference
from kybern.trace import Verdict

FOREGROUND_FINALIZER = "foregroundDeletion"
ORPHAN_FINALIZER = "orphan"


class OwnerState(StrEnum):
    """What is known of an owner that an object names."""

    SOLID = "solid"
    DELETING_DEPENDENTS = "waiting for its dependents to go"
    ABSENT = "absent"


class Act(StrEnum):
    """What to do with one object."""

    NOTHING = "Nothing"
    DELETE = "Delete"
    DROP_OWNERS = "DropOwners"
    """Take references out of its metadata."""
    DELETE_DEPENDENTS = "DeleteDependents"
    """It is deleted in the foreground: its dependents are looked at first."""
    ORPHAN_DEPENDENTS = "OrphanDependents"
    DROP_FINALIZER = "DropFinalizer"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What to do and why."""

    act: Act
    reason: str
    message: str
    policy: str = ""
    """Of a deletion: Background, Foreground or Orphan."""
    owners: tuple[str, ...] = ()
    """Uids of the references to drop."""
    finalizer: str = ""
    unblocks: bool = False
    """Before a deletion: its references shall hold no owner back any more."""

    @property
    def verdict(self) -> Verdict:
        match self.act:
            case Act.NOTHING:
                return Verdict.NOTHING
            case Act.DELETE_DEPENDENTS:
                return Verdict.WAITED
            case _:
                return Verdict.ACTED


@dataclass(frozen=True, slots=True)
class Owned:
    """An object in its place in the graph."""

    meta: ObjectMeta
    owners: Sequence[tuple[OwnerReference, OwnerState]] = ()
    dependents: Sequence[ObjectMeta] = field(default_factory=tuple)


def decide(item: Owned) -> Ruling:
    """What becomes of an object. One that is being deleted is settled first; another lives while one owner does."""
    if item.meta.deletion_timestamp:
        return _decide_deleting(item)
    if not item.owners:
        return Ruling(Act.NOTHING, "NoOwner", "nobody owns it")
    solid = [reference for reference, state in item.owners if state is OwnerState.SOLID]
    gone = [reference for reference, state in item.owners if state is not OwnerState.SOLID]
    if solid:
        if not gone:
            return Ruling(Act.NOTHING, "OwnerAlive", f"its owner {solid[0].kind} {solid[0].name} exists")
        names = ", ".join(f"{each.kind} {each.name}" for each in gone)
        uids = tuple(each.uid for each in gone)
        return Ruling(Act.DROP_OWNERS, "OwnerGone", f"another owner lives, these do not: {names}", owners=uids)
    first = item.owners[0][0]
    waiting = any(state is OwnerState.DELETING_DEPENDENTS for _, state in item.owners)
    policy = "Background"
    if waiting and item.dependents:
        policy = "Foreground"  # The owner waits for the whole tree below it, not for the first generation only.
    elif ORPHAN_FINALIZER in item.meta.finalizers:
        policy = "Orphan"
    elif FOREGROUND_FINALIZER in item.meta.finalizers:
        policy = "Foreground"
    reason = "OwnerDeleting" if waiting else "OwnerAbsent"
    state = "is being deleted with its dependents" if waiting else "does not exist"
    circle = waiting and any(_deletes_dependents(each) for each in item.dependents)
    message = f"its owner {first.kind} {first.name} {state}"
    return Ruling(Act.DELETE, reason, message, policy=policy, unblocks=circle)


def _decide_deleting(item: Owned) -> Ruling:
    if ORPHAN_FINALIZER in item.meta.finalizers:
        if item.dependents:
            return Ruling(
                Act.ORPHAN_DEPENDENTS,
                "Orphaning",
                f"its {len(item.dependents)} dependents shall stay",
                finalizer=ORPHAN_FINALIZER,
            )
        return Ruling(Act.DROP_FINALIZER, "Orphaned", "no dependent names it", finalizer=ORPHAN_FINALIZER)
    if FOREGROUND_FINALIZER not in item.meta.finalizers:
        return Ruling(Act.NOTHING, "Deleting", "it is being deleted already")
    blocking = [each for each in item.dependents if blocks(each, item.meta.uid)]
    if not blocking:
        return Ruling(
            Act.DROP_FINALIZER, "DependentsGone", "no dependent blocks its deletion", finalizer=FOREGROUND_FINALIZER
        )
    return Ruling(
        Act.DELETE_DEPENDENTS, "WaitingForDependents", f"{len(blocking)} dependents block its deletion, still"
    )


def _deletes_dependents(meta: ObjectMeta) -> bool:
    """Such a dependent may wait, by way of others, for its own owner: someone has to let go for all to end."""
    return bool(meta.deletion_timestamp) and FOREGROUND_FINALIZER in meta.finalizers


def blocks(dependent: ObjectMeta, owner_uid: str) -> bool:
    """Whether a dependent holds its owner's foreground deletion back."""
    return any(each.uid == owner_uid and each.block_owner_deletion for each in dependent.owner_references)
