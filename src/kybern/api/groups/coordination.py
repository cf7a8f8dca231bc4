"""Lease."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Object
from kybern.api.validation.coordination import validate_lease

COLUMNS = (
    NAME,
    column("Holder", "coordination.v1.LeaseSpec.holderIdentity"),
    AGE,
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], (obj.get("spec") or {}).get("holderIdentity") or "", age(obj, now)


BEHAVIOUR = {
    "Lease": Behaviour(
        columns=COLUMNS,
        cells=cells,
        validate=lambda obj: list(validate_lease(obj)),
        event_like=True,
        create_on_update=True,
        unconditional_update=False,
    )
}
