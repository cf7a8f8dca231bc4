"""How a schema's JSON is read: one small function for each question that several modules ask."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

NO_SCHEMA: Schema = {}
META_FIELDS = frozenset(("apiVersion", "kind", "metadata"))
JUNCTORS = ("allOf", "oneOf", "anyOf")

_INT_OR_STRING: list[Schema] = [{"type": "integer"}, {"type": "string"}]


def items(schema: Schema) -> Schema | None:
    found = schema.get("items")
    return found if isinstance(found, dict) else None


def properties(schema: Schema) -> dict[str, Schema]:
    return schema.get("properties") or {}


def additional(schema: Schema) -> Schema | None:
    """The schema of values of a map; None: there is none, or any value is allowed."""
    found = schema.get("additionalProperties")
    return found if isinstance(found, dict) else None


def allows_additional(schema: Schema) -> bool:
    """Whether names beyond the properties are kept when unknown ones are pruned."""
    return schema.get("additionalProperties") is not None


def preserves(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))


def is_embedded(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-embedded-resource"))


def is_int_or_string(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-int-or-string"))


def types(schema: Schema) -> tuple[str, ...]:
    """The JSON types of values; () where any is taken."""
    if is_int_or_string(schema):
        return ("integer", "string")
    return (schema["type"],) if schema.get("type") else ()


def is_nullable(schema: Schema) -> bool:
    return bool(schema.get("nullable"))


def int_or_string_any_of(schema: Schema) -> bool:
    """anyOf says what x-kubernetes-int-or-string says already."""
    return schema.get("anyOf") == _INT_OR_STRING


def int_or_string_all_of(schema: Schema) -> bool:
    """The first allOf says what x-kubernetes-int-or-string says already."""
    parts: list[Schema] = schema.get("allOf") or []
    return bool(parts) and parts[0].get("anyOf") == _INT_OR_STRING


def walk(schema: Schema) -> Iterator[Schema]:
    """The schema and all schemas within it, those below junctors included."""
    yield schema
    inner: list[Any] = [schema.get("not"), schema.get("items"), schema.get("additionalProperties")]
    for junctor in JUNCTORS:
        inner += schema.get(junctor) or ()
    for named in ("properties", "patternProperties", "definitions", "dependencies"):
        inner += (schema.get(named) or {}).values()
    inner.append(schema.get("additionalItems"))
    for each in inner:
        for one in each if isinstance(each, list) else (each,):
            if isinstance(one, dict):
                yield from walk(one)
