"""Event, in both of its groups. Source: pkg/apis/core/validation/events.go."""

from collections.abc import Iterator
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import IMMUTABLE, each_invalid, invalid, required
from kybern.api.validation.internal_form import internal_form
from kybern.api.validation.metadata import validate_kube_finalizers, validate_metadata, validate_metadata_update

_INVOLVED = "involvedObject.namespace"
_MISMATCH = "does not match event.namespace"
_IMMUTABLE = (
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "reason",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingComponent",
    "reportingInstance",
)
_STRUCTS = {
    "involvedObject": "io.k8s.api.core.v1.ObjectReference",
    "related": "io.k8s.api.core.v1.ObjectReference",
    "source": "io.k8s.api.core.v1.EventSource",
}
_TIMES = ("firstTimestamp", "lastTimestamp", "eventTime")
_WIRE = {"reportingComponent": "reportingController"}
_LENGTHS = (("reportingInstance", 128), ("action", 128), ("reason", 128))
_NOTE_LIMIT = 1024


def validate_event(event: Object, controller_field: str = "reportingComponent") -> Iterator[FieldError]:
    """What core/v1 asks; the stricter rules apply only to Events with an eventTime."""
    namespace = event["metadata"].get("namespace") or ""
    involved = (event.get("involvedObject") or {}).get("namespace") or ""
    if event.get("eventTime"):
        if not involved and namespace not in ("default", "kube-system"):
            yield invalid(_INVOLVED, involved, _MISMATCH)
        yield from _reporting(event, controller_field)
    elif involved != namespace and (involved or namespace not in ("", "default")):
        yield invalid(_INVOLVED, involved, _MISMATCH)
    yield from each_invalid("namespace", namespace, names.dns_subdomain(namespace))


def _reporting(event: Object, controller_field: str) -> Iterator[FieldError]:
    controller = event.get("reportingComponent") or ""
    if not controller:
        yield required(controller_field)
    yield from each_invalid(controller_field, controller, names.qualified_name(controller))
    for key, limit in _LENGTHS:
        if not event.get(key):
            yield required(key)
        elif names.size(event[key]) > limit:
            yield invalid(key, "", f"can have at most {limit} characters")
    if names.size(event.get("message") or "") > _NOTE_LIMIT:
        yield invalid("message", "", f"can have at most {_NOTE_LIMIT} characters")


def validate_event_update(new: Object, old: Object) -> Iterator[FieldError]:
    """core/v1 lets everything change."""
    yield from ()


def validate_new_event(event: Object) -> Iterator[FieldError]:
    """events.k8s.io/v1, on the stored form: the deprecated fields must be unset."""
    yield from validate_event(event, "reportingController")
    yield from validate_metadata(event["metadata"], namespaced=True)
    yield from validate_kube_finalizers(event["metadata"].get("finalizers"), "metadata.finalizers")
    yield from _series(event)
    if not event.get("eventTime"):
        yield required("eventTime")
    if event.get("type") not in ("Normal", "Warning"):
        yield invalid("type", "", f"has invalid value: {event.get('type') or ''}")
    for key in ("firstTimestamp", "lastTimestamp", "count"):
        if event.get(key):
            yield invalid(key, "", "needs to be unset")
    if any((event.get("source") or {}).values()):
        yield invalid("source", "", "needs to be unset")


def validate_new_event_update(new: Object, old: Object) -> Iterator[FieldError]:
    """events.k8s.io/v1, on the stored form: only the series may go on."""
    yield from validate_event(new, "reportingController")
    yield from validate_metadata_update(new["metadata"], old["metadata"])
    yield from validate_kube_finalizers(new["metadata"].get("finalizers"), "metadata.finalizers")
    if new.get("series") != old.get("series"):
        yield from _series(new)
    for key in _IMMUTABLE:
        if (new.get(key) or None) != (old.get(key) or None):
            yield invalid(_WIRE.get(key, key), _shown(key, new.get(key)), IMMUTABLE)


def _shown(key: str, value: Any) -> Any:
    """As Go's internal Event holds it."""
    definition = _STRUCTS.get(key)
    if definition is not None:
        return internal_form(definition, {} if value is None and key != "related" else value)
    return value if value is not None or key in _TIMES else 0 if key == "count" else ""


def _series(event: Object) -> Iterator[FieldError]:
    series = event.get("series")
    if series is None:
        return
    if (series.get("count") or 0) < 2:
        yield invalid("series.count", "", "should be at least 2")
    if not series.get("lastObservedTime"):
        yield required("series.lastObservedTime")
