"""Who owns what after creates, updates and patches."""

import json
from typing import Any

import pytest

from kybern.api.fields import managers, open_api, sets
from kybern.api.fields.managers import Entry, Writer
from kybern.api.fields.typed import Misconverted
from kybern.api.fields.update import created, updated
from kybern.api.fields.versions import Version
from tests.unit.api.fields.shapes import ATOM, SCHEMA, VERSION, thing, told

Owners = dict[str, list[str]]


def writer(manager: str, time: int = 1, subresource: str = "", api_version: str = "example.com/v1") -> Writer:
    return Writer(manager, api_version, f"2026-01-01T00:00:{time:02}Z", subresource)


def owners(entries: list[Entry]) -> Owners:
    """By `manager`, or `manager/subresource`."""
    return {
        "/".join(filter(None, (each["manager"], each.get("subresource")))): told(each["fieldsV1"]) for each in entries
    }


def test_a_creator_owns_all_but_what_nobody_owns() -> None:
    obj = thing({"replicas": 1}, namespace="n", labels={"a": "b"}, uid="u", resourceVersion="1", generation=1)
    (entry,) = created(VERSION, {**obj, "status": {"phase": "x"}}, writer("me"))
    assert list(entry) == ["manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1"]
    assert (entry["manager"], entry["operation"], entry["fieldsType"]) == ("me", "Update", "FieldsV1")
    assert told(entry["fieldsV1"]) == [".spec", ".metadata.labels", ".metadata.labels.a", ".spec.replicas"]


def test_nothing_to_own_is_no_entry() -> None:
    assert created(Version("v1", ATOM), {"metadata": {"name": "t"}}, writer("me")) == []


FIRST = thing({"replicas": 1, "name": "n", "labels": {"a": "1"}})

CASES: list[tuple[str, dict[str, Any], Owners]] = [
    (
        "a change moves a field",
        {"replicas": 2, "name": "n", "labels": {"a": "1"}},
        {"first": [".spec", ".spec.labels", ".spec.name", ".spec.labels.a"], "second": [".spec.replicas"]},
    ),
    (
        "a removal leaves no owner",
        {"name": "n", "labels": {"a": "1"}},
        {"first": [".spec", ".spec.labels", ".spec.name", ".spec.labels.a"]},
    ),
    (
        "an addition is its maker's",
        {"replicas": 1, "name": "n", "labels": {"a": "1", "b": "2"}},
        {
            "first": [".spec", ".spec.labels", ".spec.name", ".spec.replicas", ".spec.labels.a"],
            "second": [".spec.labels.b"],
        },
    ),
    (
        "nothing changes nothing",
        {"replicas": 1, "name": "n", "labels": {"a": "1"}},
        {"first": [".spec", ".spec.labels", ".spec.name", ".spec.replicas", ".spec.labels.a"]},
    ),
]


@pytest.mark.parametrize(("what", "spec", "expected"), CASES, ids=[case[0] for case in CASES])
def test_an_update(what: str, spec: dict[str, Any], expected: Owners) -> None:
    entries = created(VERSION, FIRST, writer("first"))
    assert owners(updated(VERSION, FIRST, thing(spec), entries, writer("second", 2))) == expected


def test_updates_of_one_manager_become_one_entry_with_the_last_time() -> None:
    entries = created(VERSION, FIRST, writer("first"))
    second = thing({"replicas": 2, "name": "n"})
    (entry,) = updated(VERSION, FIRST, second, entries, writer("first", 2))
    assert entry["time"].endswith("02Z")
    assert told(entry["fieldsV1"]) == [".spec", ".spec.name", ".spec.replicas"]
    assert updated(VERSION, second, second, [entry], writer("first", 3)) == [entry]


def test_subresources_have_entries_of_their_own_and_reset_fields_stay() -> None:
    entries = created(VERSION, FIRST, writer("first"))
    status = Version("example.com/v1", ATOM, {"f:spec": {}})
    new = {**FIRST, "spec": {}, "status": {"phase": "x"}}
    after = updated(status, FIRST, new, entries, writer("first", 2, "status"))
    assert owners(after) == {**owners(entries), "first/status": [".status", ".status.phase"]}
    assert list(after[1])[-1] == "subresource"


def test_an_untracked_object_stays_untracked() -> None:
    assert updated(VERSION, FIRST, thing({"replicas": 5}), [], writer("second")) == []


def test_the_oldest_updaters_become_one() -> None:
    old, entries = thing({}), created(VERSION, thing({"labels": {}}), writer("creator"))
    for index in range(12):
        new = thing({"labels": {**old["spec"].get("labels", {}), f"k{index:02}": "v"}})
        entries = updated(VERSION, old, new, entries, writer(f"m{index:02}", index + 2))
        old = new
    assert [each["manager"] for each in entries] == ["ancient-changes", *(f"m{index:02}" for index in range(3, 12))]
    assert told(entries[0]["fieldsV1"])[-3:] == [".spec.labels.k00", ".spec.labels.k01", ".spec.labels.k02"]
    assert entries[0]["time"].endswith("04Z")


