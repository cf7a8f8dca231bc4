"""ServiceAccount."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, age
from kybern.api.resource import Object

COLUMNS = (NAME, AGE)


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], age(obj, now)


BEHAVIOUR = {"ServiceAccount": Behaviour(columns=COLUMNS, cells=cells)}
