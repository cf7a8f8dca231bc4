"""Rules in CEL: at the definition's creation, and asked of objects."""

from typing import Any

import pytest

from kybern.api.structural.correlation import Correlation
from kybern.api.structural.definition import STRICT
from kybern.api.structural.rule_checks import check_rules
from kybern.api.structural.rule_values import Rules


def schema(*rules: dict[str, Any], **properties: Any) -> dict[str, Any]:
    spec = {"type": "object", "properties": properties, "x-kubernetes-validations": list(rules)}
    return {"type": "object", "properties": {"spec": spec}}


def asked(given: dict[str, Any], new: Any, old: Any = None, *, ratchets: bool = False) -> list[str]:
    correlation = Correlation(new, old, given) if ratchets else None
    return [f"{each.path}: {each.message}" for each in Rules(given).validate(new, old, correlation)]


SIZE = {"type": "integer"}
SMALL = {"rule": "self.size <= 5", "message": "too large"}


def test_a_broken_rule_is_told_without_the_value_of_objects() -> None:
    given = schema(SMALL, size=SIZE)
    assert asked(given, {"spec": {"size": 5}}) == []
    assert asked(given, {"spec": {"size": 6}}) == ["spec: Invalid value: too large"]
    silent = schema({"rule": "self.size <= 5"}, size=SIZE)
    assert asked(silent, {"spec": {"size": 6}}) == ["spec: Invalid value: failed rule: self.size <= 5"]
    scalar = schema(size={**SIZE, "x-kubernetes-validations": [{"rule": "self != 7"}]})
    assert asked(scalar, {"spec": {"size": 7}}) == ["spec.size: Invalid value: 7: failed rule: self != 7"]


def test_message_expression_field_path_and_reason() -> None:
    rule = {
        **SMALL,
        "messageExpression": "'is ' + string(self.size)",
        "fieldPath": ".size",
        "reason": "FieldValueForbidden",
    }
    assert asked(schema(rule, size=SIZE), {"spec": {"size": 6}}) == ["spec.size: Forbidden: is 6"]


def test_transition_rules_need_an_old_value() -> None:
    given = schema({"rule": "self.size >= oldSelf.size"}, size=SIZE)
    assert asked(given, {"spec": {"size": 1}}) == []
    assert len(asked(given, {"spec": {"size": 1}}, {"spec": {"size": 2}})) == 1
    optional = {"rule": "!oldSelf.hasValue() || self.size >= oldSelf.value().size", "optionalOldSelf": True}
    assert asked(schema(optional, size=SIZE), {"spec": {"size": 1}}) == []
    assert len(asked(schema(optional, size=SIZE), {"spec": {"size": 1}}, {"spec": {"size": 2}})) == 1


def test_what_was_broken_before_may_stay_so() -> None:
    given = schema(SMALL, size=SIZE)
    old = {"spec": {"size": 9}}
    assert asked(given, {"spec": {"size": 9}, "more": 1}, old, ratchets=True) == []
    assert len(asked(given, {"spec": {"size": 8}}, old, ratchets=True)) == 1


def test_what_is_tolerated_is_told() -> None:
    given, told = schema(SMALL, size=SIZE), []
    old = {"spec": {"size": 9}}
    assert list(Rules(given).validate(old, old, Correlation(old, old, given), tolerated=told)) == []
    assert len(told) == 1
    assert told[0].startswith("spec: Invalid value: ")


def test_the_order_of_a_map_like_list_is_no_change() -> None:
    item = {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}}
    keyed = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
    one, two = {"k": "1", "v": 1}, {"k": "2", "v": 2}
    assert Correlation([two, one], [one, two], keyed).unchanged
    assert not Correlation([two, {"k": "1", "v": 3}], [one, two], keyed).unchanged
    assert not Correlation([two, {"k": "3", "v": 1}], [one, two], keyed).unchanged
    plain = {key: value for key, value in keyed.items() if not key.startswith("x-")}
    assert not Correlation([two, one], [one, two], plain).unchanged
    assert not Correlation({"k": "1", "odd": 1}, {"k": "1", "odd": 1}, item).unchanged


def test_elements_of_maps_meet_their_old_selves() -> None:
    item = {
        "type": "object",
        "properties": {"n": {"type": "string"}, "v": SIZE},
        "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v"}],
    }
    given = schema(
        l={"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"], "items": item}
    )
    old = {"spec": {"l": [{"n": "a", "v": 3}, {"n": "b", "v": 1}]}}
    new = {"spec": {"l": [{"n": "b", "v": 2}, {"n": "a", "v": 2}]}}
    assert [each.partition(":")[0] for each in asked(given, new, old)] == ["spec.l[1]"]


TEXTS = {"type": "array", "items": {"type": "string"}}
CHECKS = [
    (schema({"rule": "self.size > 'a'"}, size=SIZE), "rule", "compilation failed: ERROR: "),
    (schema({"rule": "self.size"}, size=SIZE), "rule", "cel expression must evaluate to a bool"),
    (schema({"rule": "true", "messageExpression": "1"}, size=SIZE), "messageExpression", "must evaluate to a string"),
    (schema({"rule": "true", "optionalOldSelf": True}, size=SIZE), "optionalOldSelf", "may not be set if oldSelf"),
    (schema({"rule": "self.l.all(a, self.l.all(b, a == b))"}, l=TEXTS), "rule", "estimated rule cost exceeds budget"),
]


@pytest.mark.parametrize(("given", "place", "words"), CHECKS)
def test_rules_of_definitions(given: dict[str, Any], place: str, words: str) -> None:
    found = [each for each in check_rules(given, "s", STRICT, "v1") if each.path.startswith("s.properties[spec]")]
    assert [each.path for each in found][:1] == [f"s.properties[spec].x-kubernetes-validations[0].{place}"]
    assert words in found[0].message


def test_costs_of_unchanged_schemas_are_forgiven() -> None:
    from dataclasses import replace

    given = CHECKS[-1][0]
    lenient = replace(STRICT, unchanged=frozenset(("v1",)))
    paths = [each.path for each in check_rules(given, "s", lenient, "v1") if each.message.startswith("Forbidden: est")]
    assert paths == []
