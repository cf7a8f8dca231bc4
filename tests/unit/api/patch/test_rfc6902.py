"""JSON patch: operations as data, and the original left alone."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kybern.api.patch import json_patch
from kybern.api.patch.rfc6902 import COPIES_LIMIT_BYTES, OPERATIONS_LIMIT, PatchFailed, patched_document
from kybern.base.errors import BadRequest, RequestEntityTooLarge


def op(kind, path, *value, **members):
    return {"op": kind, "path": path, **({"value": value[0]} if value else {}), **members}


GOOD = [
    ({"a": 1}, [op("add", "/b", 2)], {"a": 1, "b": 2}),
    ({"a": [1, 3]}, [op("add", "/a/1", 2)], {"a": [1, 2, 3]}),
    ({"a": [1]}, [op("add", "/a/-", 2)], {"a": [1, 2]}),
    ({"a": [1, 2]}, [op("remove", "/a/-1")], {"a": [1]}),
    ({"a": {"b": 1}}, [op("remove", "/a/b")], {"a": {}}),
    ({"a": 1}, [op("replace", "/b", 2)], {"a": 1, "b": 2}),
    ({"a/b": 1, "m~n": 2}, [op("replace", "/a~1b", 3), op("remove", "/m~0n")], {"a/b": 3}),
    ({"a": {"b": 1}, "c": {}}, [op("move", "/c/d", **{"from": "/a/b"})], {"a": {}, "c": {"d": 1}}),
    ({"a": {"b": []}}, [op("copy", "/c", **{"from": "/a"}), op("add", "/c/b/-", 1)], {"a": {"b": []}, "c": {"b": [1]}}),
    ({"a": None}, [op("test", "/a", None), op("test", "/z", None)], {"a": None}),
    ({"a": 1}, [op("replace", "", {"b": 2})], {"b": 2}),
    ({"a": 1}, [op("test", "", {"a": 1})], {"a": 1}),
]

BAD = [
    ([op("test", "/a", 2)], "testing value /a failed: test failed"),
    ([op("test", "/a", True)], "testing value /a failed: test failed"),
    ([op("remove", "/z")], "error in remove for path: '/z': Unable to remove nonexistent key: z: missing value"),
    (
        [op("add", "/l/9", 1)],
        "error in add for path: '/l/9': Unable to access invalid index: 9: invalid index referenced",
    ),
    ([op("add", "/z/z/z", 1)], 'add operation does not apply: doc is missing path: "/z/z/z": missing value'),
    ([op("replace", "/l/x", 1)], "error in remove for path: '/l/x': strconv.Atoi: parsing \"x\": invalid syntax"),
    ([op("replace", "", None)], "replace operation value must be object or array: %!w(<nil>)"),
    ([op("boil", "/a")], "Unexpected kind: boil"),
    ([{"op": "add", "value": 1}], "add operation failed to decode path: missing value"),
]


@pytest.mark.parametrize(("obj", "operations", "expected"), GOOD)
def test_applies(obj, operations, expected):
    before = copy.deepcopy(obj)
    assert json_patch(obj, operations) == expected
    assert obj == before


@pytest.mark.parametrize(("operations", "detail"), BAD)
def test_refuses(operations, detail):
    with pytest.raises(PatchFailed) as caught:
        json_patch({"a": 1, "l": [1]}, operations)
    assert caught.value.detail == detail
    assert caught.value.message == "the server rejected our request due to an error in our request"


def test_limits():
    with pytest.raises(
        RequestEntityTooLarge, match="The allowed maximum operations in a JSON patch is 10000, got 10001"
    ):
        json_patch({}, [op("test", "/a", None)] * (OPERATIONS_LIMIT + 1))
    with pytest.raises(BadRequest, match="cannot unmarshal object into Go value"):
        json_patch({}, {"a": 1})


def test_unchanged_parts_are_shared():
    obj = {"a": {"x": 1}, "b": {"y": 1}}
    patched = json_patch(obj, [op("replace", "/a/x", 2)])
    assert patched["b"] is obj["b"]
    assert patched["a"] is not obj["a"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), json_values), st.sampled_from("abc"), json_values)
def test_added_then_tested(obj, key, value):
    before = copy.deepcopy(obj)
    assert json_patch(obj, [op("add", f"/{key}", value), op("test", f"/{key}", value)]) == {**obj, key: value}
    assert obj == before


def test_copies_have_a_limit_together():
    """Thirty doublings of a kilobyte would be a terabyte."""
    doublings = [{"op": "copy", "from": "/a", "path": f"/a/c{index}"} for index in range(30)]
    with pytest.raises(PatchFailed) as caught:
        json_patch({"a": {"x": "y" * 1000}}, doublings)
    assert caught.value.detail.endswith(f"exceeding the limit {COPIES_LIMIT_BYTES}")
    assert len(json_patch({"a": {"x": "y" * 1000}}, doublings[:10])["a"]) == 11


def test_a_document_may_become_none_that_is_an_object():
    whole = [{"op": "replace", "path": "", "value": [1]}]
    assert patched_document({"a": 1}, whole) == [1]
    with pytest.raises(PatchFailed):
        json_patch({"a": 1}, whole)
