"""ConfigMap."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Object
from kybern.api.validation.core.config import validate_config_map, validate_config_map_update

COLUMNS = (
    NAME,
    column("Data", "core.v1.ConfigMap.data"),
    AGE,
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    count = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
    return obj["metadata"]["name"], count, age(obj, now)


BEHAVIOUR = {
    "ConfigMap": Behaviour(
        columns=COLUMNS,
        cells=cells,
        validate=lambda obj: list(validate_config_map(obj)),
        validate_update=lambda new, old: list(validate_config_map_update(new, old)),
    )
}
