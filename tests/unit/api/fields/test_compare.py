"""What differs between two objects, and what an applied configuration names."""

from typing import Any

import pytest

from kybern.api.fields.atom import DEDUCED, Unkeyed
from kybern.api.fields.compare import compare, field_set
from tests.unit.api.fields.shapes import ATOM, thing, told, within_spec

CASES: list[tuple[str, Any, Any, str, str, str]] = [
    # what, old, new, removed, modified, added
    ("nothing", {"replicas": 1}, {"replicas": 1}, "", "", ""),
    ("scalar", {"replicas": 1}, {"replicas": 2}, "", ".replicas", ""),
    ("new scalar", {}, {"replicas": 2}, "", "", ".replicas"),
    ("gone scalar", {"replicas": 2}, {}, ".replicas", "", ""),
    ("map", {"labels": {"a": "1", "b": "1"}}, {"labels": {"b": "2", "c": "1"}}, ".labels.a", ".labels.b", ".labels.c"),
    ("new map", {}, {"labels": {"a": "1"}}, "", "", ".labels .labels.a"),
    ("empty map", {}, {"labels": {}}, "", "", ".labels"),
    ("map filled", {"labels": {}}, {"labels": {"a": "1"}}, "", "", ".labels.a"),
    ("map from null", {"labels": None}, {"labels": {"a": "1"}}, "", "", ".labels.a"),
    ("map to null", {"labels": {}}, {"labels": None}, "", ".labels", ""),
    ("atomic map", {"selector": {"a": "1"}}, {"selector": {"b": "1"}}, "", ".selector", ""),
    ("new atomic map", {}, {"selector": {"b": "1"}}, "", "", ".selector"),
    ("atomic list", {"args": ["a"]}, {"args": ["a", "b"]}, "", ".args", ""),
    ("set", {"names": ["a", "b"]}, {"names": ["b", "c"]}, '.names[="a"]', "", '.names[="c"]'),
    (
        "list map",
        {"items": [{"name": "x", "value": "1"}, {"name": "y"}]},
        {"items": [{"name": "z"}, {"name": "x", "value": "2"}]},
        '.items[name="y"] .items[name="y"].name',
        '.items[name="x"].value',
        '.items[name="z"] .items[name="z"].name',
    ),
    ("order alone", {"items": [{"name": "x"}, {"name": "y"}]}, {"items": [{"name": "y"}, {"name": "x"}]}, "", "", ""),
    (
        "default of a key",
        {"ports": [{"port": 80}]},
        {"ports": [{"port": 80, "protocol": "TCP"}]},
        "",
        "",
        '.ports[port=80,protocol="TCP"].protocol',
    ),
    ("nested", {"nested": {"a": "1"}}, {"nested": {"a": "2", "b": "1"}}, "", ".nested.a", ".nested.b"),
    (
        "two of a name",
        {"items": [{"name": "x"}]},
        {"items": [{"name": "x"}, {"name": "x"}]},
        '.items[name="x"] .items[name="x"].name',
        "",
        '.items[name="x"]',
    ),
    ("kind of value", {"free": {"a": 1}}, {"free": {"a": {"b": 1}}}, "", ".free.a", ".free.a.b"),
    ("list in free form", {"free": {"a": [1]}}, {"free": {"a": [2]}}, "", ".free.a", ""),
]


@pytest.mark.parametrize(("what", "old", "new", "removed", "modified", "added"), CASES, ids=[case[0] for case in CASES])
def test_compare(what: str, old: Any, new: Any, removed: str, modified: str, added: str) -> None:
    comparison = compare(ATOM, thing(old), thing(new))
    assert [" ".join(within_spec(each)) for each in comparison] == [removed, modified, added]


APPLIED: list[tuple[dict[str, Any], str]] = [
    ({"replicas": 1}, ".replicas"),
    ({"nested": {"a": "1"}}, ".nested.a"),
    ({"nested": {}}, ".nested"),
    ({"nested": None}, ".nested"),
    ({"labels": {"a": "1"}}, ".labels.a"),
    ({"labels": {}}, ".labels"),
    ({"names": []}, ""),
    ({"nested": {"a": "1"}, "names": ["x"]}, '.names[="x"] .nested.a'),
    ({"args": []}, ".args"),
    ({"selector": {"a": "b"}}, ".selector"),
    ({"ports": [{"port": 80}]}, '.ports[port=80,protocol="TCP"] .ports[port=80,protocol="TCP"].port'),
    ({"ports": [{"port": 80.0}]}, '.ports[port=80,protocol="TCP"] .ports[port=80,protocol="TCP"].port'),
    ({"free": {"a": {"b": 1}}}, ".free.a .free.a.b"),
]


@pytest.mark.parametrize(("spec", "expected"), APPLIED, ids=[str(spec) for spec, _ in APPLIED])
def test_field_set(spec: dict[str, Any], expected: str) -> None:
    assert " ".join(within_spec(field_set(ATOM, thing(spec)))) == expected


def test_elements_that_nothing_names() -> None:
    with pytest.raises(Unkeyed, match="omits all key fields"):
        compare(ATOM, thing({}), thing({"items": [{"value": "1"}]}))
    with pytest.raises(Unkeyed, match="explicit null"):
        compare(ATOM, thing({}), thing({"names": [None]}))


def test_without_a_schema_maps_are_looked_into_and_lists_are_not() -> None:
    removed, modified, added = compare(DEDUCED, {"a": {"b": 1}, "l": [1]}, {"a": {"c": 1}, "l": [2]})
    assert (told(removed), told(modified), told(added)) == ([".a.b"], [".l"], [".a.c"])


def test_an_element_that_is_one_value_is_a_leaf():
    """As clients compare the text, `{}` and `{".": {}}` are not the same to them."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}
    made = field_set(ATOM, thing({}, ownerReferences=[owner]))
    assert made["f:metadata"]["f:ownerReferences"] == {'k:{"uid":"u"}': {}}
