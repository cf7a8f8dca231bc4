"""The v2 document in protobuf: read again with a reader of our own, it says what the JSON says."""

from typing import Any

import orjson
import pytest

from kybern.api import openapi
from kybern.api.openapi.gnostic import document
from kybern.api.registry import RESOURCES

Wire = list[tuple[int, Any]]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return value, at


def _read(data: bytes) -> Wire:
    """(number, value) of a message's fields."""
    fields: Wire = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            fields.append((tag >> 3, value))
            continue
        size, at = (8, at) if tag & 7 == 1 else _varint(data, at)
        fields.append((tag >> 3, data[at : at + size]))
        at += size
    return fields


def _only(fields: Wire, number: int) -> Any:
    (value,) = (each for found, each in fields if found == number)
    return value


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"swagger": "2.0"}, b"\x0a\x032.0"),
        ({"info": {"title": "T", "version": "v1"}}, b"\x12\x07\x0a\x01T\x12\x02v1"),
        ({"schemes": ["a", "b"]}, b"\x2a\x01a\x2a\x01b"),
        ({"definitions": {"D": {"type": "string"}}}, b"\x4a\x12\x0a\x10\x0a\x01D\x12\x0b\xb2\x01\x08\x0a\x06string"),
        (
            {"parameters": {"P": {"name": "n", "in": "query", "type": "string"}}},
            b"R\x1d\x0a\x1b\x0a\x01P\x12\x16\x12\x14\x1a\x12\x22\x01n\x12\x05query2\x06string",
        ),
        ({"security": [{"S": ["a"]}]}, b"\x62\x0a\x0a\x08\x0a\x01S\x12\x03\x0a\x01a"),
        (
            {"securityDefinitions": {"S": {"type": "t", "name": "n"}}},
            b"\x6a\x0f\x0a\x0d\x0a\x01S\x12\x08\x12\x06\x0a\x01t\x12\x01n",
        ),
        ({"x-a": 1}, b"\x82\x01\x0a\x0a\x03x-a\x12\x03\x12\x011"),
        ({"unheard-of": 1}, b""),
    ],
)
def test_bytes(tree: dict[str, Any], expected: bytes) -> None:
    assert document(tree) == expected


def test_the_whole_document_reads_again() -> None:
    tree = orjson.loads(openapi.v2(RESOURCES, "v1.36.0"))
    fields = _read(openapi.v2_protobuf(RESOURCES, "v1.36.0"))
    definitions = [_read(each) for _, each in _read(_only(fields, 9))]
    assert [_only(each, 1).decode() for each in definitions] == list(tree["definitions"])
    paths = [_read(each) for _, each in _read(_only(fields, 8))]
    assert [_only(each, 1).decode() for each in paths] == list(tree["paths"])
    pod = next(each for each in definitions if _only(each, 1) == b"io.k8s.api.core.v1.Pod")
    schema = _read(_only(pod, 2))
    properties = [_only(_read(each), 1).decode() for _, each in _read(_only(schema, 25))]
    assert properties == list(tree["definitions"]["io.k8s.api.core.v1.Pod"]["properties"])
    extensions = [_read(each) for number, each in schema if number == 31]
    (group_version_kind,) = (each for each in extensions if _only(each, 1) == b"x-kubernetes-group-version-kind")
    told = orjson.loads(_only(_read(_only(group_version_kind, 2)), 2))
    assert told == [{"group": "", "version": "v1", "kind": "Pod"}]
