"""Merge patch: the table of RFC 7386, appendix A, where both sides are objects."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kybern.api.patch import merge_patch
from kybern.base.errors import BadRequest

CASES = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ({"a": [1]}, {"a": [{"b": None, "c": [None, {"d": None}]}, None]}, {"a": [{"c": [None, {}]}, None]}),
    ({}, {"a": [{"b": None}]}, {"a": [{}]}),
    ({"a": {"b": 1}}, {"a": [{"b": None}]}, {"a": [{"b": None}]}),
]


@pytest.mark.parametrize(("obj", "patch", "expected"), CASES)
def test_merges(obj, patch, expected):
    before = copy.deepcopy(obj)
    assert merge_patch(obj, patch) == expected
    assert obj == before


def test_a_list_replaces_the_object():
    assert merge_patch({"a": 1}, [1, None, 2]) == [1, 2]


@pytest.mark.parametrize("patch", ["x", None, 3])
def test_only_objects(patch):
    with pytest.raises(BadRequest, match="Invalid JSON Patch"):
        merge_patch({}, patch)


leaves = st.integers(-2, 2) | st.sampled_from("ab")
objects = st.recursive(
    st.dictionaries(st.sampled_from("abc"), leaves, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | leaves, max_size=3),
    max_leaves=8,
)


@given(objects, objects)
def test_a_patch_without_nulls_is_idempotent(obj, patch):
    once = merge_patch(obj, patch)
    assert merge_patch(once, patch) == once
    assert merge_patch(obj, {}) == obj
