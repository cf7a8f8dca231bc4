"""JSON dicts become messages: for each definition one generated function, compiled when it is first needed.

It is the reader's (`message.py`) other direction, from the same table of numbers. What a dict lacks is left out, zeros
that Go would write too: a reader takes them for the same. Fields stand in the order of their numbers, maps are sorted.
Invariant: values are of their definition's types, as decoding left them; nothing is checked here.
"""

from collections.abc import Callable, Iterator
from typing import Any

from kybern.api.protobuf import pieces, table
from kybern.api.protobuf.pieces import tag
from kybern.api.protobuf.table import Message, Slot
from kybern.api.protobuf.wire import BYTES, FIXED64, VARINT
from kybern.api.resource import Object
from kybern.api.schema.structure import Type

Write = Callable[[Object], bytes]

_SPACE: dict[str, Any] = dict(vars(pieces))
"""The globals of all generated functions: they call each other by their names here."""
_DELIMITED = {
    "s": "{0}.encode()", "B": "b64decode({0})", "t": "time({0})", "u": "micro_time({0})", "q": "quantity({0})",
    "x": "int_or_string({0})", **dict.fromkeys("jrF", "json({0})"), "D": "b''",
    "OrArray": "or_array({0}, {1})", "OrBool": "or_bool({0}, {1})", "OrStringArray": "or_string_array({0}, {1})",
}  # fmt: skip
"""Types whose values have a length: the expression of their bytes."""
_NUMBERS = {"b": "ONE if {0} else ZERO", "i": "number({0})", "l": "number({0})"}


def writer(name: str) -> Write:
    """The function that makes messages of the definition `name`."""
    symbol = _symbol(name)
    known: Write | None = _SPACE.get(symbol)
    return known if known is not None else _compiled(name)


def _compiled(name: str) -> Write:
    symbol = _symbol(name)
    lines = [f"def {symbol}(o):", "    out = []", "    add = out.append"]
    lines += (f"    {line}" for line in _fields(table.message(name), "o", 0))
    exec("\n".join([*lines, "    return b''.join(out)", ""]), _SPACE)
    made: Write = _SPACE[symbol]
    for other in _needed(table.message(name)):
        writer(other)
    return made


def _symbol(name: str) -> str:
    return "m_" + "".join(character if character.isalnum() else "_" for character in name)


def _needed(message: Message) -> Iterator[str]:
    """Definitions whose functions the message's calls."""
    for place in message.values():
        if isinstance(place, dict):
            yield from _needed(place)
            continue
        kind = place.type
        while isinstance(kind, list) and kind[0] != "@":
            kind = kind[1]
        if isinstance(kind, list):
            yield kind[1]
        elif place.union:
            yield table.json_schema()


def _fields(message: Message, source: str, depth: int) -> Iterator[str]:
    """Statements that add the fields which `source` has to `out`; inlined messages take theirs from the same dict."""
    for number, place in sorted(message.items()):
        if isinstance(place, dict):
            yield f"outer{depth} = add"
            yield f"inner{depth} = []"
            yield f"add = inner{depth}.append"
            yield from _fields(place, source, depth + 1)
            yield f"add = outer{depth}"
            yield f"if inner{depth}:"
            yield f"    d = b''.join(inner{depth})"
            yield f"    add({tag(number, BYTES)!r} + length(d) + d)"
            continue
        yield f"v = {source}.get({place.wire!r})"
        yield "if v is not None:"
        yield from (f"    {line}" for line in _value(place.type, place, number))


def _value(kind: Type, slot: Slot, number: int) -> Iterator[str]:
    """Statements that add `v`."""
    if isinstance(kind, list) and kind[0] == "[":
        yield "for v in v:"
        yield from (f"    {line}" for line in _value(kind[1], slot, number))
    elif isinstance(kind, list) and kind[0] == "{":
        yield "for k in sorted(v):"
        yield "    d = k.encode()"
        yield f"    d = {tag(1, BYTES)!r} + length(d) + d + {_field(kind[1], slot, 2, 'v[k]')}"
        yield f"    add({tag(number, BYTES)!r} + length(d) + d)"
    elif _is_delimited(kind, slot):
        yield f"d = {_bytes(kind, slot, 'v')}"
        yield f"add({tag(number, BYTES)!r} + length(d) + d)"
    else:
        yield f"add({_field(kind, slot, number, 'v')})"


def _is_delimited(kind: Type, slot: Slot) -> bool:
    return isinstance(kind, list) or kind in _DELIMITED or bool(slot.union)


def _bytes(kind: Type, slot: Slot, value: str) -> str:
    """The expression of a delimited value's bytes, without their length."""
    if isinstance(kind, list):
        # A list within a map (ExtraValue) is a message whose field 1 holds the items: strings, in all definitions.
        return f"strings({value})" if kind[0] == "[" else f"{_symbol(kind[1])}({value})"
    return _DELIMITED[slot.union or kind].format(value, _symbol(table.json_schema()))


def _field(kind: Type, slot: Slot, number: int, value: str) -> str:
    """The expression of a whole field."""
    if _is_delimited(kind, slot):
        return f"delimited({tag(number, BYTES)!r}, {_bytes(kind, slot, value)})"
    if kind == "d":
        return f"{tag(number, FIXED64)!r} + double({value})"
    return f"{tag(number, VARINT)!r} + ({_NUMBERS[kind].format(value)})"
