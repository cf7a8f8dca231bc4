"""What the generated writers are made of: numbers, lengths, and messages that JSON writes as one value."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Any

import orjson

from kybern.api.protobuf.wire import encode_varint

__all__ = [
    "ONE", "ZERO", "b64decode", "delimited", "double", "int_or_string", "json", "length", "micro_time", "number",
    "or_array", "or_bool", "or_string_array", "quantity", "strings", "tag", "time",
]  # fmt: skip
ZERO, ONE = b"\0", b"\1"
_U64 = 2**64 - 1
_TIMES = 4096
"""Moments whose encoded form is remembered: objects made together share theirs."""


_SMALL = tuple(map(encode_varint, range(4096)))
double = Struct("<d").pack


def number(value: int) -> bytes:
    """A varint; negative numbers as their 64-bit complement."""
    return _SMALL[value] if 0 <= value < 4096 else encode_varint(value & _U64)


def length(data: bytes) -> bytes:
    size = len(data)
    return _SMALL[size] if size < 4096 else encode_varint(size)


def tag(field: int, wire_type: int) -> bytes:
    return encode_varint(field << 3 | wire_type)


def delimited(mark: bytes, data: bytes) -> bytes:
    """A field that has a length."""
    return mark + length(data) + data


@lru_cache(_TIMES)
def time(text: str) -> bytes:
    """metav1.Time {1 seconds, 2 nanos}."""
    return b"\x08" + number(int(_moment(text).timestamp())) + b"\x10\0"


@lru_cache(_TIMES)
def micro_time(text: str) -> bytes:
    """metav1.MicroTime {1 seconds, 2 nanos}."""
    moment = _moment(text)
    return (
        b"\x08" + number(int(moment.replace(microsecond=0).timestamp())) + b"\x10" + number(moment.microsecond * 1000)
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def quantity(value: Any) -> bytes:
    """resource.Quantity {1 string}."""
    return delimited(b"\n", str(value).encode())


def int_or_string(value: int | str) -> bytes:
    """intstr.IntOrString {1 type: 0 int, 1 string; 2 intVal, 3 strVal}; Go writes all three."""
    if isinstance(value, str):
        return b"\x08\x01\x10\0" + delimited(b"\x1a", value.encode())
    return b"\x08\0\x10" + number(value) + b"\x1a\0"


def json(value: Any) -> bytes:
    """RawExtension, FieldsV1, JSON {1 raw}: JSON within protobuf."""
    return delimited(b"\n", orjson.dumps(value))


def strings(values: Sequence[str]) -> bytes:
    """A list of its own: {1 items}."""
    return b"".join(delimited(b"\n", each.encode()) for each in values)


def or_array(value: Any, schema: Callable[[Any], bytes]) -> bytes:
    """JSONSchemaPropsOrArray {1 schema, 2 schemas}."""
    if isinstance(value, list):
        return b"".join(delimited(b"\x12", schema(each)) for each in value)
    return delimited(b"\n", schema(value))


def or_bool(value: Any, schema: Callable[[Any], bytes]) -> bytes:
    """JSONSchemaPropsOrBool {1 allows, 2 schema}."""
    if isinstance(value, bool):
        return b"\x08" + (ONE if value else ZERO)
    return b"\x08\x01" + delimited(b"\x12", schema(value))


def or_string_array(value: Any, schema: Callable[[Any], bytes]) -> bytes:
    """JSONSchemaPropsOrStringArray {1 schema, 2 strings}."""
    if isinstance(value, list):
        return b"".join(delimited(b"\x12", each.encode()) for each in value)
    return delimited(b"\n", schema(value))
