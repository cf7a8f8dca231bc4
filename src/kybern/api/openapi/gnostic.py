"""The OpenAPI v2 document in protobuf, as kubectl asks for it (`application/com.github.proto-openapi.spec.v2`).

kubectl falls back to it for kinds that the v3 documents do not name, `v1 List` first of all.
Source of the numbers: https://github.com/google/gnostic-models/blob/main/openapiv2/OpenAPIv2.proto
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

Encode = Callable[[Any], bytes]
"""A value -> the bytes behind its field's tag, length included where it has one."""

_FIXED_64, _LENGTH = 1, 2


def document(tree: Mapping[str, Any]) -> bytes:
    """The document that the JSON form `tree` says."""
    return _fields(tree, _DOCUMENT)


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _SMALL[number]
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_SMALL = [bytes((number,)) for number in range(0x80)]


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _text(value: str) -> bytes:
    return _sized(value.encode())


def _any(value: Any) -> bytes:
    """Any: its YAML, of which JSON is a part."""
    return _sized(_field(2, _LENGTH, _sized(orjson.dumps(value))))


def _field(number: int, wire: int, data: bytes) -> bytes:
    return _varint(number << 3 | wire) + data


class _Slot:
    """One field of a message: its tag, how its value is written, and whether it may be there several times."""

    __slots__ = ("encode", "many", "tag")

    def __init__(self, number: int, encode: Encode, wire: int = _LENGTH, *, many: bool = False) -> None:
        self.tag = _varint(number << 3 | wire)
        self.encode = encode
        self.many = many


_Slots = Mapping[str, _Slot]


def _fields(tree: Mapping[str, Any], slots: _Slots) -> bytes:
    """A message. What begins with `x-` goes to the field for extensions."""
    out: list[bytes] = []
    for key, value in tree.items():
        slot = slots.get(key)
        if slot is None:
            if key.startswith("x-"):
                extension = slots["x-"]
                out += (extension.tag, _named(key, _any(value)))
        elif slot.many:
            for each in value:
                out += (slot.tag, slot.encode(each))
        else:
            out += (slot.tag, slot.encode(value))
    return b"".join(out)


def _named(name: str, value: bytes) -> bytes:
    """A NamedX: name and value; `value` has its length already."""
    return _sized(b"\x0a" + _text(name) + b"\x12" + value)


def _message(slots: Callable[[], _Slots]) -> Encode:
    return lambda tree: _sized(_fields(tree, slots()))


def _map(encode: Encode, number: int = 1) -> Encode:
    """A message that holds a map as named values; names that begin with `x-` have a field of their own in Paths."""
    tag = _varint(number << 3 | _LENGTH)
    return lambda tree: _sized(b"".join(tag + _named(name, encode(value)) for name, value in tree.items()))


def _one(number: int, encode: Encode) -> Encode:
    """A message of one field, as alternatives are written."""
    return lambda value: _sized(_field(number, _LENGTH, encode(value)))


def _number(number: int) -> _Slot:
    return _Slot(number, lambda value: struct.pack("<d", value), _FIXED_64)


def _integer(number: int) -> _Slot:
    return _Slot(number, _varint, 0)


def _flag(number: int) -> _Slot:
    return _Slot(number, lambda value: b"\x01" if value else b"\x00", 0)


def _string(number: int) -> _Slot:
    return _Slot(number, _text)


def _strings(number: int) -> _Slot:
    return _Slot(number, _text, many=True)


def _extensions(number: int) -> dict[str, _Slot]:
    return {"x-": _Slot(number, _any)}


def _bounds(first: int) -> dict[str, _Slot]:
    """The fields about values, which follow each other from `maximum` on in every message that has them."""
    names = (
        ("maximum", _number), ("exclusiveMaximum", _flag), ("minimum", _number), ("exclusiveMinimum", _flag),
        ("maxLength", _integer), ("minLength", _integer), ("pattern", _string), ("maxItems", _integer),
        ("minItems", _integer), ("uniqueItems", _flag),
    )  # fmt: skip
    return {name: make(first + index) for index, (name, make) in enumerate(names)}


def _types(value: str | Sequence[str]) -> bytes:
    values = [value] if isinstance(value, str) else value
    return _sized(b"".join(b"\x0a" + _text(each) for each in values))


def _additional(value: Any) -> bytes:
    return _sized(b"\x10" + (b"\x01" if value else b"\x00")) if isinstance(value, bool) else _one(1, _schema)(value)


