"""Values against schemas: upstream's words, and the compiled check agrees with the exact one."""

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kybern.api.schema.values import Unfit
from kybern.api.structural import form, values
from kybern.api.structural.compiler import compile_schema
from kybern.api.structural.correlation import Correlation
from kybern.api.structural.embedded import validate as validate_embedded
from kybern.api.structural.lists import validate_lists
from tests.effort import examples


def faults(value: Any, **schema: Any) -> list[str]:
    found = values.validate({"x": value}, {"type": "object", "properties": {"x": schema}})
    return [f"{error.path}: {error.message}" for error in found]


def bad(value: str, words: str, at: str = "x") -> str:
    return f"{at}: Invalid value: {value}: {at} in body {words}"


def nowhere(words: str) -> str:
    return f'<nil>: Invalid value: "": {words}'


INTEGERS = {"type": "integer"}
MINIMUM = "should be greater than or equal to 1"
CASES: list[tuple[Any, dict[str, Any], list[str]]] = [
    (1, INTEGERS, []),
    (1.0, INTEGERS, []),
    (1e16, INTEGERS, [bad('"number"', 'must be of type integer: "number"')]),
    (1, {"type": "number"}, []),
    ("a", INTEGERS, [bad('"string"', 'must be of type integer: "string"')]),
    (True, INTEGERS, [bad('"boolean"', 'must be of type integer: "boolean"')]),
    (None, {"type": "string"}, [bad('"null"', 'must be of type string: "null"')]),
    (None, {"type": "string", "nullable": True}, []),
    (1, {"x-kubernetes-int-or-string": True}, []),
    ([], {"x-kubernetes-int-or-string": True}, [bad('"array"', 'must be of type integer,string: "array"')]),
    ("abc", {"type": "string", "maxLength": 2}, ["x: Too long: may not be more than 2 bytes"]),
    ("", {"type": "string", "minLength": 1}, [bad('""', "should be at least 1 chars long")]),
    ("A", {"type": "string", "pattern": "^[a-z]+$"}, [bad('"A"', "should match '^[a-z]+$'")]),
    ("a\n", {"type": "string", "pattern": "^[a-z]+$"}, [bad('"a\\n"', "should match '^[a-z]+$'")]),
    ("c", {"type": "string", "enum": ["a", "b"]}, ['x: Unsupported value: "c": supported values: "a", "b"']),
    (3, {"type": "integer", "enum": [1, 2]}, ['x: Unsupported value: 3: supported values: "1", "2"']),
    (0, {"type": "integer", "minimum": 1}, [bad("0", MINIMUM)]),
    (1, {"type": "integer", "minimum": 1, "exclusiveMinimum": True}, [bad("1", "should be greater than 1")]),
    (9, {"type": "integer", "maximum": 8.0}, [bad("9", "should be less than or equal to 8")]),
    (2.5, {"type": "number", "maximum": 1.5}, [bad("2.5", "should be less than or equal to 1.5")]),
    (7, {"type": "integer", "multipleOf": 5}, [bad("7", "should be a multiple of 5")]),
    (
        2**31,
        {"type": "integer", "format": "int32"},
        [nowhere("Checked value must be of type integer with format int32 in x")],
    ),
    ("no", {"type": "string", "format": "date-time"}, [bad('"no"', 'must be of type date-time: "no"')]),
    (5, {"type": "string", "format": "date-time"}, [bad('"int64"', 'must be of type date-time: "int64"')]),
    ("odd", {"type": "string", "format": "unheard-of"}, []),
    ([1, "a"], {"type": "array", "items": INTEGERS}, [bad('"string"', 'must be of type integer: "string"', "x[1]")]),
    ([1, 2, 3], {"type": "array", "maxItems": 2, "items": INTEGERS}, ["x: Too many: 3: must have at most 2 items"]),
    ([], {"type": "array", "minItems": 1, "items": INTEGERS}, [bad("0", "should have at least 1 items")]),
    ({}, {"type": "object", "required": ["a"]}, ["x.a: Required value"]),
    (
        {"a": 1, "b": 2},
        {"type": "object", "maxProperties": 1, "additionalProperties": INTEGERS},
        ["x: Too many: 2: must have at most 1 item"],
    ),
    (
        {"a": "b"},
        {"type": "object", "additionalProperties": INTEGERS},
        [bad('"string"', 'must be of type integer: "string"', "x.a")],
    ),
    (
        5,
        {"type": "integer", "oneOf": [{"minimum": 1}, {"minimum": 2}]},
        [nowhere('"x" must validate one and only one schema (oneOf). Found 2 valid alternatives')],
    ),
    (
        0,
        {"type": "integer", "anyOf": [{"minimum": 1}, {"minimum": 2}]},
        [nowhere('"x" must validate at least one schema (anyOf)'), bad("0", MINIMUM)],
    ),
    (
        0,
        {"type": "integer", "allOf": [{"minimum": 1}, {"maximum": 2}]},
        [bad("0", MINIMUM), nowhere('"x" must validate all the schemas (allOf)')],
    ),
    (0, {"type": "integer", "not": {"maximum": 1}}, [nowhere('"x" must not validate the schema (not)')]),
]


