"""Values: arithmetic, comparison, errors that `&&` and `||` absorb, optional values, comprehensions."""

import math

import pytest

from kybern.api.cel import (
    DYN,
    NONE,
    Duration,
    Environment,
    EvaluationError,
    Optional,
    Timestamp,
    Uint,
    compile_expression,
)
from kybern.api.cel.operators import equal

ENVIRONMENT = Environment({"x": DYN})
X = {"a": 1, "f": 1.5, "s": "text", "l": [1, 2, 3], "m": {"k": None}, "b": True, "n": None, "big": 2**63 - 1}


def evaluate(text: str) -> object:
    return compile_expression(text, ENVIRONMENT).evaluate({"x": X})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7 / -2", -3),
        ("-7 % 3", -1),
        ("7u / 2u", Uint(3)),
        ("1.0 / 0.0", math.inf),
        ("x.a + 1", 2),
        ("x.f * 2.0", 3.0),
        ("'a' + x.s", "atext"),
        ("[1] + x.l", [1, 1, 2, 3]),
        ("b'a' + b'b'", b"ab"),
        ("1 < 1.5 && 2u > 1 && 1.0 <= 1u", True),
        ("dyn(1) == 1.0 && dyn(1u) == 1", True),
        ("dyn(1) == true", False),
        ("dyn('1') == 1", False),
        ("double('NaN') == double('NaN')", False),
        ("x.n == null && x.m.k == null", True),
        ("9007199254740993 == 9007199254740993 && dyn(9007199254740993) == 9007199254740992.0", True),
        ("[1, 2] == x.l", False),
        ("x.l == [1, 2, 3]", True),
        ("{'k': null} == x.m", True),
        ("true < false", False),
        ("'a' < 'b' && 'Z' < 'a' && b'a' < b'b'", True),
        ("int(3.9) + int('7') + int(2u)", 12),
        ("int(timestamp('1970-01-01T00:01:00Z'))", 60),
        ("uint(5.2)", Uint(5)),
        ("string(1.0) + string(1.5e300) + string(true) + string(b'z')", "11.5e+300truez"),
        ("string(1234567.0) + string(0.0001) + string(0.00001)", "1.234567e+060.00011e-05"),
        ("double('-inf') < 0.0", True),
        ("bool('T') || bool('false')", True),
        ("type(x.a) == int && type(x.l) == list && type(null) == null_type && type(int) == type", True),
        ("type(duration('1s')) == google.protobuf.Duration", True),
        ("{true: 'a', false: 'b'}[false]", "b"),
        ("{1: 'one'}[dyn(1.0)]", "one"),
        ("1 in {1: 2} && 2 in x.l && !('q' in x.m) && 'k' in x.m", True),
        ("dyn(true) in [1]", False),
        ("size(x.l) + size(x.s) + size(x.m) + size(b'ab')", 10),
        ("has(x.a) && !has(x.q) && has(x.m.k) && !has(x.a.b) && !has(x.s.t)", True),
        ("x.l[0] + x['a']", 2),
        ("'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo')", True),
        ("matches('abc', '^a.c$') && 'xabcx'.matches('b')", True),
    ],
)
def test_values(text: str, value: object) -> None:
    result = evaluate(text)
    assert type(result) is type(value)
    assert equal(result, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9223372036854775807 + 1", "integer overflow"),
        ("x.big * 2", "integer overflow"),
        ("-(-9223372036854775807 - 1)", "integer overflow"),
        ("0u - 1u", "unsigned integer overflow"),
        ("1 / (x.a - 1)", "division by zero"),
        ("1 % 0", "modulus by zero"),
        ("int(x.f * 1e19)", "integer overflow"),
        ("x.q", "no such key: q"),
        ("x.m.k.z", "no such key: z"),
        ("x.s.t", "no such key: t"),
        ("dyn(b'abc').b", "no such key: b"),
        ("x.l[3]", "index out of bounds: 3"),
        ("x.l[-1]", "index out of bounds: -1"),
        ("x.l['a']", "unsupported index type 'string' in list"),
        ("{1: 2}[3]", "no such key: 3"),
        ("x.a + 'b'", "no such overload"),
        ("x.a && true", "no such overload"),
        ("x.s ? 1 : 2", "no such overload"),
        ("x.a.size()", "no such overload: size"),
        ("x.a.charAt(1)", "no such overload: charAt(int, int)"),
        ("x.b < 1", "no such overload"),
        ("double('NaN') < 1.0", "NaN values cannot be ordered"),
        ("string(b'\\xff' + b'')", "invalid UTF-8 in bytes, cannot convert to string"),
        ("int(x.s)", "type conversion error from 'string' to 'int'"),
        ("x.s.matches(x.s + '(')", "error parsing regexp: missing closing ): `text(`"),
        ("optional.none().value()", "optional.none() dereference"),
        ("[1, 1].transformMapEntry(i, v, {v: i})", "insert failed: key 1 already exists"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "timestamp overflow"),
        ("duration('2562047h') + duration('2562047h')", "duration overflow"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x.q || true", True),
        ("true || x.q", True),
        ("x.q && false", False),
        ("false && x.q", False),
        ("x.a > 'b' || x.a == 1", True),
        ("(x.q || x.r) && false", False),
        ("[0, 1].exists(i, 1 / i == 1)", True),
        ("[0, 1].all(i, 1 / i == 2)", False),
        ("[1, 0, 2].all(i, i != 1 && 1 / i > 0)", False),
    ],
)
def test_a_side_that_decides_absorbs_the_failure_of_the_other(text: str, value: bool) -> None:
    assert evaluate(text) is value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x.q || x.r", "no such key: q"),
        ("x.q && true", "no such key: q"),
        ("false || x.r", "no such key: r"),
        ("[0, 1].all(i, 1 / i == 1)", "division by zero"),
        ("[0].exists(i, 1 / i == 1)", "division by zero"),
        ("[1, 0].exists_one(i, 1 / i == 1)", "division by zero"),
    ],
)
def test_the_first_failure_counts_where_nothing_decides(text: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x.l.exists_one(i, i > 2) && !x.l.existsOne(i, i > 1)", True),
        ("x.l.map(i, i > 1, i * i)", [4, 9]),
        ("x.l.filter(i, i % 2 == 1)", [1, 3]),
        ("x.m.map(k, k)", ["k"]),
        ("x.l.all(i, v, v == i + 1)", True),
        ("{'a': 1}.exists(k, v, k == 'a' && v == 1)", True),
        ("x.l.existsOne(i, v, i + v == 3)", True),
        ("x.l.transformList(i, v, v > 1, i * v)", [2, 6]),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 10)", {"b": 20}),
        ("['a', 'b'].transformMapEntry(i, v, {v: i})", {"a": 0, "b": 1}),
        ("x.l.map(i, x.l.map(j, i * j)).map(r, r[2])", [3, 6, 9]),
        ("[1, 2].map(x, x + 1)", [2, 3]),
        ("x.?a.optMap(v, v + 1).orValue(0)", 2),
        ("x.?q.optMap(v, v + 1).orValue(0)", 0),
        ("x.?m.?k.hasValue()", True),
        ("x.?m.?q.hasValue() || x.l[?9].hasValue()", False),
        ("x.?q.or(x.?a).value()", 1),
        ("x.?m.optFlatMap(m, m.?k).hasValue()", True),
        ("[?x.?a, ?x.?q, dyn(5)]", [1, 5]),
        ("{?'a': x.?a, ?'q': x.?q}", {"a": 1}),
        ("optional.ofNonZeroValue('').hasValue() || optional.ofNonZeroValue([]).hasValue()", False),
        ("optional.of(1) == optional.of(1) && optional.none() != optional.of(1)", True),
        (
            "optional.unwrap([optional.of(1), optional.none()]) == [1] && [1].first().value() == [0, 1].last().value()",
            True,
        ),
    ],
)
def test_comprehensions_and_optionals(text: str, value: object) -> None:
    assert evaluate(text) == value