def _parameter(value: Mapping[str, Any]) -> bytes:
    if "$ref" in value:
        return _one(2, _message(lambda: {"$ref": _string(1), "description": _string(2)}))(value)
    return _one(1, _own_parameter)(value)


def _own_parameter(value: Mapping[str, Any]) -> bytes:
    if value["in"] == "body":
        return _one(1, _body)(value)
    return _one(2, _one(*_PLACES[value["in"]]))(value)


def _security(value: Mapping[str, Sequence[str]]) -> bytes:
    """What a request needs: name of the way -> its scopes."""
    return _map(_types)(value)


def _response(value: Mapping[str, Any]) -> bytes:
    return _one(1, _message(lambda: _RESPONSE))(value)


_SCHEMA: dict[str, _Slot] = {}
_schema = _message(lambda: _SCHEMA)
_SCHEMA |= {
    "$ref": _string(1),
    "format": _string(2),
    "title": _string(3),
    "description": _string(4),
    "default": _Slot(5, _any),
    "multipleOf": _number(6),
    **_bounds(7),
    "maxProperties": _integer(17),
    "minProperties": _integer(18),
    "required": _strings(19),
    "enum": _Slot(20, _any, many=True),
    "additionalProperties": _Slot(21, _additional),
    "type": _Slot(22, _types),
    "items": _Slot(23, _one(1, _schema)),
    "allOf": _Slot(24, _schema, many=True),
    "properties": _Slot(25, _map(_schema)),
    "discriminator": _string(26),
    "readOnly": _flag(27),
    "example": _Slot(30, _any),
    **_extensions(31),
}
_body = _message(
    lambda: {
        "description": _string(1),
        "name": _string(2),
        "in": _string(3),
        "required": _flag(4),
        "schema": _Slot(5, _schema),
        **_extensions(6),
    }
)
_QUERY = {
    "required": _flag(1),
    "in": _string(2),
    "description": _string(3),
    "name": _string(4),
    "allowEmptyValue": _flag(5),
    "type": _string(6),
    "format": _string(7),
    "default": _Slot(10, _any),
    **_bounds(11),
    "enum": _Slot(21, _any, many=True),
    **_extensions(23),
}
_PATH = {
    **{key: _QUERY[key] for key in ("required", "in", "description", "name")},
    "type": _string(5),
    "format": _string(6),
    "default": _Slot(9, _any),
    **_bounds(10),
    "enum": _Slot(20, _any, many=True),
    **_extensions(22),
}
_PLACES = {
    "header": (1, _message(lambda: _PATH)),
    "query": (3, _message(lambda: _QUERY)),
    "path": (4, _message(lambda: _PATH)),
}
_API_KEY = {"type": _string(1), "name": _string(2), "in": _string(3), "description": _string(4), **_extensions(5)}
_RESPONSE = {"description": _string(1), "schema": _Slot(2, _one(1, _schema)), **_extensions(5)}
_OPERATION = {
    "tags": _strings(1),
    "summary": _string(2),
    "description": _string(3),
    "operationId": _string(5),
    "produces": _strings(6),
    "consumes": _strings(7),
    "parameters": _Slot(8, _parameter, many=True),
    "responses": _Slot(9, _map(_response)),
    "schemes": _strings(10),
    "deprecated": _flag(11),
    **_extensions(13),
}
_operation = _message(lambda: _OPERATION)
_PATH_ITEM = {
    "$ref": _string(1),
    **{method: _Slot(2 + index, _operation) for index, method in enumerate(
        ("get", "put", "post", "delete", "options", "head", "patch")
    )},
    "parameters": _Slot(9, _parameter, many=True),
    **_extensions(10),
}  # fmt: skip
_INFO = {"title": _string(1), "version": _string(2), "description": _string(3), **_extensions(7)}
_DOCUMENT = {
    "swagger": _string(1),
    "info": _Slot(2, _message(lambda: _INFO)),
    "host": _string(3),
    "basePath": _string(4),
    "schemes": _strings(5),
    "consumes": _strings(6),
    "produces": _strings(7),
    "paths": _Slot(8, _map(_message(lambda: _PATH_ITEM), number=2)),
    "definitions": _Slot(9, _map(_schema)),
    "parameters": _Slot(10, _map(_own_parameter)),
    "security": _Slot(12, _security, many=True),
    "securityDefinitions": _Slot(13, _map(_one(2, _message(lambda: _API_KEY)))),
    **_extensions(16),
}
