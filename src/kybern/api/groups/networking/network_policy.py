"""NetworkPolicy."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.groups.columns import AGE, NAME, age, column
from kybern.api.resource import Object
from kybern.api.selectors import format_struct
from kybern.api.validation.networking.network_policy import validate_network_policy

COLUMNS = (
    NAME,
    column("Pod-Selector", "networking.v1.NetworkPolicySpec.podSelector"),
    AGE,
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    selector = (obj.get("spec") or {}).get("podSelector") or {}
    return obj["metadata"]["name"], format_struct(selector), age(obj, now)


BEHAVIOUR = {
    "NetworkPolicy": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=spec_changed,
        counts_empties=True,
        validate=lambda obj: list(validate_network_policy(obj)),
    )
}
