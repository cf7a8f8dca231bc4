"""Lists that are sets or maps hold nothing twice. Source: apiextensions-apiserver pkg/apiserver/schema/listtype."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from kybern.api.resource import FieldError
from kybern.api.structural import schema as read
from kybern.api.structural.schema import Schema
from kybern.api.validation.field import duplicate, invalid


def validate_lists(value: Any, schema: Schema, path: str = "") -> Iterator[FieldError]:
    """One fault for each value that a list holds more than once, at the place of the second."""
    if value.__class__ is dict:
        known, more = read.properties(schema), read.additional(schema)
        for key, each in value.items():
            if more is not None:
                yield from validate_lists(each, more, f"{path}[{key}]")
            if key in known:
                yield from validate_lists(each, known[key], f"{path}.{key}" if path else key)
    elif value.__class__ is list:
        yield from _validate_list(value, schema, path)
        inner = read.items(schema)
        if inner is not None:
            for index, each in enumerate(value):
                yield from validate_lists(each, inner, f"{path}[{index}]")


def _validate_list(value: list[Any], schema: Schema, path: str) -> Iterator[FieldError]:
    match schema.get("x-kubernetes-list-type"):
        case "set":
            for index in _repeated(value):
                yield duplicate(f"{path}[{index}]", value[index])
        case "map":
            for index, each in enumerate(value):
                if each is not None and each.__class__ is not dict:
                    yield invalid(f"{path}[{index}]", each, "must be an object for an array of list-type map")
                    return
            keys = [_keys(each, schema.get("x-kubernetes-list-map-keys") or ()) for each in value]
            for index in _repeated(keys):
                yield duplicate(f"{path}[{index}]", keys[index])


def _keys(element: dict[str, Any] | None, names: Sequence[str]) -> dict[str, Any]:
    return {name: element[name] for name in names if name in element} if element else {}


def _repeated(values: Sequence[Any]) -> Iterator[int]:
    """Indices of second appearances."""
    times: dict[bytes, int] = {}
    for index, value in enumerate(values):
        key = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        times[key] = times.get(key, 0) + 1
        if times[key] == 2:
            yield index
