"""Bytes of patches: what they do, what strictness finds in them, what is none."""

import pytest

from kybern.api.patch.reading import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, read
from kybern.api.patch.rfc6902 import PatchFailed
from kybern.base.errors import BadRequest

CONFIG_MAP = "io.k8s.api.core.v1.ConfigMap"
OLD = {"data": {"a": "b"}}

FOUND = [
    (MERGE_PATCH, b'{"data":{"a":"c"}}', {"data": {"a": "c"}}, []),
    (STRATEGIC_PATCH, b'{"data":{"a":null}}', {"data": {}}, []),
    (STRATEGIC_PATCH, b"null", OLD, []),
    (JSON_PATCH, b'[{"op":"remove","path":"/data/a"}]', {"data": {}}, []),
    (MERGE_PATCH, b'{"data":{"a":"c","a":"d"}}', {"data": {"a": "d"}}, ['duplicate field "data.a"']),
    (
        JSON_PATCH,
        b'[{"op":"add","op":"add","path":"/x","value":1,"y":2}]',
        {"data": {"a": "b"}, "x": 1},
        ['json patch unknown field "[0].y"', 'json patch duplicate field "[0].op"'],
    ),
]


@pytest.mark.parametrize(("media", "body", "patched", "findings"), FOUND)
def test_patches(media, body, patched, findings):
    patch = read(media, body, CONFIG_MAP, strict=True)
    assert patch.apply(OLD) == patched
    assert patch.findings == findings
    assert read(media, body, CONFIG_MAP, strict=False).findings == []


REFUSED = [
    (MERGE_PATCH, b"[]", True, "error decoding patch: json: cannot unmarshal array into Go value of type map[string]"),
    (STRATEGIC_PATCH, b'"x"', False, "json: cannot unmarshal string into Go value of type map[string]interface {}"),
    (JSON_PATCH, b"{}", True, "error decoding patch: json: cannot unmarshal object into Go value of type []handlers."),
    (JSON_PATCH, b"nope", True, "error decoding patch: invalid character 'o' in literal null (expecting 'u')"),
    (JSON_PATCH, b"nope", False, "invalid character 'o' in literal null (expecting 'u')"),
]


@pytest.mark.parametrize(("media", "body", "strict", "message"), REFUSED)
def test_no_patches(media, body, strict, message):
    with pytest.raises(BadRequest) as refusal:
        read(media, body, CONFIG_MAP, strict=strict)
    assert refusal.value.message.startswith(message)


def test_without_strictness_the_patch_itself_refuses():
    with pytest.raises(BadRequest, match=r"json: cannot unmarshal object into Go value of type jsonpatch\.Patch"):
        read(JSON_PATCH, b"{}", CONFIG_MAP, strict=False).apply(OLD)
    with pytest.raises(BadRequest, match="Invalid JSON Patch"):
        read(MERGE_PATCH, b'"x"', CONFIG_MAP, strict=False).apply(OLD)
    with pytest.raises(BadRequest, match="Invalid JSON Patch"):
        read(MERGE_PATCH, b"{", CONFIG_MAP, strict=False)


def test_null_among_operations():
    assert read(JSON_PATCH, b"null", CONFIG_MAP, strict=True).apply(OLD) == OLD
    with pytest.raises(PatchFailed) as caught:
        read(JSON_PATCH, b"[null]", CONFIG_MAP, strict=True).apply(OLD)
    assert caught.value.detail == "Unexpected kind: unknown"


def test_what_is_merged_strategically_stays_of_its_kind():
    old = {"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "b"}}
    patch = read(STRATEGIC_PATCH, b'{"kind":"Secret","apiVersion":"v7","data":{"c":"d"}}', CONFIG_MAP, strict=True)
    assert patch.apply(old) == {**old, "data": {"a": "b", "c": "d"}}


def test_messages_show_the_object_or_the_patch():
    shown = read(MERGE_PATCH, b"{}", CONFIG_MAP, strict=True).shown
    assert shown({"data": {"b": "<&>", "a": "b"}}, OLD) == '{"data":{"a":"b","b":"\\u003c\\u0026\\u003e"}}'
    assert read(STRATEGIC_PATCH, b'{"data":{"x":"y"}}', CONFIG_MAP, strict=True).shown({}, OLD) == "map[data:map[x:y]]"
