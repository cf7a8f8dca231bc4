"""Lease."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Change, Object
from kybern.api.validation.coordination import validate_lease

COLUMNS = (
    NAME,
    column("Holder", "coordination.v1.LeaseSpec.holderIdentity"),
    AGE,
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], (obj.get("spec") or {}).get("holderIdentity") or "", age(obj, now)


_COORDINATED = ("strategy", "preferredHolder")


def prepare_create(obj: Object, change: Change) -> None:
    prepare_update(obj, {}, change)


def prepare_update(new: Object, old: Object, change: Change) -> None:
    """Coordinated leader election is off by default: its fields go, unless they are there already."""
    known = old.get("spec") or {}
    for key in _COORDINATED:
        if known.get(key) is None:
            new["spec"].pop(key, None)


BEHAVIOUR = {
    "Lease": Behaviour(
        columns=COLUMNS,
        cells=cells,
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        validate=lambda obj: list(validate_lease(obj)),
        event_like=True,
        create_on_update=True,
        unconditional_update=False,
    )
}