def test_optional_results_keep_their_form() -> None:
    held = evaluate("x.?a")
    assert isinstance(held, Optional)
    assert held.value() == 1
    assert evaluate("x.?q") is NONE


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("timestamp('2024-02-29T12:30:45.678Z').getDayOfYear()", 59),
        ("timestamp('2024-02-29T12:30:45.678Z').getMilliseconds()", 678),
        ("timestamp('2024-03-03T23:00:00Z').getDayOfWeek('Asia/Tokyo')", 1),
        ("timestamp('2024-01-01T00:30:00Z').getHours('-01:30')", 23),
        ("timestamp('2024-01-31T00:00:00Z').getMonth() + timestamp('2024-01-31T00:00:00Z').getDate()", 31),
        ("duration('-90m').getHours()", -1),
        ("duration('1h1m1.5s').getSeconds()", 3661),
        (
            "string(duration('-1.5s')) + string(duration('1ns')) + string(duration('2562047h47m16.854775807s'))",
            "-1.5s0.000000001s9223372036.854776s",
        ),
        ("string(timestamp('2024-01-01T00:00:00.120+02:00'))", "2024-01-01T00:00:00.12+02:00"),
        ("string(duration('1500ms') + duration('2us'))", "1.5000019999999998s"),
        ("timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')", True),
        ("timestamp('2024-01-01T00:00:00Z') < timestamp('2024-01-01T00:00:00.001Z')", True),
    ],
)
def test_times(text: str, value: object) -> None:
    assert evaluate(text) == value


def test_times_are_exact_to_the_nanosecond() -> None:
    assert evaluate("timestamp('1969-12-31T23:59:59.999999999Z')") == Timestamp(-1)
    assert evaluate("duration('1ns') + duration('0.000000002s')") == Duration(3)
