"""PriorityClass."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Object
from kybern.api.validation.scheduling import validate_priority_class, validate_priority_class_update

COLUMNS = (
    NAME,
    column("Value", "scheduling.v1.PriorityClass.value", "integer"),
    column("Global-Default", "scheduling.v1.PriorityClass.globalDefault", "boolean"),
    AGE,
    column("PreemptionPolicy", "scheduling.v1.PriorityClass.preemptionPolicy"),
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    return (
        obj["metadata"]["name"],
        obj.get("value") or 0,
        bool(obj.get("globalDefault")),
        age(obj, now),
        obj.get("preemptionPolicy") or "",
    )


BEHAVIOUR = {
    "PriorityClass": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=lambda new, old: False,
        validate=lambda obj: list(validate_priority_class(obj)),
        validate_update=lambda new, old: list(validate_priority_class_update(new, old)),
        validate_on_update=False,
    )
}
