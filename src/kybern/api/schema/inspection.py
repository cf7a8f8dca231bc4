"""The slow, exact walk over an object that the generated pass refused: upstream's messages, and a clean object.

It goes in the order of the document, as Go's decoder does, so that of several faults the same one is told.
"""

from typing import Any, NamedTuple

from kybern.api import quantity as quantities
from kybern.api.schema import faults, structure, values
from kybern.api.schema.structure import Type, class_of, go_element, go_type

MAX_MESSAGES = 100
"""Upstream tells no more unknown fields of one object."""


class Mismatch(Exception):
    """A value that Go could not decode; the text is Go's."""


class Place(NamedTuple):
    """Where a value stands, in Go's two ways of telling it."""

    struct: str
    field: str
    """`spec.containers.name`: without indices and keys of maps."""
    path: str
    """`spec.containers[0].name`."""


def inspect(name: str, obj: Any) -> tuple[dict[str, Any], list[str]]:
    """The object without unknown fields and null elements, and the messages. Raises Mismatch."""
    messages: list[str] = []
    clean: dict[str, Any] = _object(name, obj, Place("", "", ""), messages)
    return clean, messages


def go_value(value: Any) -> str:
    """What Go calls a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "string" if isinstance(value, str) else "number"


def _object(name: str, obj: dict[str, Any], place: Place, messages: list[str]) -> dict[str, Any]:
    fields, struct = structure.fields(name), class_of(name)
    clean = {}
    for key, value in obj.items():
        path = f"{place.path}.{key}" if place.path else key
        field = fields.get(key)
        if field is None:
            message = f'unknown field "{path}"'
            if len(messages) < MAX_MESSAGES and message not in messages:
                messages.append(message)
        elif value is not None:
            inner = Place(struct, f"{place.field}.{key}" if place.field else key, path)
            clean[key] = _value(field["t"], value, field.get("g", ""), inner, messages)
    return clean


def _value(kind: Type, value: Any, named: str, place: Place, messages: list[str]) -> Any:
    if isinstance(kind, str):
        return _scalar(kind, value, named, place)
    mark, inner = kind
    if not isinstance(value, list) if mark == "[" else not isinstance(value, dict):
        raise _mismatch(go_value(value), go_type(kind, named), place)
    if mark == "@":
        return _object(inner, value, place, messages)
    element = go_element(named)
    if mark == "[":
        return [
            _element(inner, each, element, place._replace(path=f"{place.path}[{index}]"), messages)
            for index, each in enumerate(value)
        ]
    return {
        key: _element(inner, each, element, place._replace(path=f"{place.path}.{key}"), messages)
        for key, each in value.items()
    }


def _element(kind: Type, value: Any, named: str, place: Place, messages: list[str]) -> Any:
    """Among elements null is the zero value."""
    if value is not None:
        return _value(kind, value, named, place, messages)
    if isinstance(kind, str):
        return values.ZEROS.get(kind, "")
    return [] if kind[0] == "[" else {}


def _scalar(kind: str, value: Any, named: str, place: Place) -> Any:
    try:
        return values.CONVERTERS[kind](value)
    except values.Unfit:
        pass
    if kind == "q":
        raise Mismatch(_quantity_fault(value))
    is_number = go_value(value) == "number"
    if is_number and kind in "ilx":
        raise _mismatch(f"number {value}", go_type(kind, named), place)
    if not isinstance(value, str) or kind not in "tuB":
        raise _mismatch(go_value(value), go_type(kind, named), place)
    raise Mismatch(faults.base64(value) if kind == "B" else faults.time(value, micro=kind == "u"))


def _quantity_fault(value: Any) -> str:
    try:
        quantities.canonical(value if isinstance(value, str) else "")
    except ValueError as error:
        return str(error)
    return quantities.INVALID


def _mismatch(what: str, go: str, place: Place) -> Mismatch:
    return Mismatch(f"json: cannot unmarshal {what} into Go struct field {place.struct}.{place.field} of type {go}")