@pytest.mark.parametrize(("value", "schema", "expected"), CASES)
def test_faults_in_upstreams_words(value: Any, schema: dict[str, Any], expected: list[str]) -> None:
    assert faults(value, **schema) == expected
    _, check = compile_schema({"type": "object", "properties": {"x": schema}})
    assert check({"x": value}) <= (not expected)


FORMATS = [
    ("date", "2024-02-29", "2023-02-29"),
    ("date-time", "2024-01-01T10:00:00Z", "2024-01-01"),
    ("duration", "1h30m", "soon"),
    ("email", "a@b.example", "nobody"),
    ("ipv4", "10.0.0.1", "10.0.0.256"),
    ("ipv6", "::1", "1::2::3"),
    ("cidr", "10.0.0.0/8", "10.0.0.0"),
    ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
    ("byte", "aGVsbG8=", "a"),
    ("hostname", "a.example.com", "-a"),
    ("uri", "https://example.com/x", "no uri"),
    ("mac", "00:11:22:33:44:55", "00:11"),
    ("hexcolor", "#ff00aa", "#ff00a"),
    ("isbn10", "0321751043", "0321751044"),
    ("k8s-short-name", "abc", "ABC"),
]


@pytest.mark.parametrize(("name", "good", "bad"), FORMATS)
def test_formats(name: str, good: str, bad: str) -> None:
    assert faults(good, type="string", format=name) == []
    assert len(faults(bad, type="string", format=name)) == 1


def test_unchanged_faults_are_tolerated() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string", "maxLength": 1},
            "b": {"type": "string", "maxLength": 1},
            "l": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["n"],
                "items": {
                    "type": "object",
                    "properties": {"n": {"type": "string"}, "v": {"type": "integer", "maximum": 1}},
                },
            },
        },
    }
    old = {"a": "long", "l": [{"n": "x", "v": 5}]}
    new = {"a": "long", "b": "long", "l": [{"n": "y", "v": 5}, {"n": "x", "v": 5}]}
    found = values.validate(new, schema, "", Correlation(new, old, schema))
    assert sorted(error.path for error in found) == ["b", "l[0].v"]


def test_lists_hold_nothing_twice() -> None:
    schema = {
        "type": "object",
        "properties": {
            "s": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "m": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["n"],
                "items": {"type": "object", "properties": {"n": {"type": "string"}}},
            },
        },
    }
    value = {"s": ["a", "b", "a", "a"], "m": [{"n": "x"}, {"n": "x"}]}
    assert [(each.path, each.message) for each in validate_lists(value, schema)] == [
        ("s[2]", 'Duplicate value: "a"'),
        ("m[1]", 'Duplicate value: {"n":"x"}'),
    ]
    assert not compile_schema(schema)[1](value)
    assert compile_schema(schema)[1]({"s": ["a", "b"], "m": [{"n": "x"}, {"n": "y"}]})


