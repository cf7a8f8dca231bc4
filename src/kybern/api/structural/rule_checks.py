"""The rules of a definition as it is written: they compile, and cannot cost more than they may.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/{validation,cel_validation}.go.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kybern.api.cel.schemas import max_cardinality, type_from_schema
from kybern.api.resource import FieldError
from kybern.api.structural import schema as read
from kybern.api.structural.internal_schema import internal_rule
from kybern.api.structural.rule import Rule, rules_of
from kybern.api.structural.schema import Schema
from kybern.api.validation.field import forbidden, internal, invalid

if TYPE_CHECKING:
    from kybern.api.structural.definition import Strictness

RULE_LIMIT = 10_000_000
"""Units that one expression may cost at most, over all values of an object."""
SCHEMA_LIMIT = 100_000_000
"""Units that all expressions of a version may cost."""
_NAMED_LIMIT = 4
"""So many of the most expensive rules are named when the whole is too expensive."""
_MAX = 2**64 - 1


@dataclass(slots=True)
class Spending:
    """What the rules of one version can cost together, and where none are read."""

    faulty: Sequence[str] = ()
    total: int = 0
    expensive: list[tuple[int, str]] = field(default_factory=list)

    def leaves_out(self, path: str) -> bool:
        """Whether the schema there, or one within it, is at fault: then its rules might rest on what is wrong."""
        return any(each == path or each.startswith(f"{path}.") for each in self.faulty)

    def add(self, cost: int, path: str) -> None:
        self.total = min(self.total + cost, _MAX)
        if cost >= SCHEMA_LIMIT // 100:
            self.expensive = sorted([*self.expensive, (cost, path)], key=lambda each: -each[0])[:_NAMED_LIMIT]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a schema stands."""

    path: str
    cardinality: int | None = 1
    """How many values of it an object can hold; None: no limit says."""
    uncorrelated: str = ""
    """The path of the outermost list around it whose elements have no old counterparts."""
    is_root: bool = False


def check_rules(
    schema: Schema, path: str, strict: "Strictness", version: str, faulty: Sequence[str] = ()
) -> Iterator[FieldError]:
    """The faults of all rules of one version's schema. `faulty`: places of faults; rules around them are not read."""
    spending = Spending(faulty=faulty)
    counts_cost = version not in strict.unchanged
    yield from _walk(schema, Place(path, is_root=True), spending, counts_cost)
    if spending.total > SCHEMA_LIMIT:
        for _, place in spending.expensive:
            detail = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
            yield forbidden(place, detail)
        what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        yield forbidden(path, _too_expensive(what, spending.total, SCHEMA_LIMIT))


def _walk(schema: Schema, place: Place, spending: Spending, counts_cost: bool) -> Iterator[FieldError]:
    inner = replace(place, cardinality=_within(schema, place.cardinality), is_root=False)
    more, items = read.additional(schema), read.items(schema)
    if more is not None:
        yield from _walk(more, replace(inner, path=f"{place.path}.additionalProperties"), spending, counts_cost)
    for key, each in read.properties(schema).items():
        yield from _walk(each, replace(inner, path=f"{place.path}.properties[{key}]"), spending, counts_cost)
    if items is not None:
        outermost = place.uncorrelated
        if schema.get("x-kubernetes-list-type") != "map":
            outermost = outermost or place.path
        yield from _walk(
            items, replace(inner, path=f"{place.path}.items", uncorrelated=outermost), spending, counts_cost
        )
    if schema.get("x-kubernetes-validations") and not spending.leaves_out(place.path):
        yield from _own(schema, place, spending, counts_cost)


def _own(schema: Schema, place: Place, spending: Spending, counts_cost: bool) -> Iterator[FieldError]:
    base = f"{place.path}.x-kubernetes-validations"
    kind = type_from_schema(schema, root=place.is_root)
    if kind is None:
        text = (
            "internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert "
            "structural schema to CEL declarations"
        )
        yield internal(base, text)
        return
    times = place.cardinality if place.cardinality is not None else max_cardinality(kind)
    for index, rule in enumerate(rules_of(schema, kind)):
        yield from _rule(rule, f"{base}[{index}]", place, times, spending, counts_cost)


def _rule(
    rule: Rule, path: str, place: Place, times: int, spending: Spending, counts_cost: bool
) -> Iterator[FieldError]:
    cost = min(rule.cost * times, _MAX)
    if counts_cost and cost > RULE_LIMIT:
        yield forbidden(f"{path}.rule", _too_expensive("estimated rule cost", cost, RULE_LIMIT))
    spending.add(cost, f"{path}.rule")
    if rule.fault:
        yield invalid(f"{path}.rule", internal_rule(rule.given), rule.fault)
    if rule.message_fault:
        yield invalid(f"{path}.messageExpression", internal_rule(rule.given), rule.message_fault)
    elif rule.message_program is not None:
        if counts_cost and rule.message_cost > RULE_LIMIT:
            detail = _too_expensive("estimated messageExpression cost", rule.message_cost, RULE_LIMIT)
            yield forbidden(f"{path}.messageExpression", detail)
        spending.add(rule.message_cost, f"{path}.messageExpression")
    if rule.uses_old and place.uncorrelated:
        detail = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {place.uncorrelated}"
        yield invalid(f"{path}.rule", rule.given["rule"], detail)
    elif not rule.uses_old and rule.given.get("optionalOldSelf") is not None:
        detail = "may not be set if oldSelf is not used in rule"
        yield invalid(f"{path}.optionalOldSelf", rule.given["optionalOldSelf"], detail)


def _within(schema: Schema, cardinality: int | None) -> int | None:
    """How many values of a part an object can hold."""
    if cardinality is None:
        return None
    limit: int | None = 1
    if schema.get("type") == "array":
        limit = schema.get("maxItems")
    elif schema.get("type") == "object" and read.allows_additional(schema):
        limit = schema.get("maxProperties")
    return None if limit is None else min(cardinality * max(limit, 0), _MAX)


def _too_expensive(what: str, cost: int, limit: int) -> str:
    factor = cost / limit
    if factor > 100:
        shown = "more than 100x"
    else:
        shown = f"{factor:f}x" if factor < 1.5 else f"{factor:.1f}x"
    return (
        f"{what} exceeds budget by factor of {shown} (try simplifying the rule, or adding maxItems, maxProperties, and "
        "maxLength where arrays, maps, and strings are declared)"
    )
