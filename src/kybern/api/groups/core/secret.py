"""Secret."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Object
from kybern.api.validation.core.config import validate_secret, validate_secret_update

COLUMNS = (
    NAME,
    column("Type", "core.v1.Secret.type"),
    column("Data", "core.v1.Secret.data"),
    AGE,
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], obj.get("type", ""), len(obj.get("data") or ()), age(obj, now)


BEHAVIOUR = {
    "Secret": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"type": lambda obj: obj.get("type") or ""},
        validate=lambda obj: list(validate_secret(obj)),
        validate_update=lambda new, old: list(validate_secret_update(new, old)),
    )
}
