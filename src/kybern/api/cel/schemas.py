"""JSON schemas to types: what rules of a CRD can name, and how large it can be, as upstream derives both.

Sizes: characters of strings, items of lists, entries of maps; where the schema says nothing, as many as fit into the
largest request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kybern.api.cel import types
from kybern.api.cel.escaping import escape
from kybern.api.cel.recursion import deep
from kybern.api.cel.types import CelType, Property

MAX_REQUEST_BYTES: Final = 3 * 1024 * 1024

_TEXT: Final = MAX_REQUEST_BYTES - 2
_FORMATS: Final = {
    "date": ("timestamp", "google.protobuf.Timestamp", "date", 12, 12),
    "date-time": ("timestamp", "google.protobuf.Timestamp", "timestamp", 21, 32),
    "duration": ("duration", "google.protobuf.Duration", "duration", 3, 32),
}
_STRING_SCHEMA: Final = {"type": "string"}
_METADATA: Final = {"type": "object", "properties": {"name": _STRING_SCHEMA, "generateName": _STRING_SCHEMA}}

Schema = Mapping[str, Any]


def type_from_schema(schema: Schema, name: str = "selfType", *, root: bool = False) -> CelType | None:
    """The type of a structural schema's values; None for one that expressions cannot see.

    `root`: of a whole resource, so that apiVersion, kind and metadata's name and generateName are there besides.
    Objects within are named after their path, beginning with `name`.
    """
    return deep(lambda: _type(schema, name, root=root))


def _type(schema: Schema, name: str, *, root: bool = False) -> CelType | None:
    if schema.get("x-kubernetes-int-or-string"):
        limit = schema.get("maxLength")
        return CelType("dyn", max_elements=_text_limit(limit), nullable=bool(schema.get("nullable")))
    if root or schema.get("x-kubernetes-embedded-resource"):
        schema = with_type_and_metadata(schema)
    nullable = bool(schema.get("nullable"))
    match schema.get("type"):
        case "array":
            return _list(schema, name, nullable)
        case "object":
            return _object(schema, name, nullable)
        case "string":
            return _string(schema, nullable)
        case "boolean":
            return CelType("bool", min_size=4, nullable=nullable)
        case "number":
            return CelType("double", adapt="double", nullable=nullable)
        case "integer":
            return CelType("int", nullable=nullable)
        case _:
            return None


def with_type_and_metadata(schema: Schema) -> Schema:
    """The schema with what every resource has."""
    properties = schema.get("properties") or {}
    metadata = properties.get("metadata") or {}
    inner = metadata.get("properties") or {}
    strings = [properties.get("kind"), properties.get("apiVersion"), inner.get("name"), inner.get("generateName")]
    if metadata.get("type") == "object" and all((part or {}).get("type") == "string" for part in strings):
        return schema
    added = {"kind": _STRING_SCHEMA, "apiVersion": _STRING_SCHEMA, "metadata": _METADATA}
    return {**schema, "properties": {**properties, **added}}


def max_cardinality(kind: CelType) -> int:
    """How many values of a type can be in one request."""
    return MAX_REQUEST_BYTES // (kind.min_size + 1)


def _text_limit(max_length: int | None) -> int:
    return _TEXT if max_length is None else 4 * max(max_length, 0)


def _list(schema: Schema, name: str, nullable: bool) -> CelType | None:
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return None
    item = _type(items, f"{name}.@idx")
    if item is None:
        return None
    limit = schema.get("maxItems")
    adapted = schema.get("x-kubernetes-list-type", "")
    return CelType(
        "list",
        "list",
        (item,),
        max_elements=_TEXT // (item.min_size + 1) if limit is None else max(limit, 0),
        min_size=2,
        adapt=adapted if adapted in ("set", "map") else "",
        keys=tuple(schema.get("x-kubernetes-list-map-keys") or ()),
        nullable=nullable,
    )


def _object(schema: Schema, name: str, nullable: bool) -> CelType | None:
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping):
        value = _type(additional, f"{name}.@elem")
        if value is None:
            return None
        limit = schema.get("maxProperties")
        entries = _TEXT // (value.min_size + 6) if limit is None else max(limit, 0)
        return types.map_of(types.STRING, value, entries, nullable=nullable)
    required = set(schema.get("required") or ())
    fields: dict[str, Property] = {}
    min_size = 2
    for key, inner in (schema.get("properties") or {}).items():
        escaped = escape(key)
        kind = _type(inner, f"{name}.{escaped or key}")
        if kind is None:
            continue
        if escaped is not None:
            fields[escaped] = Property(key, kind)
        if key in required and inner.get("default") is None:
            min_size += len(key.encode()) + kind.min_size + 4
    return CelType("object", name, fields=fields, min_size=min_size, nullable=nullable, structural=True)


def _string(schema: Schema, nullable: bool) -> CelType:
    form = schema.get("format", "")
    if form in _FORMATS:
        kind, name, adapt, min_size, max_elements = _FORMATS[form]
        return CelType(kind, name, max_elements=max_elements, min_size=min_size, adapt=adapt, nullable=nullable)
    limit = schema.get("maxLength")
    if form == "byte":
        elements = _TEXT if limit is None else max(limit, 0)
        return CelType("bytes", max_elements=elements, min_size=2, adapt="bytes", nullable=nullable)
    enum = schema.get("enum")
    if limit is None and enum:
        elements = max((len(value.encode()) for value in enum if isinstance(value, str)), default=0)
    else:
        elements = _text_limit(limit)
    return CelType("string", max_elements=elements, min_size=2, nullable=nullable)
