"""Applied configurations laid over objects."""

from typing import Any

import pytest

from kybern.api.fields.merge import merge
from tests.unit.api.fields.shapes import ATOM, thing

CASES: list[tuple[str, Any, Any, Any]] = [
    ("scalars", {"replicas": 1, "name": "n"}, {"replicas": 2}, {"replicas": 2, "name": "n"}),
    ("maps", {"labels": {"a": "1", "b": "1"}}, {"labels": {"b": "2"}}, {"labels": {"a": "1", "b": "2"}}),
    ("null map says nothing", {"labels": {"a": "1"}}, {"labels": None}, {"labels": {"a": "1"}}),
    ("empty map says nothing", {"labels": {"a": "1"}}, {"labels": {}}, {"labels": {"a": "1"}}),
    ("null scalar replaces", {"name": "n"}, {"name": None}, {"name": None}),
    ("atomic maps", {"selector": {"a": "1"}}, {"selector": {"b": "1"}}, {"selector": {"b": "1"}}),
    ("atomic lists", {"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
    ("sets", {"names": ["a", "b"]}, {"names": ["c"]}, {"names": ["a", "b", "c"]}),
    ("set keeps places", {"names": ["a", "b", "c"]}, {"names": ["c", "d", "a"]}, {"names": ["b", "c", "d", "a"]}),
    ("set in new order", {"names": ["a", "b", "c", "d"]}, {"names": ["d", "b"]}, {"names": ["a", "c", "d", "b"]}),
    ("empty list says nothing", {"names": ["a"]}, {"names": []}, {"names": ["a"]}),
    (
        "elements by key",
        {"items": [{"name": "x", "value": "1"}, {"name": "y", "value": "1"}]},
        {"items": [{"name": "y", "value": "2"}, {"name": "z"}]},
        {"items": [{"name": "x", "value": "1"}, {"name": "y", "value": "2"}, {"name": "z"}]},
    ),
    (
        "defaulted keys",
        {"ports": [{"port": 80, "protocol": "TCP", "name": "a"}, {"port": 80, "protocol": "UDP"}]},
        {"ports": [{"port": 80, "name": "b"}]},
        {"ports": [{"port": 80, "protocol": "TCP", "name": "b"}, {"port": 80, "protocol": "UDP"}]},
    ),
    ("new parts", {}, {"nested": {"a": "1"}, "names": ["a"]}, {"nested": {"a": "1"}, "names": ["a"]}),
]


@pytest.mark.parametrize(("what", "live", "applied", "expected"), CASES, ids=[case[0] for case in CASES])
def test_merge(what: str, live: Any, applied: Any, expected: Any) -> None:
    assert merge(ATOM, thing(live), thing(applied)) == thing(expected)


def test_what_does_not_change_is_shared() -> None:
    live = thing({"replicas": 1, "labels": {"a": "1"}, "items": [{"name": "x"}]})
    assert merge(ATOM, live, thing({"replicas": 1, "labels": {"a": "1"}, "items": [{"name": "x"}]})) is live
    merged = merge(ATOM, live, thing({"replicas": 2}))
    assert merged["spec"]["items"] is live["spec"]["items"]
    assert live["spec"]["replicas"] == 1
