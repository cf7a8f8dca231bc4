"""PodDisruptionBudget."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.groups.columns import AGE, NAME, age, status
from kybern.api.resource import Column, Object
from kybern.api.validation.names import path_segment_name
from kybern.api.validation.policy import validate_budget, validate_budget_status

COLUMNS = (
    NAME,
    Column("Min Available", description="The minimum number of pods that must be available."),
    Column("Max Unavailable", description="The maximum number of pods that may be unavailable."),
    Column(
        "Allowed Disruptions", "integer", description="Calculated number of pods that may be disrupted at this time."
    ),
    AGE,
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    limits = (spec.get(key) for key in ("minAvailable", "maxUnavailable"))
    return (
        obj["metadata"]["name"],
        *("N/A" if limit is None else str(limit) for limit in limits),
        status(obj, "disruptionsAllowed"),
        age(obj, now),
    )


BEHAVIOUR = {
    "PodDisruptionBudget": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=spec_changed,
        validate=lambda obj: list(validate_budget(obj)),
        validate_name=path_segment_name,
        validate_status=lambda new, old: list(validate_budget_status(new, old)),
        unconditional_update=False,
    )
}
