"""What clients are shown instead of whole objects: Tables (`kubectl get`) and partial objects.

Source: meta.k8s.io/v1 Table, TableOptions, PartialObjectMetadata; apiserver's endpoints/handlers/response.go.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from kybern.api.openapi.schemas import descriptions
from kybern.api.resource import Column, Object, Resource
from kybern.api.validation.field import quote
from kybern.base.errors import BadRequest

FIELD_OF = "@"
"""A column's description that begins so is that of a field: `@io.k8s.api.core.v1.PodStatus.podIP`."""

_METADATA = "@io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta."
_DEFAULT_COLUMNS = (
    Column("Name", format="name", description=f"{_METADATA}name"),
    Column("Created At", "date", description=f"{_METADATA}creationTimestamp"),
)
_HEADER = {"kind": "Table", "apiVersion": "meta.k8s.io/v1"}


def table(
    resource: Resource,
    objects: Iterable[Object],
    now: float,
    include: str = "",
    *,
    list_metadata: Mapping[str, Any] | None = None,
    headers: bool = True,
) -> Object:
    """The Table of these objects. `now` in seconds since the epoch, `list_metadata` as in the List.

    Raises BadRequest when `include` is none of "", None, Metadata, Object.
    """
    check_include(include)
    rows = [row(resource, obj, now, include) for obj in objects]
    metadata = dict(list_metadata or {})
    metadata.setdefault("resourceVersion", "")
    shown = None if resource.cells is None and not rows and not resource.is_custom else rows  # As Go has an empty list.
    return {**_HEADER, "metadata": metadata, "columnDefinitions": columns(resource) if headers else None, "rows": shown}


def table_of_one(resource: Resource, obj: Object, now: float, include: str = "", *, headers: bool = True) -> Object:
    """The Table of a single object (GET, and each event of a watch)."""
    metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
    return table(resource, [obj], now, include, list_metadata=metadata, headers=headers)


def check_include(include: str) -> None:
    """Raises BadRequest for an unknown ?includeObject."""
    if include not in ("", "None", "Metadata", "Object"):
        detail = "must be 'Metadata', 'Object', 'None', or empty"
        raise BadRequest(
            f"Unable to convert to Table as requested: includeObject: Invalid value: {quote(include)}: {detail}"
        )


def row(resource: Resource, obj: Object, now: float, include: str = "") -> Object:
    """One row: its cells, and of the object what was asked for (its metadata, if nothing)."""
    if resource.cells is None:
        cells: Sequence[Any] = (obj["metadata"].get("name", ""), obj["metadata"].get("creationTimestamp"))
    else:
        cells = resource.cells(obj, now)
    shown: Object = {"cells": list(cells)}
    if resource.row_conditions is not None and (conditions := resource.row_conditions(obj)):
        shown["conditions"] = list(conditions)
    if include == "Object":
        shown["object"] = obj
    elif include == "None":
        shown["object"] = None
    else:
        shown["object"] = partial_metadata(resource, obj)
    return shown


def partial_metadata(resource: Resource, obj: Object, version: str = "v1") -> Object:
    """PartialObjectMetadata: the metadata and nothing else. `version` of meta.k8s.io."""
    metadata = obj["metadata"]
    if resource.internal_annotations and metadata.get("annotations"):
        metadata = _without(metadata, resource.internal_annotations)
    return {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}", "metadata": metadata}


def _without(metadata: Object, internal: frozenset[str]) -> Object:
    annotations = {key: value for key, value in metadata["annotations"].items() if key not in internal}
    rest = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**rest, "annotations": annotations} if annotations else rest


def columns(resource: Resource) -> list[Object]:
    """metav1.TableColumnDefinition of each column."""
    if resource.cells is None:
        return [_definition(column) for column in _DEFAULT_COLUMNS]
    return [_definition(column) for column in resource.columns]


@cache
def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": describe(column.description),
        "priority": column.priority,
    }


def describe(description: str) -> str:
    """The text itself, or that of the field it names."""
    if not description.startswith(FIELD_OF):
        return description
    definition, _, field = description.removeprefix(FIELD_OF).rpartition(".")
    text: str = descriptions()[definition][1][field]
    return text
