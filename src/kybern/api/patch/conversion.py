"""Strategically merged and applied objects in the types that they go into: why they do not fit, in upstream's words.

Upstream puts such an object into its Go type by reflection, not through JSON, and names Go's kinds in what it says.
Source: k8s.io/apimachinery runtime/converter.go. Quantities are not told of here: their own words are the same there.
"""

from collections.abc import Iterator
from typing import Any

from kybern.api.resource import Object
from kybern.api.schema import faults, inspection, structure, unions, values
from kybern.api.schema.inspection import go_value

_KINDS = {"s": "string", "b": "bool", "i": "int32", "l": "int64", "d": "float64"}
_DECODE_THEMSELVES = "tux"
_NUMBERS = ("int32", "int64", "float64")


def fault(definition: str, obj: Any) -> str:
    """Of the first member that does not fit; "" where it is none of these."""
    return next(_struct(definition, obj), "")


def _struct(definition: str, value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"cannot restore struct from: {_kind(value)}"
        return
    for name, field in structure.fields(definition).items():
        inner = value.get(name)
        if inner is None:
            continue
        other = unions.of(definition).get(name)
        if other is None or (other is unions.NAMED and not isinstance(inner, dict)):
            yield from _value(field["t"], inner, field.get("g", ""))
        else:
            yield from _union(other, inner)


def _union(other: str, value: Any) -> Iterator[str]:
    """A part that decodes itself goes through JSON, alone."""
    try:
        inspection.inspect_union(other, value)
    except inspection.Mismatch as mismatch:
        yield str(mismatch)


def _value(kind: structure.Type, value: Any, named: str) -> Iterator[str]:
    if isinstance(kind, str):
        yield from _scalar(kind, value, named)
        return
    mark, inner = kind
    if mark == "@":
        yield from _struct(inner, value)
        return
    wanted, called = (list, "slice") if mark == "[" else (dict, "map")
    if not isinstance(value, wanted):
        yield f"cannot restore {called} from {_kind(value)}"
        return
    element = structure.go_element(named)
    for each in value if isinstance(value, list) else value.values():
        if each is not None:
            yield from _value(inner, each, element)


def _scalar(letter: str, value: Any, named: str) -> Iterator[str]:
    given, wanted = _kind(value), _KINDS.get(letter, "")
    if letter in _DECODE_THEMSELVES:
        yield from _decoded(letter, value)
    if letter == "B":
        yield from _bytes(value)
    if not wanted or given == wanted or (given == "int64" and wanted in _NUMBERS):
        return
    if given == "float64" and wanted in _NUMBERS and value.is_integer():
        return
    converts = (given == "int64" and wanted == "string") or (given == "float64" and wanted in _NUMBERS)
    yield f"cannot convert {given} to {named or wanted}" if converts else f"unrecognized type: {wanted}"


def _decoded(letter: str, value: Any) -> Iterator[str]:
    """Times and ports go through JSON, each alone."""
    try:
        values.CONVERTERS[letter](value)
    except values.Unfit:
        if letter != "x" and isinstance(value, str):
            yield faults.time(value, micro=letter == "u")
        else:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            told = f"number {value}" if number and letter == "x" else go_value(value)
            yield f"json: cannot unmarshal {told} into Go value of type {'int32' if letter == 'x' else 'string'}"


def _bytes(value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"cannot restore slice from {_kind(value)}"
        return
    try:
        values.base64(value)
    except values.Unfit:
        yield f"error decoding from json: {faults.base64(value)}"


def unknown(definition: str, obj: Object) -> list[str]:
    """What strictness finds in an object that fits: `unknown field "spec.ports[0].foo"`. Keys of maps are in no path."""
    return sorted(f'unknown field "{path}"' for path in _unknown(["@", definition], obj, ""))


def _unknown(kind: structure.Type, value: Any, path: str) -> Iterator[str]:
    if isinstance(kind, str) or value is None:
        return
    mark, inner = kind
    if mark == "@":
        fields = structure.fields(inner)
        for key, member in value.items():
            here = f"{path}.{key}" if path else key
            if key in fields:
                yield from _unknown(fields[key]["t"], member, here)
            else:
                yield here
    elif mark == "[":
        for index, item in enumerate(value):
            yield from _unknown(inner, item, f"{path}[{index}]")
    else:
        for item in value.values():
            yield from _unknown(inner, item, path)


def narrowed(definition: str, obj: Object) -> Object:
    """The object with numbers as Go's conversion leaves them: whole floats are integers, large ones lose their top bits.

    Where there are none such, the object itself."""
    narrow: Object = _narrow_struct(definition, obj)
    return narrow


def _narrow_struct(definition: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    fields = structure.fields(definition)
    return _changed(value, {key: _narrow(fields[key]["t"], each) for key, each in value.items() if key in fields})


def _narrow(kind: structure.Type, value: Any) -> Any:
    if kind == "i" or kind == "l":
        return _narrow_number(value, 32 if kind == "i" else 64)
    if isinstance(kind, str):
        return value
    mark, inner = kind
    if mark == "@":
        return _narrow_struct(inner, value)
    if mark == "[" and isinstance(value, list):
        made = [_narrow(inner, each) for each in value]
        return value if all(one is other for one, other in zip(made, value, strict=True)) else made
    if mark == "{" and isinstance(value, dict):
        return _changed(value, {key: _narrow(inner, each) for key, each in value.items()})
    return value


def _narrow_number(value: Any, bits: int) -> Any:
    if value.__class__ is float and value.is_integer():
        value = int(value)
    if value.__class__ is not int or -(1 << bits - 1) <= value < 1 << bits - 1:
        return value
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def _changed(whole: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    return whole if all(each is whole[key] for key, each in made.items()) else {**whole, **made}


def _kind(value: Any) -> str:
    """Go's kind of decoded JSON."""
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int():
            return "int64"
        case float():
            return "float64"
        case list():
            return "slice"
        case _:
            return "map"
