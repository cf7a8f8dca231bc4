"""Brings an object into the form that its schema gives it: unknown fields out, nulls out, defaults in.

These are the exact walks, that tell every unknown field; what needs none of that goes through `compiler`. Objects are
changed in place. Each function may run again on its own result and then changes nothing.
"""

from collections.abc import Callable
from typing import Any

import orjson

from kybern.api.schema.values import INT64
from kybern.api.structural import schema as read
from kybern.api.structural.numbers import is_exact_integer
from kybern.api.structural.schema import META_FIELDS, NO_SCHEMA, Schema


def prune(obj: dict[str, Any], schema: Schema) -> list[str]:
    """Remove what the schema does not know, except the root's type and metadata; the sorted paths of what went."""
    unknown: list[str] = []
    _prune_object(obj, schema, "", unknown, is_root=True)
    return sorted(unknown)


def _prune(value: Any, schema: Schema | None, path: str, unknown: list[str]) -> None:
    if value.__class__ is dict:
        _prune_object(value, schema, path, unknown)
    elif value.__class__ is list:
        for index, each in enumerate(value):
            inner = schema if schema is not None and read.preserves(schema) else None
            if inner is not None:
                _skip_item(each, read.items(inner), f"{path}[{index}]", unknown)
            else:
                _prune(each, None if schema is None else read.items(schema), f"{path}[{index}]", unknown)


def _skip_item(value: Any, schema: Schema | None, path: str, unknown: list[str]) -> None:
    """An element of a list that keeps unknown fields: what is described in it is pruned all the same."""
    if schema is None:
        return
    if value.__class__ is dict:
        _prune_object(value, {**schema, "x-kubernetes-preserve-unknown-fields": True}, path, unknown)
    elif value.__class__ is list:
        for index, each in enumerate(value):
            _skip_item(each, read.items(schema), f"{path}[{index}]", unknown)


def _prune_object(
    obj: dict[str, Any], schema: Schema | None, path: str, unknown: list[str], *, is_root: bool = False
) -> None:
    schema_here = NO_SCHEMA if schema is None else schema
    known, more = read.properties(schema_here), read.additional(schema_here)
    keeps = read.preserves(schema_here)
    implied = is_root or read.is_embedded(schema_here)
    for key in list(obj):
        if implied and key in META_FIELDS:
            continue
        here = f"{path}.{key}" if path else key
        if key in known:
            _prune(obj[key], known[key], here, unknown)
        elif read.allows_additional(schema_here):
            _prune(obj[key], more, here, unknown)
        elif not keeps:
            unknown.append(here)
            del obj[key]


def has_nulls(value: Any) -> bool:
    """Whether there is a null anywhere."""
    if value.__class__ is dict:
        return any(map(has_nulls, value.values()))
    return any(map(has_nulls, value)) if value.__class__ is list else value is None


def drop_nulls(value: Any, schema: Schema | None) -> None:
    """Remove nulls of fields that may be none and have no default to put in their place."""
    if value.__class__ is dict:
        known, more = ({}, None) if schema is None else (read.properties(schema), read.additional(schema))
        for key in list(value):
            inner = known.get(key, more)
            if value[key] is None:
                if inner is not None and not read.is_nullable(inner) and inner.get("default") is None:
                    del value[key]
            else:
                drop_nulls(value[key], inner)
    elif value.__class__ is list:
        inner = None if schema is None else read.items(schema)
        for each in value:
            drop_nulls(each, inner)


def default(value: Any, schema: Schema | None) -> None:
    """Put in the defaults of absent fields, and of nulls that are not allowed."""
    if schema is None:
        return
    if value.__class__ is dict:
        known, more = read.properties(schema), read.additional(schema)
        for key, inner in known.items():
            given = inner.get("default")
            if given is not None and (key not in value or (value[key] is None and not read.is_nullable(inner))):
                value[key] = copy(given)
        for key, each in value.items():
            if each is None and key not in known:
                value[key] = each = _in_place_of_null(more)
            default(each, known.get(key, more))
    elif value.__class__ is list:
        inner_items = read.items(schema)
        for index, each in enumerate(value):
            if each is None:
                value[index] = each = _in_place_of_null(inner_items)
            default(each, inner_items)


def _in_place_of_null(schema: Schema | None) -> Any:
    return None if schema is None or read.is_nullable(schema) else copy(schema.get("default"))


def whole_numbers(value: Any) -> Any:
    """The value with floats that are whole as integers, which is how Go writes them; containers are changed.

    Not those too large to be exact: no schema takes them for integers.
    """
    return _with_each(value, float, _as_whole)


def large_numbers(value: Any) -> Any:
    """The value with integers that no int64 holds as floats, which is what Go reads; containers are changed."""
    return _with_each(value, int, _as_held)


def _as_whole(number: float) -> int | float:
    return int(number) if is_exact_integer(number) else number


def _as_held(number: int) -> int | float:
    return number if number in INT64 else float(number)


def _with_each(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """The value with everything of exactly this type changed, in its containers too."""
    if value.__class__ is kind:
        return change(value)
    places = value.items() if value.__class__ is dict else enumerate(value) if value.__class__ is list else ()
    for place, each in places:
        if each.__class__ in (kind, dict, list):
            value[place] = _with_each(each, kind, change)
    return value


def copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value)) if value.__class__ in (dict, list) else value
