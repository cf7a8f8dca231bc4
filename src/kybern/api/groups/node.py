"""RuntimeClass."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, checked_first
from kybern.api.groups.columns import AGE, NAME, age
from kybern.api.resource import Column, Object
from kybern.api.validation.node import validate_runtime_class, validate_runtime_class_update

COLUMNS = (NAME, Column("Handler"), AGE)


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], obj.get("handler") or "", age(obj, now)


BEHAVIOUR = {
    "RuntimeClass": Behaviour(
        columns=COLUMNS,
        cells=cells,
        validate=lambda obj: list(validate_runtime_class(obj)),
        validate_update=checked_first(validate_runtime_class, validate_runtime_class_update),
        validate_on_update=False,
        create_on_update=True,
        unconditional_update=False,
    )
}
