"""FlowSchema and PriorityLevelConfiguration."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, keep, spec_changed
from kybern.api.groups.columns import AGE, NAME, NONE, age, column, condition
from kybern.api.resource import Change, Column, Object
from kybern.api.validation.flow_control import validate_conditions, validate_flow_schema, validate_priority_level
from kybern.api.validation.mandatory_flow import validate_fixed

SCHEMA_COLUMNS = (
    NAME,
    column("PriorityLevel", "flowcontrol.v1.PriorityLevelConfigurationReference.name"),
    column("MatchingPrecedence", "flowcontrol.v1.FlowSchemaSpec.matchingPrecedence"),
    column("DistinguisherMethod", "flowcontrol.v1.FlowSchemaSpec.distinguisherMethod"),
    AGE,
    Column("MissingPL", description="references a broken or non-existent PriorityLevelConfiguration"),
)
LEVEL_COLUMNS = (
    NAME,
    column("Type", "flowcontrol.v1.PriorityLevelConfigurationSpec.type"),
    column("NominalConcurrencyShares", "flowcontrol.v1.LimitedPriorityLevelConfiguration.nominalConcurrencyShares"),
    column("Queues", "flowcontrol.v1.QueuingConfiguration.queues"),
    column("HandSize", "flowcontrol.v1.QueuingConfiguration.handSize"),
    column("QueueLengthLimit", "flowcontrol.v1.QueuingConfiguration.queueLengthLimit"),
    AGE,
)


def schema_cells(obj: Object, now: float) -> Sequence[Any]:
    spec, method = obj.get("spec") or {}, (obj.get("spec") or {}).get("distinguisherMethod")
    dangling = condition((obj.get("status") or {}).get("conditions"), "Dangling")
    return (
        obj["metadata"]["name"],
        (spec.get("priorityLevelConfiguration") or {}).get("name") or "",
        spec.get("matchingPrecedence") or 0,
        NONE if method is None else method.get("type") or "",
        age(obj, now),
        "?" if dangling is None else dangling.get("status") or "",
    )


def level_cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    limited = spec.get("limited")
    queuing = ((limited or {}).get("limitResponse") or {}).get("queuing") or {}
    return (
        obj["metadata"]["name"],
        spec.get("type") or "",
        NONE if limited is None else limited.get("nominalConcurrencyShares") or 0,
        *(queuing.get(key, 0) if queuing else NONE for key in ("queues", "handSize", "queueLengthLimit")),
        age(obj, now),
    )


def _keep_all_metadata(new: Object, old: Object, change: Change) -> None:
    """But for who owns what: even another uid is passed over."""
    given = new["metadata"]
    new["metadata"] = dict(old["metadata"])
    keep("managedFields", new["metadata"], given)


BEHAVIOUR = {
    "FlowSchema": Behaviour(
        columns=SCHEMA_COLUMNS,
        cells=schema_cells,
        generation=spec_changed,
        prepare_status=_keep_all_metadata,
        validate=lambda obj: [*validate_flow_schema(obj), *validate_fixed(obj)],
        validate_status=lambda new, old: list(validate_conditions(new, old)),
    ),
    "PriorityLevelConfiguration": Behaviour(
        columns=LEVEL_COLUMNS,
        cells=level_cells,
        generation=spec_changed,
        prepare_status=_keep_all_metadata,
        validate=lambda obj: [*validate_priority_level(obj), *validate_fixed(obj)],
        validate_status=lambda new, old: list(validate_conditions(new, old)),
    ),
}
