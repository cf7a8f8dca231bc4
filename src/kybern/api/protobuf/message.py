"""A message of a definition becomes the JSON dict that Go would have written for it.

Go's protobuf always writes fields that are no pointers, also when they are empty; its JSON leaves them out where the
field says omitempty. So zeros vanish here by the field's mark, and the defaults of the schema work as for JSON.
"""

import struct
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from kybern.api.protobuf import special, table, wire
from kybern.api.protobuf.table import Message, Slot
from kybern.api.protobuf.wire import Raw, malformed
from kybern.api.schema.structure import Type

MAX_DEPTH = 64
"""Messages within messages; upstream's own types need about 15, a JSON schema as many as its author likes."""
REMEMBERED = 4096
"""Times, quantities and ports of which the same are met again and again."""


def _remembered(decode: Callable[[memoryview], Any]) -> Callable[[memoryview], Any]:
    known = lru_cache(REMEMBERED)(lambda data: decode(memoryview(data)))
    return lambda data: known(bytes(data))


_MESSAGES = {
    "t": _remembered(special.time), "u": special.micro_time, "q": _remembered(special.quantity),
    "x": _remembered(special.int_or_string), **dict.fromkeys("jrF", special.json),
}  # fmt: skip
"""Letters of types that are messages of their own form."""


STRING, STRINGS, MESSAGE, MESSAGES, INLINE, DELIMITED, INT32, INT64, BOOL, NUMBER, FIXED = range(11)
"""What a field's bytes are. Up to DELIMITED they have a length; DELIMITED, NUMBER and FIXED go the long way (`_put`)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a message is read."""

    steps: dict[int, tuple[int, str, bool, Any]]
    """Tag (field number and wire type) -> (what it is, its JSON name, whether a zero is kept, what else is needed)."""
    numbers: frozenset[int]


def read(data: memoryview | bytes, name: str, depth: int = 0) -> dict[str, Any]:
    """A message of the definition `name`. Raises BadRequest."""
    out: dict[str, Any] = {}
    raw = bytes(data)
    _merge(out, raw, 0, len(raw), _plan(name), depth)
    return out


@cache
def _plan(name: str) -> Plan:
    return _planned(table.message(name))


def _planned(known: Message) -> Plan:
    steps: dict[int, tuple[int, str, bool, Any]] = {}
    for number, place in known.items():
        if isinstance(place, dict):
            steps[number << 3 | wire.BYTES] = INLINE, "", False, _planned(place)
        else:
            for wire_type, what, needed in _ways(place):
                steps[number << 3 | wire_type] = what, place.wire, place.keeps_zero, needed
    return Plan(steps, frozenset(known))


def _ways(slot: Slot) -> Iterator[tuple[int, int, Any]]:
    """(wire type, what, what else is needed) of each way in which a field may be written."""
    match slot.type:
        case _ if slot.union:
            yield wire.BYTES, DELIMITED, slot
        case "s":
            yield wire.BYTES, STRING, None
        case ["[", "s"]:
            yield wire.BYTES, STRINGS, None
        case ["@", name]:
            yield wire.BYTES, MESSAGE, name
        case ["[", ["@", name]]:
            yield wire.BYTES, MESSAGES, name
        case "b" | "i" | "l" as letter:
            yield wire.VARINT, {"b": BOOL, "i": INT32, "l": INT64}[letter], None
        case ["[", "b" | "i" | "l"]:
            yield wire.VARINT, NUMBER, slot
            yield wire.BYTES, DELIMITED, slot
        case "d" | ["[", "d"]:
            yield wire.FIXED64, FIXED, slot
        case _:
            yield wire.BYTES, DELIMITED, slot


def _merge(out: dict[str, Any], data: bytes, at: int, end: int, plan: Plan, depth: int) -> None:
    """Take in the fields between two places, which may be spread over several messages."""
    if depth > MAX_DEPTH:
        raise malformed("exceeded max depth")
    steps = plan.steps
    try:
        while at < end:
            tag = data[at]
            at += 1
            if tag > 0x7F:
                tag, at = wire.varint(data, at - 1)
            step = steps.get(tag)
            if step is None:
                at = _pass_by(plan, data, at, end, tag)
            elif step[0] <= DELIMITED:
                size = data[at]
                at += 1
                if size > 0x7F:
                    size, at = wire.varint(data, at - 1)
                stop = at + size
                if stop > end:
                    raise malformed("unexpected EOF")
                _take(out, step, data, at, stop, depth)
                at = stop
            else:
                at = _take_number(out, step, data, at, depth)
    except IndexError:
        raise malformed("unexpected EOF") from None
    except UnicodeDecodeError:
        raise malformed("a string is not UTF-8") from None
    if at != end:
        raise malformed("unexpected EOF")


def _take(out: dict[str, Any], step: tuple[int, str, bool, Any], data: bytes, at: int, stop: int, depth: int) -> None:
    """A field that has a length, between two places."""
    what, key, keeps_zero, needed = step
    if what == STRING:
        if at < stop or keeps_zero:
            out[key] = data[at:stop].decode()
        else:
            out.pop(key, None)
    elif what == MESSAGE:
        inner = out.get(key)
        if inner is None:
            inner = {}
        _merge(inner, data, at, stop, _plan(needed), depth + 1)
        if inner or keeps_zero:
            out[key] = inner
    elif what == MESSAGES:
        inner = {}
        _merge(inner, data, at, stop, _plan(needed), depth + 1)
        out.setdefault(key, []).append(inner)
    elif what == STRINGS:
        out.setdefault(key, []).append(data[at:stop].decode())
    elif what == INLINE:
        _merge(out, data, at, stop, needed, depth + 1)
    else:
        _put(out, needed, memoryview(data)[at:stop], wire.BYTES, depth)


def _take_number(out: dict[str, Any], step: tuple[int, str, bool, Any], data: bytes, at: int, depth: int) -> int:
    """A field of a number, and where it ends."""
    what, key, keeps_zero, needed = step
    if what == FIXED:
        _put(out, needed, memoryview(data)[at : at + 8], wire.FIXED64, depth)
        return at + 8
    value = data[at]
    at += 1
    if value > 0x7F:
        value, at = wire.varint(data, at - 1)
    if what == NUMBER:
        _put(out, needed, value, wire.VARINT, depth)
    elif value or keeps_zero:
        out[key] = value != 0 if what == BOOL else wire.signed(value, 32 if what == INT32 else 64)
    else:
        out.pop(key, None)
    return at


def _pass_by(plan: Plan, data: bytes, at: int, end: int, tag: int) -> int:
    """Where a field ends that is not known, or is known in another form, which is refused."""
    number, wire_type = tag >> 3, tag & 7
    if number in plan.numbers and wire_type != wire.GROUP:
        raise malformed(f"wrong wireType = {wire_type}")
    return wire.skip(data, at, end, number, wire_type)


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
    return _fields(_bytes(raw, wire_type), {1: Slot("items", kind, True)}, depth).get("items", [])


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
    out = _fields(_bytes(raw, wire_type), slots[union], depth)
    if union == "OrBool":
        return out.get("schema", out.get("allows", False))
    return out.get("items") or out.get("schema")


def _fields(data: memoryview, known: Message, depth: int) -> dict[str, Any]:
    """A message of no definition."""
    out: dict[str, Any] = {}
    raw = bytes(data)
    _merge(out, raw, 0, len(raw), _planned(known), depth + 1)
    return out


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
