"""Server-side apply, told as stories: who applies what, and what comes of it."""

from typing import Any

import pytest

from kybern.api.fields import conflicts
from kybern.api.fields.apply import Applied, Conflicts, apply
from kybern.api.fields.managers import Entry, Writer
from kybern.api.fields.update import created, updated
from tests.unit.api.fields.shapes import VERSION, thing, told

Spec = dict[str, Any]


class Story:
    """One object through its writes."""

    def __init__(self) -> None:
        self.obj: dict[str, Any] = {}
        self.entries: list[Entry] = []
        self.time = 0

    def _writer(self, manager: str) -> Writer:
        self.time += 1
        return Writer(manager, "example.com/v1", f"2026-01-01T00:00:{self.time:02}Z")

    def apply(self, manager: str, spec: Spec, *, force: bool = False) -> Applied:
        applied = apply(VERSION, self.obj, thing(spec), self.entries, self._writer(manager), force=force)
        self.obj, self.entries = applied
        return applied

    def update(self, manager: str, spec: Spec) -> None:
        new = thing(spec)
        if self.obj:
            self.entries = updated(VERSION, self.obj, new, self.entries, self._writer(manager))
        else:
            self.entries = created(VERSION, new, self._writer(manager))
        self.obj = new

    @property
    def spec(self) -> Any:
        return self.obj.get("spec")

    @property
    def owners(self) -> dict[str, str]:
        """By manager, without the `.spec` before each field."""
        return {
            each["manager"]: " ".join(path.removeprefix(".spec") for path in told(each["fieldsV1"]))
            for each in self.entries
        }


def test_the_first_apply_creates() -> None:
    story = Story()
    story.apply("a", {"replicas": 1, "labels": {"k": "v"}})
    assert story.spec == {"replicas": 1, "labels": {"k": "v"}}
    assert story.owners == {"a": ".replicas .labels.k"}
    assert story.entries[0]["operation"] == "Apply"


def test_the_same_apply_changes_nothing_not_even_the_time() -> None:
    story = Story()
    story.apply("a", {"replicas": 1})
    obj, entries = story.obj, story.entries
    applied = story.apply("a", {"replicas": 1})
    assert applied.obj is obj
    assert applied.entries == entries


def test_fields_no_longer_applied_go() -> None:
    story = Story()
    story.apply("a", {"replicas": 1, "labels": {"k": "v", "l": "v"}, "items": [{"name": "x"}, {"name": "y"}]})
    story.apply("a", {"replicas": 1, "labels": {"l": "v"}, "items": [{"name": "y"}]})
    assert story.spec == {"replicas": 1, "labels": {"l": "v"}, "items": [{"name": "y"}]}


def test_fields_that_others_own_stay() -> None:
    story = Story()
    story.apply("a", {"replicas": 1, "labels": {"k": "v"}, "items": [{"name": "x", "value": "1"}]})
    story.apply("b", {"labels": {"k": "v"}, "items": [{"name": "x"}]})
    story.apply("a", {"replicas": 1})
    assert story.spec == {"replicas": 1, "labels": {"k": "v"}, "items": [{"name": "x"}]}
    assert story.owners == {"a": ".replicas", "b": '.items[name="x"] .items[name="x"].name .labels.k'}


def test_what_updaters_added_inside_an_element_goes_with_it() -> None:
    story = Story()
    story.apply("a", {"items": [{"name": "x"}], "replicas": 1})
    story.update("u", {"items": [{"name": "x", "value": "1"}], "replicas": 1})
    story.apply("a", {"replicas": 1})
    assert story.spec == {"replicas": 1, "items": None}


def test_unowned_fields_stay_unless_they_stand_in_what_goes() -> None:
    story = Story()
    story.apply("a", {"replicas": 1, "nested": {"a": "1"}})
    story.obj = thing({"replicas": 1, "nested": {"a": "1", "b": "default"}, "name": "default"})
    story.apply("a", {"replicas": 1})
    assert story.spec == {"replicas": 1, "name": "default"}


def test_the_last_field_gone_leaves_null() -> None:
    story = Story()
    story.apply("a", {"replicas": 1, "nested": {"a": "1"}})
    story.apply("a", {"replicas": 1})
    assert story.spec == {"replicas": 1}


