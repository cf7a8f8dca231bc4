"""Costs: what evaluations take, what they can take by the sizes in the schema, and how limits end them."""

from typing import Any

import pytest

from kybern.api.cel import (
    DYN,
    Budget,
    BudgetExceeded,
    CostExceeded,
    Environment,
    EvaluationError,
    compile_expression,
    type_from_schema,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "number": {"type": "integer"},
        "text": {"type": "string", "maxLength": 100},
        "free": {"type": "string"},
        "kind": {"type": "string", "enum": ["One", "Three"]},
        "words": {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 5}},
        "open": {"type": "array", "items": {"type": "string"}},
        "map": {"type": "object", "maxProperties": 4, "additionalProperties": {"type": "integer"}},
    },
}
VALUE = {
    "number": 5,
    "text": "a" * 25,
    "free": "x",
    "kind": "One",
    "words": ["a", "bb"],
    "open": ["q"],
    "map": {"k": 1},
}
SELF = type_from_schema(SCHEMA)
assert SELF is not None
ENVIRONMENT = Environment({"self": SELF, "x": DYN})


def spent(text: str, value: Any = VALUE) -> int:
    budget = Budget(10_000_000)
    program = compile_expression(text, ENVIRONMENT)
    try:
        program.evaluate({"self": value, "x": value}, budget=budget)
    except EvaluationError:
        pass
    return budget.spent


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("true", 0),
        ("self.number", 2),
        ("self.number + 1", 3),
        ("self.number == 5", 3),
        ("has(self.number)", 1),
        ("!has(self.number)", 2),
        ("self.text == self.text", 7),  # Two paths of two, and a tenth of 25 characters rounded up.
        ("self.text + 'b'", 5),
        ("self.text.startsWith('a')", 5),
        ("self.text.contains('aaaaaaaaaaaa')", 8),
        ("self.text.matches('^a+$')", 5),
        ("self.text.find('a')", 5),
        ("self.words[0]", 3),
        ("self.words[self.number]", 4),
        ("self.map['k']", 3),
        ("'a' in self.words", 4),
        ("'k' in self.map", 3),
        ("'a' in ['a', 'b']", 0),
        ("self.number in [1, 2, 3]", 2),
        ("[1, 2, 3]", 0),
        ("[self.number]", 12),
        ("{'a': self.number}", 32),
        ("{'a': 1}", 0),
        ("duration('1m') > duration('1s')", 1),
        ("self.number == 5 ? self.number : 0", 4),  # A chosen path costs its steps only.
        ("self.words.all(w, w != '')", 2 + 2 * (2 + 1 + 1) + 1),
        ("self.words.exists(w, w == 'bb')", 2 + 2 * (3 + 1 + 2) + 1),
        ("self.words.map(w, w)", 2 + 2 * (12 + 1) + 1),
        ("self.words.map(w, 1)", 2 + 2 * 2 + 1),
        ("self.words.filter(w, w == 'a')", 2 + 2 * 2 + 13 + 1),
        ("self.words.exists_one(w, w == 'a')", 2 + 2 * 2 + 2 + 2),
        ("self.?text.hasValue()", 3),
        ("self.?text.orValue('')", 2),
        ("x.?nothing.hasValue()", 2),
        ("self.words.join(',')", 3),
        ("[3, 1, 2].sort()", 29),
        ("type(self.number) == int", 4),
        ("dyn(self.number) + 1", 4),
    ],
)
def test_evaluation(text: str, units: int) -> None:
    assert spent(text) == units


def test_what_is_not_evaluated_costs_nothing() -> None:
    assert spent("true || self.text.matches('a')") == 0
    assert spent("self.number == 1 && self.text.matches('a')") == 3
    assert spent("self.words.exists(w, w == 'a')") < spent("self.words.exists(w, w == 'bb')")


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("self.number == 1", 2),
        ("self.text == self.text", 4 + 40),  # Four bytes may be one character: 400 tenths.
        ("self.kind == self.text", 4 + 1),
        ("self.words.all(w, w.size() > 1)", 3 + 10 * 6),
        ("self.open.all(w, w.size() > 1)", 3 + 1_048_575 * 6),
        ("self.map.all(k, self.map[k] > 0)", 3 + 4 * 8),
        ("self.words.all(w, self.words.exists(v, v == w))", 3 + 10 * (3 + 3 + 10 * (3 + 1 + 2 + 2))),
        ("self.text.matches('^[a-z]*$')", 2 + 41 * 2),
        ("self.words.map(w, w + 'x').size()", 2 + 10 + 10 * (11 + 1 + 1 + 3) + 1 + 1),
        ("self.number > 0 ? self.text.contains('a') : true", 3 + 2 + 40),
        ("self.free.startsWith('x')", 3),
        ("size(self.free + self.free)", 1 + 4 + 629_146),
        ("self.words.join(',').size()", 3 + 21),
    ],
)
def test_estimate(text: str, most: int) -> None:
    assert compile_expression(text, ENVIRONMENT).estimated_cost()[1] == most


def test_estimates_end_at_the_largest_number() -> None:
    nested = "self.open.all(a, self.open.all(b, self.open.all(c, self.open.all(d, a == b))))"
    low, high = compile_expression(nested, ENVIRONMENT).estimated_cost()
    assert (low, high) == (3, 2**64 - 1)


def test_no_evaluation_costs_more_than_its_estimate() -> None:
    for text in (
        "self.words.all(w, w.size() > 0)",
        "self.text + self.text == ''",
        "self.words.map(w, w + w).join('-')",
    ):
        assert spent(text) <= compile_expression(text, ENVIRONMENT).estimated_cost()[1]


def test_one_evaluation_ends_at_its_limit() -> None:
    program = compile_expression("lists.range(1000).all(a, lists.range(1000).all(b, a + b >= 0))", ENVIRONMENT)
    budget = Budget(10_000_000)
    with pytest.raises(CostExceeded) as caught:
        program.evaluate({}, budget=budget)
    assert not isinstance(caught.value, BudgetExceeded)
    assert str(caught.value) == "operation cancelled: actual cost limit exceeded"
    assert 1_000_000 <= budget.spent < 1_100_000


def test_the_limit_is_no_failure_that_anything_absorbs() -> None:
    program = compile_expression("lists.range(1000).all(a, lists.range(1000).all(b, true)) || true", ENVIRONMENT)
    with pytest.raises(CostExceeded):
        program.evaluate({}, limit=10_000)


def test_programs_share_a_budget() -> None:
    program = compile_expression("self.number == 5", ENVIRONMENT)
    budget = Budget(7)
    program.evaluate({"self": VALUE}, budget=budget)
    program.evaluate({"self": VALUE}, budget=budget)
    assert budget.remaining == 1
    with pytest.raises(BudgetExceeded, match="running out of cost budget"):
        program.evaluate({"self": VALUE}, budget=budget)
    assert budget.remaining == 0


def test_failing_evaluations_are_paid_too() -> None:
    budget = Budget(100)
    with pytest.raises(EvaluationError):
        compile_expression("x.nothing == 1", ENVIRONMENT).evaluate({"x": {}}, budget=budget)
    assert budget.spent == 3