def test_another_version_is_compared_in_that_version() -> None:
    other = Version("example.com/v2", open_api.atom({"type": "object", "properties": {"count": {"type": "integer"}}}))
    both = Version(
        "example.com/v1",
        ATOM,
        find=lambda name: other if name == "example.com/v2" else None,
        convert=lambda obj, name: {"metadata": obj["metadata"], "count": obj["spec"].get("replicas")},
    )
    count = {"f:count": {}}
    entries = [
        managers.entry(writer("two").identity("Update"), "example.com/v2", None, count),
        managers.entry(writer("gone").identity("Update"), "example.com/v0", None, count),
    ]
    same = updated(both, FIRST, thing({**FIRST["spec"], "name": "other"}), entries, writer("me"))
    assert owners(same) == {"two": [".count"], "me": [".spec.name"]}
    moved = updated(both, FIRST, thing({**FIRST["spec"], "replicas": 5}), entries, writer("me"))
    assert owners(moved) == {"me": [".spec.replicas"]}


def test_parts_of_what_became_atomic_are_owned_as_a_whole() -> None:
    labels = {**SCHEMA["properties"]["spec"]["properties"]["labels"], "x-kubernetes-map-type": "atomic"}  # type: ignore[index]
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"labels": labels}}}}
    version = Version("example.com/v1", open_api.atom(schema), may_change=True)
    entries = created(VERSION, thing({"labels": {"a": "1"}}), writer("first"))
    obj = thing({"labels": {"a": "1"}})
    assert owners(updated(version, obj, obj, entries, writer("second"))) == {"first": [".spec", ".spec.labels"]}


def test_sets_are_written_in_upstreams_order() -> None:
    old = thing({"ports": [{"port": 443, "protocol": "TCP"}, {"port": 80, "protocol": "TCP"}], "name": "n"})
    (entry,) = created(VERSION, old, writer("first"))
    assert told(entry["fieldsV1"]) == told(sets.ordered(entry["fieldsV1"]))
    assert json.dumps(entry["fieldsV1"]) == json.dumps(sets.ordered(entry["fieldsV1"]))
    assert list(entry["fieldsV1"]["f:spec"]["f:ports"]) == [
        ".",
        'k:{"port":80,"protocol":"TCP"}',
        'k:{"port":443,"protocol":"TCP"}',
    ]
    new = thing({**old["spec"], "replicas": 1, "labels": {"b": "", "a": ""}, "args": []})
    changed = updated(VERSION, old, new, [entry], writer("second"))
    for each in changed:
        assert json.dumps(each["fieldsV1"]) == json.dumps(sets.ordered(each["fieldsV1"]))
    assert list(changed[1]["fieldsV1"]["f:spec"]) == ["f:args", "f:labels", "f:replicas"]


def test_of_entries_with_one_identity_the_last_counts() -> None:
    first, second = ({"f:spec": {f"f:{name}": {}}} for name in ("name", "replicas"))
    who = writer("m").identity("Update")
    entries = [managers.entry(who, "example.com/v1", None, fields) for fields in (first, second)]
    assert managers.decoded(entries) == [entries[1]]


def test_entries_are_fitted_to_the_schema_of_their_own_version() -> None:
    whole = {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-map-type": "atomic"}}}
    other = Version("example.com/v2", open_api.atom(whole), may_change=True)
    both = Version(
        "example.com/v1", ATOM, may_change=True, find=lambda name: other if name == "example.com/v2" else None
    )
    parts = {"f:spec": {".": {}, "f:name": {}}}
    entries = [
        managers.entry(writer(name).identity("Update"), f"example.com/{name}", None, parts)
        for name in ("v0", "v1", "v2")
    ]
    assert owners(updated(both, FIRST, FIRST, entries, writer("me"))) == {
        "v1": [".spec", ".spec.name"],
        "v2": [".spec"],
    }


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"replicas": "3"}, ".spec.replicas: expected numeric (int or float), got string"),
        ({"items": [{"name": "a"}, {"name": "a"}]}, ""),
        ({"items": [{"value": "a"}]}, ".spec.items: element 0: "),
    ],
)
def test_what_does_not_fit_the_schema_of_custom_resources_is_not_tracked(spec: dict[str, Any], fault: str) -> None:
    version = Version("example.com/v1", ATOM, may_change=True)
    entries = created(VERSION, FIRST, writer("first"))
    if not fault:
        assert updated(version, FIRST, thing(spec), entries, writer("me"))
        return
    with pytest.raises(Misconverted) as refused:
        updated(version, FIRST, thing(spec), entries, writer("me"))
    assert str(refused.value).startswith(fault)
