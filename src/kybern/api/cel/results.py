"""Results of expressions as JSON: what mutating policies build, and whatever else goes into objects."""

import base64
from typing import Any

from kybern.api.cel.access import find, keys
from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.instants import Duration, Timestamp
from kybern.api.cel.recursion import deep
from kybern.api.cel.typed import TypedList, TypedMap, TypedObject
from kybern.api.cel.values import Optional, StructValue, Uint, type_name


def escape_key(text: str) -> str:
    """A key as a part of a JSON pointer."""
    return text.replace("~", "~0").replace("/", "~1")


def to_json(value: Any) -> Any:
    """The JSON form. Raises EvaluationError for what has none: types, library values, maps with other keys."""
    held = deep(lambda: (_to_json(value),))
    if held is None:
        raise EvaluationError("value is nested too deeply")
    return held[0]


def _to_json(value: Any) -> Any:
    match value:
        case None | bool() | str() | float():
            return value
        case Uint() | int():
            return int(value)
        case bytes():
            return base64.b64encode(value).decode()
        case list() | TypedList():
            return [_to_json(item) for item in value]
        case dict() | TypedMap() | TypedObject():
            return {_key(key): _to_json(find(value, key)) for key in keys(value)}
        case StructValue():
            return {name: _to_json(field) for name, field in value.fields.items()}
        case Timestamp() | Duration():
            return str(value)
        case Optional():
            return _to_json(value.value())
        case _:
            raise EvaluationError(f"type conversion error from '{type_name(value)}' to JSON")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise EvaluationError(f'map key "{key}" is of type {type_name(key)}, not string')
    return key


def check_type_names(value: Any) -> list[str]:
    """What is wrong with the names of the types of an object: each must be its path from the root, `Object`."""
    return deep(lambda: _check_names(value, "Object")) or []


def _check_names(value: Any, path: str) -> list[str]:
    faults: list[str] = []
    if isinstance(value, StructValue):
        if value.type_name != path:
            expected = f'expected "{path}", which matches field name path from root Object type'
            faults.append(f'unexpected type name "{value.type_name}", {expected}')
        for name, field in value.fields.items():
            faults.extend(_check_names(field, f"{path}.{name}"))
    elif isinstance(value, list):
        for item in value:
            faults.extend(_check_names(item, path))
    elif isinstance(value, dict):
        for item in value.values():
            faults.extend(_check_names(item, path))
    return faults


MUTATION: list[Overload] = [
    overload("string_jsonpatch_escapeKey_string", "jsonpatch.escapeKey", "(string) -> string", escape_key),
]
