"""Event, core/v1: the stored form of events.k8s.io/v1 as well."""

from collections.abc import Callable, Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import column, since
from kybern.api.resource import Column, Object
from kybern.api.validation.core.event import validate_event, validate_event_update

COLUMNS = (
    column("Last Seen", "core.v1.Event.lastTimestamp"),
    column("Type", "core.v1.Event.type"),
    column("Reason", "core.v1.Event.reason"),
    column("Object", "core.v1.Event.involvedObject"),
    column("Subobject", "core.v1.ObjectReference.fieldPath", priority=1),
    column("Source", "core.v1.Event.source", priority=1),
    column("Message", "core.v1.Event.message"),
    column("First Seen", "core.v1.Event.firstTimestamp", priority=1),
    column("Count", "core.v1.Event.count", priority=1),
    Column("Name", format="name", priority=1, description="@io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.name"),
)


def cells(event: Object, now: float) -> Sequence[Any]:
    involved, series = event.get("involvedObject") or {}, event.get("series")
    first = since(event.get("firstTimestamp") or event.get("eventTime"), now)
    last = since(event["lastTimestamp"], now) if event.get("lastTimestamp") else first
    count = event.get("count") or 1
    if series:
        last, count = since(series.get("lastObservedTime"), now), series.get("count") or 0
    kind, name = (involved.get("kind") or "").lower(), involved.get("name") or ""
    return (
        last,
        event.get("type") or "",
        event.get("reason") or "",
        f"{kind}/{name}" if name else kind,
        involved.get("fieldPath") or "",
        _source(event),
        (event.get("message") or "").strip(),
        first,
        count,
        event["metadata"]["name"],
    )


def _source(event: Object) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    instance = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def _involved(key: str) -> Callable[[Object], str]:
    return lambda event: (event.get("involvedObject") or {}).get(key) or ""


def _own(key: str) -> Callable[[Object], str]:
    return lambda event: event.get(key) or ""


def _component(event: Object) -> str:
    return (event.get("source") or {}).get("component") or event.get("reportingComponent") or ""


INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

BEHAVIOUR = {
    "Event": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={
            **{f"involvedObject.{key}": _involved(key) for key in INVOLVED},
            "reason": _own("reason"),
            "reportingComponent": _own("reportingComponent"),
            "source": _component,
            "type": _own("type"),
        },
        validate=lambda obj: list(validate_event(obj)),
        validate_update=lambda new, old: list(validate_event_update(new, old)),
        event_like=True,
        create_on_update=True,
    )
}
