"""Whatever the expression: it ends, soon, in a value or in one of the errors named, and is never more than data to Python."""

import ast
import re
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kybern.api.cel import (
    DYN,
    INT,
    STRING,
    CompileError,
    CostExceeded,
    Environment,
    EvaluationError,
    ProgramError,
    check_type_names,
    compile_expression,
    object_type,
    to_json,
    type_from_schema,
)
from kybern.api.cel.generator import Generator
from kybern.api.cel.program import Program
from kybern.api.cel.runtime import GLOBALS
from tests.effort import examples
from tests.unit.api.cel.expressions import DATA, HOSTILE, TEXTS, any_expression

ENVIRONMENT = Environment({"x": DYN, "self": object_type("T", {"name": STRING, "count": INT})})
BINDINGS = {"x": DATA, "self": {"name": "n", "count": 1}}
MADE_HERE = re.compile(r"[tkf]\d+|[BLScEx]|run|" + "|".join(map(re.escape, GLOBALS)))
METHODS = {"get", "items", "append", "args", "held"}
SECONDS = 60.0
"""Of this process's own CPU. The slowest of what is bounded takes two, what is not takes hours."""

hostile = settings(
    max_examples=examples(120), suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def run(text: str) -> Program | None:
    """Compiles and evaluates; only the errors that callers know may come out of either."""
    started = time.process_time()
    try:
        program = compile_expression(text, ENVIRONMENT)
    except (CompileError, ProgramError):
        return None
    finally:
        assert time.process_time() - started < SECONDS
    with suppress(EvaluationError, CostExceeded):
        program.evaluate(BINDINGS)
    low, high = program.estimated_cost()
    assert 0 <= low <= high < 2**64
    assert time.process_time() - started < SECONDS
    return program


def check_source(program: Program) -> None:
    """The generated code has no names but its own, and no attribute but those of dicts, lists and optional values."""
    source, names = Generator(ENVIRONMENT.scope).program(program._root)
    assert names["__builtins__"] == {}
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, (ast.Import, ast.ImportFrom, ast.Global, ast.Lambda, ast.JoinedStr, ast.Await))
        if isinstance(node, ast.Name):
            assert MADE_HERE.fullmatch(node.id), node.id
        if isinstance(node, ast.Attribute):
            assert node.attr in METHODS, node.attr


@hostile
@given(any_expression())
def test_sound_expressions(text: str) -> None:
    program = run(text)
    assert program is not None
    check_source(program)


@hostile
@given(HOSTILE)
@example("x.__class__.__mro__")
@example("'\\'; import os; \\''")
@example("{'__builtins__': 1}.__builtins__")
@example("x['\\n) or t1']")
def test_pieces_of_expressions(text: str) -> None:
    program = run(text)
    if program is not None:
        check_source(program)


@hostile
@given(TEXTS)
def test_any_text(text: str) -> None:
    run(text)


@hostile
@given(st.text(max_size=20))
def test_strings_are_only_strings(text: str) -> None:
    quoted = "".join(f"\\U{ord(c):08x}" for c in text if not 0xD800 <= ord(c) <= 0xDFFF)
    program = compile_expression(f"'{quoted}'", ENVIRONMENT)
    assert program.evaluate({}) == "".join(c for c in text if not 0xD800 <= ord(c) <= 0xDFFF)
    check_source(compile_expression(f"x['{quoted}'] == '{quoted}' || has(x.a)", ENVIRONMENT))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "!" * 50_000 + "true",
        "-" * 50_000 + "1",
        "x" + ".a" * 30_000,
        "x" + "[0]" * 30_000,
        " && ".join(["x.a == 1"] * 3000),
        "x.a == 2 ? 1 : " * 3000 + "1",
        "size(" * 2000 + "'a'" + ")" * 2000,
        "optional.of(1)" + ".optMap(v, v + 1)" * 200,
        "[x.a]" + ".sortBy(e, e)" * 200,
        "[1].map(a, " * 200 + "a" + ")" * 200,
        "lists.range(1000).map(a, lists.range(1000).map(b, [a, b]))",
        "lists.range(1000000000000)",
        "lists.range(20000).distinct()",
        "sets.contains(lists.range(9000), lists.range(9000))",
        "'a'.replace('', '" + "b" * 40_000 + "').replace('', '" + "c" * 40_000 + "')",
        "'" + "a" * 50_000 + "'.matches('(a*)*(a*)*b')",
        "'x'.matches('" + "(" * 900 + "a{1000}" + "){1000}" * 900 + "')",
        "'%.999999999f'.format([1.0])",
        "duration('" + "9" * 9000 + "h') > duration('1h')",
        "int('" + "9" * 9000 + "') > 1",
        "'" + "%s" * 10_000 + "'.format([])",
        "timestamp('0001-01-01T00:00:00Z').getHours('-23:59') + timestamp('2020-01-01T00:00:00Z').getHours('../x')",
        "dyn(x) == " + "[" * 200 + "]" * 200,
    ],
)
def test_what_is_made_to_take_long_does_not(text: str) -> None:
    run(text)


def test_deep_data_is_no_crash() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    program = compile_expression("x == [x] || x.size() == 2", ENVIRONMENT)
    with pytest.raises(EvaluationError):
        program.evaluate({"x": deep})


def test_deep_schemas_and_results() -> None:
    schema: dict[str, object] = {"type": "string"}
    value: object = "x"
    for _ in range(900):
        schema = {"type": "object", "properties": {"a": schema}}
        value = {"a": value}
    kind = type_from_schema(schema)
    assert kind is not None
    program = compile_expression("Object{spec: dyn(self)}", Environment({"self": kind}, mutation=True))
    built = program.evaluate({"self": value})
    assert check_type_names(built) == []
    assert to_json(built)["spec"]["a"]["a"]
