"""Selectors: strings, structs and fields, each with upstream's error texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kybern.api import registry, selectors
from kybern.api.selectors import SelectorError
from kybern.base.errors import BadRequest

LABELS = {"a": "b", "x": "y", "n": "5"}

MATCHES = [
    ("", True),
    ("a=b", True),
    ("a==b,x=y", True),
    ("a = b , x != z", True),
    ("a=c", False),
    ("a!=c,z!=q", True),
    ("a in (b, c)", True),
    ("a notin (b,c)", False),
    ("z notin (b)", True),
    ("a", True),
    ("!a", False),
    ("!z", True),
    ("n>4,n<6", True),
    ("n>5", False),
    ("a>1", False),
    ("in=1", False),
    ("a in ()", False),
    ("z=", False),
    ("a,x in (y),!d,n!=6", True),
]


@pytest.mark.parametrize(("text", "expected"), MATCHES)
def test_strings(text, expected):
    assert selectors.parse_labels(text).matches(LABELS) is expected


ERRORS = [
    ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    ("a=b,", "found '', expected: identifier after ','"),
    ("=b", "found '=', expected: !, identifier, or 'end of string'"),
    ("a=b c", "found 'c', expected: ',' or 'end of string'"),
    ("a in b", "unable to parse requirement: found 'b' expected: '('"),
    ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
    ("a=(b)", "unable to parse requirement: found '(', expected: identifier"),
    (
        "a>x",
        "unable to parse requirement: values[0]: Invalid value: \"x\": "
        "for 'Gt', 'Lt' operators, the value must be an integer",
    ),
    (
        "a=-b",
        'unable to parse requirement: values[0][a]: Invalid value: "-b": a valid label must be an empty string or consist of '
        "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', "
        " or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ),
    (
        "/b",
        'unable to parse requirement: <nil>: Invalid value: "/b": prefix part must be non-empty',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_errors_of_strings(text, message):
    with pytest.raises(SelectorError) as caught:
        selectors.parse_labels(text)
    assert str(caught.value) == message


STRUCTS = [
    (None, False),
    ({}, True),
    ({"matchLabels": {"a": "b"}}, True),
    ({"matchLabels": {"a": "b", "x": "y"}}, True),
    ({"matchLabels": {"a": "b", "x": "z"}}, False),
    ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}, True),
    ({"matchExpressions": [{"key": "z", "operator": "NotIn", "values": ["b"]}]}, True),
    ({"matchExpressions": [{"key": "z", "operator": "Exists"}]}, False),
    ({"matchExpressions": [{"key": "z", "operator": "DoesNotExist"}]}, True),
]


@pytest.mark.parametrize(("struct", "expected"), STRUCTS)
def test_structs(struct, expected):
    assert selectors.labels_from_struct(struct).matches(LABELS) is expected


@pytest.mark.parametrize(
    ("struct", "text"),
    [
        (None, "<none>"),
        ({"matchLabels": {"b": "1", "a": "2"}}, "a=2,b=1"),
        ({"matchExpressions": [{"key": "k", "operator": "In", "values": ["z", "a"]}]}, "k in (a,z)"),
        ({"matchExpressions": [{"key": "k", "operator": "DoesNotExist"}]}, "!k"),
        ({"matchExpressions": [{"key": "k", "operator": "In"}]}, "<error>"),
    ],
)
def test_shown(struct, text):
    assert selectors.format_struct(struct) == text


FIELDS = {"metadata.name": "n", "status.phase": "Running", "odd": "a,b=c\\"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("metadata.name=n", True),
        ("metadata.name==n,status.phase!=Failed", True),
        ("status.phase!=Running", False),
        ("absent=", True),
        ("odd=a\\,b\\=c\\\\", True),
    ],
)
def test_fields(text, expected):
    assert selectors.parse_fields(text).matches(lambda field: FIELDS.get(field, "")) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=b\\x", "invalid field selector: invalid escape sequence: \\x"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
    ],
)
def test_errors_of_fields(text, message):
    with pytest.raises(SelectorError) as caught:
        selectors.parse_fields(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("group", "plural", "message"),
    [
        ("", "pods", "field label not supported: nope"),
        ("", "configmaps", '"nope" is not a known field selector: only "metadata.name", "metadata.namespace"'),
        ("batch", "jobs", 'field label "nope" not supported for Job'),
    ],
)
def test_unknown_fields(group, plural, message):
    with pytest.raises(BadRequest) as caught:
        selectors.check_fields(selectors.parse_fields("nope=1"), registry.find(group, "v1", plural))
    assert caught.value.message == message


words = st.text("abz", min_size=1, max_size=2)


@given(st.dictionaries(words, words), st.dictionaries(words, words))
def test_maps_match_what_contains_them(wanted, labels):
    expected = all(labels.get(key) == value for key, value in wanted.items())
    assert selectors.labels_from_map(wanted).matches(labels) is expected
    assert selectors.parse_labels(",".join(f"{k}={v}" for k, v in wanted.items())).matches(labels) is expected
