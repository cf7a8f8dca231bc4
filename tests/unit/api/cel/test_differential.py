"""The same expressions in Google's C++ implementation: the same values, and failures at the same places."""

from typing import Any

import pytest
from hypothesis import given, settings

from kybern.api.cel import DYN, CompileError, Environment, EvaluationError, ProgramError, compile_expression
from tests.effort import examples
from tests.unit.api.cel.expressions import DATA, any_expression

oracle = pytest.importorskip("cel_expr_python.cel")

OURS = Environment({"x": DYN})
THEIRS = oracle.NewEnv(variables={"x": oracle.Type.DYN})
FAILED = object()


def ours(text: str) -> Any:
    try:
        return compile_expression(text, OURS).evaluate({"x": DATA})
    except (EvaluationError, ProgramError):
        return FAILED


def theirs(text: str) -> Any:
    result = THEIRS.compile(text).eval(data={"x": DATA})
    return FAILED if result.type() == oracle.Type.ERROR else result.plain_value()


@settings(max_examples=examples(200))
@given(any_expression())
def test_sound_expressions(text: str) -> None:
    assert ours(text) == theirs(text)


@pytest.mark.parametrize(
    "text",
    [
        "7 / -2 + 7 % -2 + -7 / 2 + -7 % 2",
        "-9223372036854775808 / -1",
        "1.0 / 0.0 > 1e308 && -1.0 / 0.0 < 0.0",
        "dyn(1) == 1.0 && dyn(1u) == 1 && dyn(1.0) == 1u",
        "dyn(9007199254740993) > 9007199254740992.0 || dyn(1) < 1.5",
        "int(-1.9) + int(1.9) + int('-5')",
        "uint(3.7) == 3u",
        "double('1e3') == 1000.0",
        "[1, 2] + [] == [1, 2] && {'a': [1]} == {'a': [1]}",
        "dyn([1, 2]) == dyn([1, 3]) || dyn({'a': 1}) == dyn({'b': 1})",
        "{'a': 1, 'b': 2}.exists(k, k == 'b') && {1: 2}.all(k, k < 2)",
        "'abc' < 'abd' && b'ab' < b'b' && !(true < true)",
        "timestamp('2024-02-29T12:00:00Z') + duration('24h') == timestamp('2024-03-01T12:00:00Z')",
        "timestamp('2024-02-29T12:00:00.5Z').getMilliseconds() + timestamp('2024-02-29T12:00:00Z').getDayOfYear()",
        "timestamp('2024-01-01T00:00:00Z').getHours('America/New_York')",
        "duration('1h30m').getMinutes() + duration('-90s').getSeconds()",
        "'x' in {'x': 1} && !(1 in [2.0, 3.0].map(i, int(i)))",
        "bytes('é') == b'\\xc3\\xa9' && string(b'\\xc3\\xa9') == 'é'",
        "'aXb'.matches('^a.b$') && matches('abc', 'b')",
        "type(1) == int && type([]) == list && type(type(1)) == type",
        "x.w.map(s, size(s))",
        "x.l.map(i, i > 1, i * i).exists_one(i, i == 9)",
    ],
)
def test_chosen_expressions(text: str) -> None:
    assert ours(text) == theirs(text)


def test_what_one_refuses_to_compile_the_other_does_too() -> None:
    for text in ("1 + 'a'", "nothing", "[1].all(1, true)", "1 +", "'a'.nothing()", "true && 1"):
        with pytest.raises(CompileError):
            compile_expression(text, OURS)
        with pytest.raises(Exception, match=r"INVALID_ARGUMENT"):
            THEIRS.compile(text)