CONFLICTS: list[tuple[Spec, str, list[str]]] = [
    (
        {"replicas": 2},
        'Apply failed with 1 conflict: conflict with "u" using example.com/v1: .spec.replicas',
        [".spec.replicas"],
    ),
    (
        {"replicas": 2, "items": [{"name": "x", "value": "2"}]},
        'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.items[name="x"].value\n'
        'conflicts with "u" using example.com/v1:\n- .spec.replicas',
        ['.spec.items[name="x"].value', ".spec.replicas"],
    ),
]


@pytest.mark.parametrize(("spec", "message", "fields"), CONFLICTS)
def test_conflicts(spec: Spec, message: str, fields: list[str]) -> None:
    story = Story()
    story.update("u", {"replicas": 1})
    story.apply("a", {"items": [{"name": "x", "value": "1"}]})
    before = story.obj, story.entries
    with pytest.raises(Conflicts) as refusal:
        story.apply("b", spec)
    assert conflicts.message(refusal.value.conflicts) == message
    assert [cause["field"] for cause in conflicts.causes(refusal.value.conflicts)] == fields
    assert (story.obj, story.entries) == before


def test_of_one_managers_conflicts_those_of_a_subresource_come_first() -> None:
    story = Story()
    story.update("u", {"replicas": 1, "name": "n"})
    own, tree = story.entries[0], {"f:spec": {"f:replicas": {}}}
    story.entries = [{**own, "fieldsV1": {"f:spec": {"f:name": {}}}}, {**own, "fieldsV1": tree, "subresource": "scale"}]
    with pytest.raises(Conflicts) as refusal:
        story.apply("b", {"replicas": 2, "name": "o"})
    assert [each.path[-1] for each in refusal.value.conflicts] == ["f:replicas", "f:name"]


def test_force_takes_over() -> None:
    story = Story()
    story.apply("a", {"replicas": 1, "name": "n"})
    story.apply("b", {"replicas": 2}, force=True)
    assert story.spec == {"replicas": 2, "name": "n"}
    assert story.owners == {"a": ".name", "b": ".replicas"}


def test_equal_values_are_shared_without_conflict() -> None:
    story = Story()
    story.apply("a", {"replicas": 1})
    obj = story.obj
    assert story.apply("b", {"replicas": 1}).obj is obj
    assert story.owners == {"a": ".replicas", "b": ".replicas"}
    story.apply("a", {})
    assert story.spec == {"replicas": 1}
    story.apply("b", {})
    assert not story.spec


def test_an_update_takes_from_appliers_without_asking() -> None:
    story = Story()
    story.apply("a", {"replicas": 1, "name": "n"})
    story.update("u", {"replicas": 2, "name": "n"})
    assert story.owners == {"a": ".name", "u": ".replicas"}
    story.apply("a", {"name": "n"})
    assert story.spec == {"replicas": 2, "name": "n"}


def test_atomic_parts_have_one_owner() -> None:
    story = Story()
    story.apply("a", {"selector": {"k": "v"}})
    with pytest.raises(Conflicts):
        story.apply("b", {"selector": {"l": "v"}})
    story.apply("b", {"selector": {"l": "v"}}, force=True)
    assert story.spec == {"selector": {"l": "v"}}
    assert story.owners == {"b": ".selector"}


def test_defaulted_keys_name_the_same_element() -> None:
    story = Story()
    story.update("u", {"ports": [{"port": 80, "protocol": "TCP"}]})
    story.apply("a", {"ports": [{"port": 80, "name": "web"}]})
    assert story.spec == {"ports": [{"port": 80, "protocol": "TCP", "name": "web"}]}
    element = '.ports[port=80,protocol="TCP"]'
    assert story.owners["a"] == f"{element} {element}.name {element}.port"


def test_what_was_there_before_anyone_was_tracked_has_an_owner() -> None:
    story = Story()
    story.obj = {**thing({"replicas": 1}), "metadata": {"name": "t", "uid": "u"}}
    with pytest.raises(Conflicts) as refusal:
        story.apply("a", {"replicas": 2})
    assert 'conflict with "before-first-apply" using example.com/v1' in conflicts.message(refusal.value.conflicts)
