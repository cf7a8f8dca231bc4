"""A message of a definition becomes the JSON dict that Go would have written for it.

Go's protobuf always writes fields that are no pointers, also when they are empty; its JSON leaves them out where the
field says omitempty. So zeros vanish here by the field's mark, and the defaults of the schema work as for JSON.
"""

import struct
from base64 import b64encode
from typing import Any

from kybern.api.protobuf import special, table, wire
from kybern.api.protobuf.table import Message, Slot
from kybern.api.protobuf.wire import Raw, malformed
from kybern.api.schema.structure import Type

MAX_DEPTH = 64
"""Messages within messages; upstream's own types need about 15, a JSON schema as many as its author likes."""
_MESSAGES = {
    "t": special.time, "u": special.micro_time, "q": special.quantity, "x": special.int_or_string,
    **dict.fromkeys("jrF", special.json),
}  # fmt: skip
"""Letters of types that are messages of their own form."""


def read(data: memoryview, name: str, depth: int = 0) -> dict[str, Any]:
    """A message of the definition `name`. Raises BadRequest."""
    out: dict[str, Any] = {}
    _merge(out, data, table.message(name), depth)
    return out


def _merge(out: dict[str, Any], data: memoryview, known: Message, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise malformed("exceeded max depth")
    for number, wire_type, raw in wire.fields(data):
        place = known.get(number)
        if place is None:
            continue
        if isinstance(place, dict):
            _merge(out, _bytes(raw, wire_type), place, depth + 1)
        else:
            _put(out, place, raw, wire_type, depth)


def _put(out: dict[str, Any], slot: Slot, raw: Raw, wire_type: int, depth: int) -> None:
    kind = slot.type
    match kind:
        case ["[", "i" | "l" | "b" as element] if wire_type == wire.BYTES:
            out.setdefault(slot.wire, []).extend(_packed(_bytes(raw, wire_type), element))
        case ["[", element]:
            out.setdefault(slot.wire, []).append(_value(element, raw, wire_type, depth))
        case ["{", element]:
            key, value = _entry(_bytes(raw, wire_type), element, slot.union, depth + 1)
            out.setdefault(slot.wire, {})[key] = value
        case ["@", name] if slot.wire in out:
            _merge(out[slot.wire], _bytes(raw, wire_type), table.message(name), depth + 1)
        case _:
            value = _union(slot.union, raw, wire_type, depth) if slot.union else _value(kind, raw, wire_type, depth)
            if value is None or not (value or slot.keeps_zero):
                out.pop(slot.wire, None)
            else:
                out[slot.wire] = value


def _value(kind: Type, raw: Raw, wire_type: int, depth: int) -> Any:
    match kind:
        case "s":
            return special.text(_bytes(raw, wire_type))
        case "b" | "i" | "l":
            return _scalar(kind, _integer(raw, wire_type))
        case "d":
            return _double(raw, wire_type)
        case "B":
            return b64encode(_bytes(raw, wire_type)).decode()
        case "D":
            return {}
        case str():
            return _MESSAGES[kind](_bytes(raw, wire_type))
        case ["@", name]:
            return read(_bytes(raw, wire_type), name, depth + 1)
    # A list within a map (ExtraValue) is a message whose field 1 holds the items.
    out: dict[str, Any] = {}
    _merge(out, _bytes(raw, wire_type), {1: Slot("items", kind, True)}, depth + 1)
    return out.get("items", [])


def _entry(data: memoryview, kind: Type, union: str, depth: int) -> tuple[str, Any]:
    """A map's entry: field 1 the key, field 2 the value; either may be left out for a zero."""
    key = ""
    found: tuple[Raw, int] | None = None
    for number, wire_type, raw in wire.fields(data):
        if number == 1:
            key = special.text(_bytes(raw, wire_type))
        elif number == 2:
            found = raw, wire_type
    if found is None:
        found = (0, wire.VARINT) if kind in ("b", "i", "l") else (memoryview(b""), wire.BYTES)
    return key, _union(union, *found, depth) if union else _value(kind, *found, depth)


def _union(union: str, raw: Raw, wire_type: int, depth: int) -> Any:
    """JSONSchemaPropsOrArray, OrBool, OrStringArray: JSON writes the one that is set."""
    schema = ["@", table.json_schema()]
    slots: dict[str, Message] = {
        "OrArray": {1: Slot("schema", schema, True), 2: Slot("items", ["[", schema], True)},
        "OrBool": {1: Slot("allows", "b", True), 2: Slot("schema", schema, True)},
        "OrStringArray": {1: Slot("schema", schema, True), 2: Slot("items", ["[", "s"], True)},
    }
    out: dict[str, Any] = {}
    _merge(out, _bytes(raw, wire_type), slots[union], depth + 1)
    if union == "OrBool":
        return out.get("schema", out.get("allows", False))
    return out.get("items") or out.get("schema")


def _packed(data: memoryview, kind: str) -> list[Any]:
    values, at = [], 0
    while at < len(data):
        value, at = wire.varint(data, at)
        values.append(_scalar(kind, value))
    return values


def _scalar(kind: str, value: int) -> bool | int:
    return value != 0 if kind == "b" else wire.signed(value, 32 if kind == "i" else 64)


def _double(raw: Raw, wire_type: int) -> float:
    """JSON writes whole numbers without a point. Raises BadRequest also for what JSON has not: NaN, infinity."""
    if wire_type != wire.FIXED64 or isinstance(raw, int):
        raise malformed(f"wrong wireType = {wire_type}")
    (value,) = struct.unpack("<d", raw)
    if value - value != 0:
        raise malformed("a number is not finite")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _bytes(raw: Raw, wire_type: int) -> memoryview:
    if wire_type != wire.BYTES or isinstance(raw, int):
        raise malformed(f"wrong wireType = {wire_type}")
    return raw


def _integer(raw: Raw, wire_type: int) -> int:
    if not isinstance(raw, int):
        raise malformed(f"wrong wireType = {wire_type}")
    return raw
