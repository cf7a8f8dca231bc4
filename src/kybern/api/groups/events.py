"""Event, events.k8s.io/v1: stored in core/v1's form, in which the names of several fields are others."""

from collections.abc import Callable, Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.core import event
from kybern.api.resource import Object
from kybern.api.validation.core.event import validate_new_event, validate_new_event_update

_STORED_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_OWN_NAMES = {stored: own for own, stored in _STORED_NAMES.items()}
_STORED_FIELDS = {f"regarding.{key}": f"involvedObject.{key}" for key in event.INVOLVED} | {
    "reason": "reason",
    "reportingController": "reportingComponent",
    "type": "type",
}


_ALWAYS_STORED: Object = {"involvedObject": {}, "reportingComponent": "", "reportingInstance": ""}


def to_storage(obj: Object) -> Object:
    return _ALWAYS_STORED | {_STORED_NAMES.get(key, key): value for key, value in obj.items()} | {"apiVersion": "v1"}


def from_storage(obj: Object) -> Object:
    own = {_OWN_NAMES.get(key, key): value for key, value in obj.items() if value != ""}
    return own | {"apiVersion": "events.k8s.io/v1"}


def cells(obj: Object, now: float) -> Sequence[Any]:
    return event.cells(to_storage(obj), now)


def _field(stored: str) -> Callable[[Object], str]:
    read = event.BEHAVIOUR["Event"].selectable_fields[stored]
    return lambda obj: read(to_storage(obj))


BEHAVIOUR = {
    "Event": Behaviour(
        columns=event.COLUMNS,
        cells=cells,
        selectable_fields={own: _field(stored) for own, stored in _STORED_FIELDS.items()},
        stored_fields=_STORED_FIELDS,
        validate=lambda obj: list(validate_new_event(to_storage(obj))),
        validate_update=lambda new, old: list(validate_new_event_update(to_storage(new), to_storage(old))),
        validate_on_update=False,
        event_like=True,
        create_on_update=True,
        storage_version=("", "v1"),
        to_storage=to_storage,
        from_storage=from_storage,
    )
}
