"""APIService."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, keep_metadata
from kybern.api.groups.columns import AGE, NAME, age, condition
from kybern.api.resource import Change, Column, Object
from kybern.api.validation.api_service import validate_api_service, validate_api_service_status
from kybern.api.validation.names import path_segment_name
from kybern.base.clock import format_time

COLUMNS = (
    NAME,
    Column("Service", description="The reference to the service that hosts this API endpoint."),
    Column("Available", description="Whether this service is available."),
    AGE,
)


def prepare_create(obj: Object, change: Change) -> None:
    """Groups that this server answers itself are there at once."""
    if (obj.get("spec") or {}).get("service") is None:
        obj["status"] = {"conditions": [_available_locally(change)]}


def _available_locally(change: Change) -> Object:
    return {
        "type": "Available",
        "status": "True",
        "lastTransitionTime": format_time(change.now),
        "reason": "Local",
        "message": "Local APIServices are always available",
    }


def cells(obj: Object, now: float) -> Sequence[Any]:
    service = (obj.get("spec") or {}).get("service")
    available = condition((obj.get("status") or {}).get("conditions"), "Available") or {}
    state: str = available.get("status") or "Unknown"
    if state != "True" and available.get("reason"):
        state = f"{state} ({available['reason']})"
    return (
        obj["metadata"]["name"],
        "Local" if service is None else f"{service.get('namespace') or ''}/{service.get('name') or ''}",
        state,
        age(obj, now),
    )


BEHAVIOUR = {
    "APIService": Behaviour(
        columns=COLUMNS,
        cells=cells,
        prepare_create=prepare_create,
        prepare_status=keep_metadata,
        validate=lambda obj: list(validate_api_service(obj)),
        validate_status=lambda new, old: list(validate_api_service_status(new, old)),
        validate_name=path_segment_name,
        unconditional_update=False,
    )
}