def test_embedded_resources_have_types_and_valid_metadata() -> None:
    schema = {"type": "object", "properties": {"e": {"type": "object", "x-kubernetes-embedded-resource": True}}}
    found = validate_embedded({"e": {"kind": "K", "metadata": {"name": "A/B"}}}, schema)
    assert [each.path for each in found] == ["e.apiVersion", "e.metadata.name"]


def test_form_prunes_defaults_and_drops_nulls() -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "default": {},
                "properties": {
                    "size": {"type": "integer", "default": 3},
                    "gone": {"type": "string"},
                    "kept": {"type": "string", "nullable": True},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "list": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "string"}}}},
                },
            }
        },
    }
    obj: dict[str, Any] = {
        "kind": "K",
        "spec": {"gone": None, "kept": None, "free": {"a": {"b": 1}}, "list": [{"n": "x", "odd": 1}], "more": 1},
    }
    assert form.prune(obj, schema) == ["spec.list[0].odd", "spec.more"]
    form.drop_nulls(obj, schema)
    form.default(obj, schema)
    assert obj["spec"] == {"kept": None, "free": {"a": {"b": 1}}, "list": [{"n": "x"}], "size": 3}
    bare: dict[str, Any] = {}
    compile_schema(schema)[0](bare)
    assert bare == {"spec": {"size": 3}}


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    small = st.integers(0, 3)
    scalar = st.one_of(
        st.fixed_dictionaries({"type": st.just("integer")}, optional={"minimum": small, "default": small}),
        st.fixed_dictionaries(
            {"type": st.just("string")},
            optional={"maxLength": small, "enum": st.just(["a", "b"]), "nullable": st.booleans()},
        ),
        st.fixed_dictionaries({"type": st.just("number")}, optional={"multipleOf": st.sampled_from([2, 0.5])}),
        st.just({"x-kubernetes-int-or-string": True}),
        st.just({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    )
    return st.recursive(scalar, containers, max_leaves=6)


def containers(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner}, optional={"maxItems": st.just(2), "nullable": st.booleans()}
        ),
        st.fixed_dictionaries({"type": st.just("object"), "additionalProperties": inner}),
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3)},
            optional={"required": st.just(["a"]), "oneOf": st.just([{"required": ["b"]}, {"required": ["c"]}])},
        ),
    )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 4) | st.sampled_from([0.5, 1.0]) | st.sampled_from(["", "a", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


def test_only_exact_floats_become_integers() -> None:
    assert form.whole_numbers({"small": [2.0, 2.5], "large": -1e19}) == {"small": [2, 2.5], "large": -1e19}
    assert form.whole_numbers(-1e19).__class__ is float


@settings(max_examples=examples(300))
@given(schemas(), JSON_VALUES)
def test_the_compiled_functions_agree_with_the_exact_walks(inner: dict[str, Any], value: Any) -> None:
    schema = {"type": "object", "properties": {"spec": inner}}
    quick_form, quick_check = compile_schema(schema)
    exact = {"kind": "K", "spec": form.copy(value)}
    form.whole_numbers(exact)
    unknown = form.prune(exact, schema)
    form.drop_nulls(exact, schema)
    form.default(exact, schema)
    quick = {"kind": "K", "spec": form.copy(value)}
    with contextlib.suppress(Unfit):
        quick_form(quick)
        assert not unknown
        assert orjson.dumps(quick, option=orjson.OPT_SORT_KEYS) == orjson.dumps(exact, option=orjson.OPT_SORT_KEYS)
    if quick_check(exact):
        assert values.validate(exact, schema) == []
        assert list(validate_lists(exact, schema)) == []


def test_what_must_not_be_is_judged_whole_however_little_has_changed() -> None:
    text = {"type": "string"}
    forbidden = {"properties": {"a": {"enum": ["never"]}}}
    schema = {"type": "object", "properties": {"a": text, "b": text}, "not": forbidden}
    new, old = {"a": "x", "b": 1}, {"a": "x", "b": "y"}
    found = values.validate(new, schema, "", Correlation(new, old, schema))
    assert [each.path for each in found] == ["b"]
