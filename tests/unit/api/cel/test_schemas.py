"""Schemas: which fields expressions see, how JSON becomes values, and how lists of types set and map behave."""

from typing import Any

import pytest

from kybern.api.cel import (
    DYN,
    NONE,
    CompileError,
    Environment,
    EvaluationError,
    Optional,
    compile_expression,
    max_cardinality,
    optional_of,
    type_from_definition,
    type_from_schema,
)
from kybern.api.cel.escaping import escape, unescape

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


ENTRY = an_object(key=TEXT, value=TEXT)
SCHEMA = an_object(
    when={"type": "string", "format": "date-time"},
    day={"type": "string", "format": "date"},
    span={"type": "string", "format": "duration"},
    data={"type": "string", "format": "byte"},
    share={"type": "number"},
    shares={"type": "array", "items": {"type": "number"}},
    port={"x-kubernetes-int-or-string": True},
    maybe={"type": "string", "nullable": True},
    tags={"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
    other={"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
    entries={
        "type": "array",
        "items": ENTRY,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["key"],
    },
    more={
        "type": "array",
        "items": ENTRY,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["key"],
    },
    labels={"type": "object", "additionalProperties": TEXT},
    limits={"type": "object", "additionalProperties": {"type": "number"}},
    pod={"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
    anything={"x-kubernetes-preserve-unknown-fields": True},
    **{"foo.bar": NUMBER, "a-b/c": NUMBER, "x__y": NUMBER, "namespace": TEXT, "1st": TEXT},
)
VALUE = {
    "when": "2024-05-01T10:00:00+02:00",
    "day": "2024-05-01",
    "span": "1h",
    "data": "aGk=",
    "share": 1,
    "shares": [1, 2.5],
    "port": 80,
    "maybe": None,
    "tags": ["a", "b"],
    "other": ["b", "a"],
    "entries": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
    "more": [{"key": "b", "value": "2"}, {"key": "a", "value": "1"}],
    "labels": {"app": "web"},
    "limits": {"cpu": 2},
    "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {}}},
    "anything": [1],
    "foo.bar": 1,
    "a-b/c": 2,
    "x__y": 3,
    "namespace": "default",
    "1st": "?",
}
SELF = type_from_schema(SCHEMA)
assert SELF is not None
ENVIRONMENT = Environment({"self": SELF, "oldSelf": SELF})


def evaluate(text: str) -> object:
    return compile_expression(text, ENVIRONMENT).evaluate({"self": VALUE, "oldSelf": VALUE})


@pytest.mark.parametrize(
    "text",
    [
        "self.when == timestamp('2024-05-01T08:00:00Z') && self.when.getHours() == 8",
        "self.day < self.when && self.span == duration('60m') && self.data == b'hi'",
        "self.share == 1.0 && type(self.share) == double && self.shares.sum() == 3.5 && self.shares[0] == 1.0",
        "self.shares.all(s, type(s) == double) && self.limits.cpu == 2.0 && self.limits['cpu'] + 0.5 == 2.5",
        "self.port == 80 && type(self.port) == int && self.port + 1 > 80",
        "!has(self.maybe) && !self.?maybe.hasValue()",
        "self.foo__dot__bar + self.a__dash__b__slash__c + self.x__underscores__y == 6",
        "self.namespace == 'default' && self.__namespace__ == 'default'",
        "self.tags == self.other && dyn(self.entries) == dyn(self.more) && self == oldSelf",
        "self.tags + ['b', 'c'] == ['a', 'b', 'c'] && (self.tags + ['c']).size() == 3",
        "(dyn(self.entries) + dyn([{'key': 'a', 'value': '9'}])).size() == 2",
        "(dyn(self.entries) + dyn(self.more)).map(e, e.key) == ['a', 'b']",
        "self.labels.app == 'web' && 'app' in self.labels && self.labels.all(k, v, k == 'app' && v == 'web')",
        "self.pod.kind == 'Pod' && self.pod.metadata.name == 'p' && self.entries.exists(e, e.value == '2')",
        "dyn(self).when == self.when && dyn(self).foo__dot__bar == 1 && dyn(self.shares)[1] == 2.5",
        "has(self.labels.app) && !has(self.labels.none) && self.?labels[?'app'].orValue('') == 'web'",
        "type(self.labels) == map && type(self.tags) == list",
    ],
)
def test_true(text: str) -> None:
    assert evaluate(text) is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("self.anything == 1", "undefined field 'anything'"),
        ("self.pod.spec == 1", "undefined field 'spec'"),
        ("self.pod.metadata.labels == {}", "undefined field 'labels'"),
        ("self.foo == 1", "undefined field 'foo'"),
        ("self.kind == ''", "undefined field 'kind'"),
    ],
)
def test_not_seen(text: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_expression(text, ENVIRONMENT)
    assert caught.value.issues[0].message == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("self.maybe == ''", "no such key: maybe"),
        ("self.labels.none == ''", "no such key: none"),
        ("self.entries[5].key == ''", "index out of bounds: 5"),
        ("self.port.startsWith('8')", "no such overload"),
    ],
)
def test_failures(text: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(text)
    assert str(caught.value) == message


def test_the_root_has_what_every_resource_has() -> None:
    kind = type_from_schema(an_object(spec=an_object()), root=True)
    assert kind is not None
    program = compile_expression("self.metadata.name == 'x' && self.kind == 'W'", Environment({"self": kind}))
    assert program.evaluate({"self": {"metadata": {"name": "x"}, "kind": "W"}}) is True


def test_what_has_no_type_is_hidden() -> None:
    assert type_from_schema({"x-kubernetes-preserve-unknown-fields": True}) is None
    assert type_from_schema({"type": "array", "items": {}}) is None


def test_an_optional_variable_takes_json_or_none() -> None:
    assert SELF is not None
    program = compile_expression("oldSelf.optMap(o, o.share).orValue(0.0)", Environment({"oldSelf": optional_of(SELF)}))
    values = [program.evaluate({"oldSelf": value}) for value in (VALUE, None, NONE, Optional(VALUE))]
    assert values == [1.0, 0.0, 0.0, 1.0]


def test_nothing_of_the_object_is_changed() -> None:
    before = repr(VALUE)
    evaluate("(self.tags + ['z']).size() + (self.entries + oldSelf.entries).size() + self.shares.map(s, s).size() > 0")
    assert repr(VALUE) == before


def test_sizes_of_values_bound_their_number() -> None:
    kind = type_from_schema({**an_object(name=TEXT), "required": ["name"]})
    assert kind is not None
    assert kind.min_size == 2 + len("name") + 2 + 4
    assert max_cardinality(kind) == 3 * 1024 * 1024 // 13


def test_builtin_kinds() -> None:
    kind = type_from_definition("apps/v1", "Deployment")
    assert kind is not None
    environment = Environment({"object": kind})
    value = {"spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}}}
    text = "object.spec.replicas > 2 && object.spec.template.spec.containers.all(c, c.image.size() == 1)"
    assert compile_expression(text, environment).evaluate({"object": value}) is True
    with pytest.raises(CompileError, match="undefined field 'replica'"):
        compile_expression("object.spec.replica > 2", environment)
    assert type_from_definition("apps/v1", "Nothing") is None


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("plain_1", "plain_1"),
        ("a.b-c/d", "a__dot__b__dash__c__slash__d"),
        ("a__b", "a__underscores__b"),
        ("in", "__in__"),
        ("", None),
        ("9a", None),
        ("a b", None),
        ("é", None),
    ],
)
def test_escaping(name: str, escaped: str | None) -> None:
    assert escape(name) == escaped
    if escaped is not None:
        assert unescape(escaped) == name


def test_a_dynamic_variable_that_is_null_has_no_fields() -> None:
    program = compile_expression("has(x.a) || x == null", Environment({"x": DYN}))
    assert program.evaluate({"x": None}) is True
