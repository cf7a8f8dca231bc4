"""The wire format of protobuf: bytes become numbered fields. Raises BadRequest for torn input, and nothing else.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

from kybern.base.errors import BadRequest

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)
MAX_VARINT_BYTES = 10
MAX_FIELD_NUMBER = 2**29 - 1

Raw = int | memoryview
"""An unsigned varint's value, else the field's bytes (a view: nothing is copied)."""


def malformed(fault: str) -> BadRequest:
    return BadRequest(f"the object provided could not be decoded: proto: {fault}")


def fields(data: memoryview) -> Iterator[tuple[int, int, Raw]]:
    """(field number, wire type, value) of a message, as written; groups, which upstream never uses, are skipped."""
    at, end = 0, len(data)
    while at < end:
        tag, at = varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type in (GROUP, END_GROUP) or not 0 < number <= MAX_FIELD_NUMBER:
            at = skip(data, at, end, number, wire_type)
        else:
            value, at = _value(data, at, wire_type)
            yield number, wire_type, value


def _value(data: memoryview, at: int, wire_type: int) -> tuple[Raw, int]:
    if wire_type == VARINT:
        return varint(data, at)
    if wire_type == BYTES:
        length, at = varint(data, at)
    elif wire_type == FIXED64:
        length = 8
    elif wire_type == FIXED32:
        length = 4
    else:
        raise malformed(f"illegal wireType {wire_type}")
    end = at + length
    if end > len(data):
        raise malformed("unexpected EOF")
    return data[at:end], end


def skip(data: memoryview | bytes, at: int, end: int, number: int, wire_type: int) -> int:
    """Where a field ends whose tag has been read; a group with all that is in it. Raises BadRequest."""
    open_groups: list[int] = []
    while True:
        if not 0 < number <= MAX_FIELD_NUMBER:
            raise malformed(f"illegal tag {number} (wire type {wire_type})")
        if wire_type == GROUP:
            open_groups.append(number)
        elif wire_type == END_GROUP:
            if not open_groups or open_groups.pop() != number:
                raise malformed("unexpected end of group")
        else:
            _, at = _value(memoryview(data)[:end], at, wire_type)
        if not open_groups:
            return at
        if at >= end:
            raise malformed("unexpected EOF")
        tag, at = varint(data, at)
        number, wire_type = tag >> 3, tag & 7


def varint(data: memoryview | bytes, at: int) -> tuple[int, int]:
    """An unsigned 64-bit number and where it ends."""
    value = 0
    for shift in range(0, 7 * MAX_VARINT_BYTES, 7):
        if at >= len(data):
            raise malformed("unexpected EOF")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise malformed("integer overflow")


def encode_varint(value: int) -> bytes:
    """An unsigned number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int, bits: int) -> int:
    """The two's complement number in a varint's lowest bits: Go cuts off what lies above."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
