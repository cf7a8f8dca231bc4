"""Entries of managedFields as clients send them, and the Scale's view of them."""

from typing import Any

import pytest

from kybern.api.fields import last_applied, managers, scale, sets
from kybern.api.fields.managers import Entry
from tests.unit.api.fields.shapes import VERSION, thing, told

GOOD = {"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}}}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, ""),
        ({"fieldsV1": None}, ""),
        ({"fieldsV1": {"f:a": {".": {}, 'k:{"x":1}': {}, "v:1": {}, "i:0": {}}}}, ""),
        ({"operation": "Create"}, "operation must be `Apply` or `Update`"),
        ({"operation": None}, "operation must be `Apply` or `Update`"),
        ({"apiVersion": ""}, "apiVersion must not be empty"),
        ({"fieldsType": ""}, "missing fieldsType in managed fields entry 0"),
        ({"fieldsType": "V2"}, 'invalid fieldsType "V2" in managed fields entry 0'),
        ({"fieldsV1": {"k:{": {}}}, "error decoding versioned set from managed fields entry 0"),
        ({"fieldsV1": {"f:a": None}}, ""),
        ({"fieldsV1": {"f:a": {".": [1]}, "x:y": 1}}, ""),
        ({"fieldsV1": {"zz": {}}}, "error decoding versioned set from managed fields entry 0"),
        ({"fieldsV1": []}, "error decoding versioned set from managed fields entry 0"),
        ({"fieldsV1": {"i:x": {}}}, "error decoding versioned set from managed fields entry 0"),
        ({"fieldsV1": {"f:a": 1}}, "error decoding versioned set from managed fields entry 0"),
    ],
)
def test_faults(change: dict[str, Any], fault: str) -> None:
    assert managers.fault([{**GOOD, **change}]) == fault


def test_sets_are_read_as_members() -> None:
    given = {"f:a": {".": {}}, "f:b": None, "f:c": {".": {}, "f:d": {".": {}}}}
    (entry,) = managers.decoded([{**GOOD, "fieldsV1": given}])
    assert entry["fieldsV1"] == {"f:a": {}, "f:b": {}, "f:c": {".": {}, "f:d": {}}}
    odd = {".": {}, "f:a": {".": "x", "f:b": {"l:ater": {}}}, "n:ew": {"f:c": {}}}
    (entry,) = managers.decoded([{**GOOD, "fieldsV1": odd}])
    assert entry["fieldsV1"] == {"f:a": {".": {}, "f:b": {}}}


def test_resets() -> None:
    assert managers.is_reset([])
    assert managers.is_reset([{}])
    assert not managers.is_reset(None)
    assert not managers.is_reset([GOOD])


def _entry(manager: str, operation: str = "Update", second: int = 0, **more: Any) -> Entry:
    return {**GOOD, "manager": manager, "operation": operation, "time": f"2026-01-01T00:00:0{second}Z", **more}


def test_order() -> None:
    wanted = [
        _entry("z", "Apply", 9),
        {**GOOD, "manager": "timeless"},
        _entry("b", second=1),
        _entry("a", second=2),
        _entry("a", second=2, subresource="status"),
    ]
    assert managers.ordered(wanted[::-1]) == wanted


REPLICAS = {"f:spec": {"f:replicas": {}}}


def test_a_scale_shows_the_owners_of_replicas() -> None:
    entries = [_entry("a", fieldsV1={"f:spec": {"f:replicas": {}, "f:other": {}}}), _entry("b")]
    (shown,) = scale.to_scale(entries)
    assert (shown["manager"], shown["apiVersion"], shown["fieldsV1"]) == ("a", "autoscaling/v1", REPLICAS)


def test_who_scales_takes_the_replicas() -> None:
    entries = [_entry("a", fieldsV1={"f:spec": {"f:replicas": {}, "f:other": {}}}), _entry("b")]
    scaled = [{**GOOD, "manager": "s", "apiVersion": "autoscaling/v1", "subresource": "scale", "fieldsV1": REPLICAS}]
    after = scale.to_parent(entries, scaled, "apps/v1")
    assert {each["manager"]: told(each["fieldsV1"]) for each in after} == {
        "a": [".spec.other"],
        "b": [".a"],
        "s": [".spec.replicas"],
    }
    own = next(each for each in after if each["manager"] == "s")
    assert (own["apiVersion"], own["subresource"], own.get("time")) == ("apps/v1", "scale", None)


def test_owners_that_keep_the_replicas_stay_as_they_are() -> None:
    entries = [
        _entry("a", "Apply", apiVersion="apps/v1", fieldsV1={"f:spec": {"f:replicas": {}, "f:other": {}}}),
        _entry("u", apiVersion="apps/v1", fieldsV1=REPLICAS),
    ]
    applied = entries[:1]
    assert scale.to_parent(applied, scale.to_scale(applied), "apps/v1") == applied
    kept, alone = scale.to_parent(entries, scale.to_scale(entries), "apps/v1")
    assert kept == entries[0]
    assert alone == {key: value for key, value in entries[1].items() if key != "time"}


def test_an_updater_of_the_replicas_gets_an_entry_for_them_at_each_write_of_the_scale() -> None:
    entries = [_entry("u", apiVersion="apps/v1", fieldsV1={"f:spec": {"f:replicas": {}, "f:other": {}}})]
    after = scale.to_parent(entries, scale.to_scale(entries), "apps/v1")
    assert [(told(each["fieldsV1"]), "time" in each) for each in after] == [
        ([".spec.replicas"], False),
        ([".spec.other"], True),
    ]
    assert managers.unique(after) == after[1:], "The next write forgets the first of two."


def test_the_last_applied_configuration_allows_what_has_not_changed() -> None:
    live = thing({"replicas": 2, "name": "n"})
    text = '{"apiVersion":"example.com/v1","kind":"Thing","spec":{"replicas":1,"name":"n"}}'
    live["metadata"]["annotations"] = {last_applied.ANNOTATION: text}
    allowed = last_applied.allowed(VERSION, live)
    assert allowed is not None
    assert not sets.has(allowed, ("f:spec", "f:replicas"))
    assert sets.has(allowed, ("f:spec", "f:name"))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"apiVersion":"example.com/v2"}', '{"apiVersion":"example.com/v1","spec":{"items":[{}]}}']
)
def test_annotations_that_tell_nothing(text: str) -> None:
    live = thing({})
    live["metadata"]["annotations"] = {last_applied.ANNOTATION: text}
    assert last_applied.allowed(VERSION, live) is None


def test_the_annotation_follows_what_is_applied() -> None:
    live = thing({"replicas": 2}, annotations={last_applied.ANNOTATION: "old", "a": "b"})
    config = thing({"replicas": 2}, annotations={last_applied.ANNOTATION: "mine", "c": "<d>&\u2028"})
    annotations = last_applied.refreshed(live, config)["metadata"]["annotations"]
    assert annotations == {
        "a": "b",
        last_applied.ANNOTATION: '{"apiVersion":"example.com/v1","kind":"Thing",'
        '"metadata":{"annotations":{"c":"\\u003cd\\u003e\\u0026\\u2028"},'
        '"name":"t"},"spec":{"replicas":2}}\n',
    }
    assert last_applied.refreshed(thing({}), config) == thing({})
    huge = thing({"name": "x" * last_applied.ANNOTATIONS_LIMIT})
    assert last_applied.refreshed(live, huge)["metadata"]["annotations"] == {"a": "b"}
