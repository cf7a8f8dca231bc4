"""What becomes of an object, by its owners and dependents."""

import pytest

from kybern.api.types.meta_v1 import ObjectMeta, OwnerReference
from kybern.controllers.garbage_graph import Act, Owned, OwnerState, decide

SOLID, GOING, ABSENT = OwnerState.SOLID, OwnerState.DELETING_DEPENDENTS, OwnerState.ABSENT
BLOCKING = ObjectMeta(name="d", owner_references=[OwnerReference(uid="me", block_owner_deletion=True)])
LOOSE = ObjectMeta(name="d", owner_references=[OwnerReference(uid="me")])


def item(
    *states: OwnerState,
    finalizers: tuple[str, ...] = (),
    deleting: bool = False,
    dependents: tuple[ObjectMeta, ...] = (),
) -> Owned:
    meta = ObjectMeta(
        name="x",
        uid="me",
        finalizers=list(finalizers),
        deletion_timestamp="2026-01-01T00:00:00Z" if deleting else "",
    )
    owners = [(OwnerReference(kind="Owner", name=f"o{n}", uid=f"u{n}"), state) for n, state in enumerate(states)]
    return Owned(meta, owners, dependents)


@pytest.mark.parametrize(
    ("owned", "act", "policy"),
    [
        (item(), Act.NOTHING, ""),
        (item(SOLID), Act.NOTHING, ""),
        (item(SOLID, SOLID), Act.NOTHING, ""),
        (item(SOLID, ABSENT), Act.DROP_OWNERS, ""),
        (item(SOLID, GOING), Act.DROP_OWNERS, ""),
        (item(ABSENT), Act.DELETE, "Background"),
        (item(ABSENT, ABSENT), Act.DELETE, "Background"),
        (item(ABSENT, finalizers=("orphan",)), Act.DELETE, "Orphan"),
        (item(ABSENT, finalizers=("foregroundDeletion",)), Act.DELETE, "Foreground"),
        (item(GOING), Act.DELETE, "Background"),
        (item(GOING, dependents=(LOOSE,)), Act.DELETE, "Foreground"),
        (item(ABSENT, deleting=True), Act.NOTHING, ""),
        (item(deleting=True, finalizers=("foregroundDeletion",)), Act.DROP_FINALIZER, ""),
        (item(deleting=True, finalizers=("foregroundDeletion",), dependents=(LOOSE,)), Act.DROP_FINALIZER, ""),
        (item(deleting=True, finalizers=("foregroundDeletion",), dependents=(BLOCKING,)), Act.DELETE_DEPENDENTS, ""),
        (item(deleting=True, finalizers=("orphan",), dependents=(BLOCKING,)), Act.ORPHAN_DEPENDENTS, ""),
        (item(deleting=True, finalizers=("orphan",)), Act.DROP_FINALIZER, ""),
    ],
)
def test_rulings(owned: Owned, act: Act, policy: str) -> None:
    ruling = decide(owned)
    assert (ruling.act, ruling.policy) == (act, policy)


def test_only_the_dead_owners_are_dropped() -> None:
    assert decide(item(ABSENT, SOLID, GOING)).owners == ("u0", "u2")


def test_who_may_wait_for_its_own_dependent_lets_go() -> None:
    going = ObjectMeta(name="d", finalizers=["foregroundDeletion"], deletion_timestamp="2026-01-01T00:00:00Z")
    ruling = decide(item(GOING, dependents=(LOOSE, going)))
    assert (ruling.act, ruling.policy, ruling.unblocks) == (Act.DELETE, "Foreground", True)
    assert not decide(item(GOING, dependents=(LOOSE,))).unblocks
    assert not decide(item(ABSENT, dependents=(going,))).unblocks
