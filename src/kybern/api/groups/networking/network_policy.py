"""NetworkPolicy."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.groups.columns import AGE, NAME, age
from kybern.api.resource import Column, Object
from kybern.api.selectors import format_struct
from kybern.api.validation.networking.network_policy import validate_network_policy

COLUMNS = (
    NAME,
    Column(
        "Pod-Selector",
        description=(
            "Selects the pods to which this NetworkPolicy object applies.  The array of ingress "
            "rules is applied to any pods selected by this field. Multiple network policies can "
            "select the same set of pods.  In this case, the ingress rules for each are combined "
            "additively. This field is NOT optional and follows standard label selector semantics. "
            "An empty podSelector matches all pods in this namespace."
        ),
    ),
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
        validate=lambda obj: list(validate_network_policy(obj)),
    )
}
