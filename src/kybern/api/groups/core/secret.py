"""Secret: stringData is folded into data, the type is for ever."""

import base64
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


def default(obj: Object) -> None:
    strings = obj.pop("stringData", None)
    if strings:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in strings.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}
    if not obj.get("type"):
        obj["type"] = "Opaque"


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], obj.get("type", ""), len(obj.get("data") or ()), age(obj, now)


BEHAVIOUR = {
    "Secret": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"type": lambda obj: obj.get("type") or ""},
        default=default,
        validate=lambda obj: list(validate_secret(obj)),
        validate_update=lambda new, old: list(validate_secret_update(new, old)),
    )
}
