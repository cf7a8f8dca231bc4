"""The rules of a schema asked of an object: each value by the rules of its own schema, within one budget for all.

Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kybern.api.cel import BUDGET_LIMIT, Budget, BudgetExceeded, CostExceeded, EvaluationError
from kybern.api.cel.schemas import type_from_schema
from kybern.api.resource import FieldError
from kybern.api.structural import schema as read
from kybern.api.structural.correlation import Correlation
from kybern.api.structural.faults import NOWHERE
from kybern.api.structural.rule import Rule, rules_of
from kybern.api.structural.schema import Schema
from kybern.api.validation.field import duplicate, forbidden, invalid, quote, required

MESSAGE_LIMIT_BYTES = 5 * 1024
"""A longer text of a messageExpression is not shown."""
_OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"


class Stopped(Exception):
    """No further rules are run."""


@dataclass(frozen=True, slots=True)
class Ratchet:
    """Whether what is wrong was wrong before: the value's own correlation, else that of the nearest part around it."""

    own: Correlation | None = None
    around: Correlation | None = None
    told: list[str] = field(default_factory=list)
    """What is tolerated, as warnings; one list for a whole object."""

    @property
    def tolerates(self) -> bool:
        known = self.own or self.around
        return known is not None and known.unchanged

    def key(self, name: str) -> "Ratchet":
        if self.own is None:
            return self
        if self.around is None and name in ("apiVersion", "kind"):
            return Ratchet(told=self.told)
        return Ratchet(self.own.key(name), self.own, self.told)

    def index(self, at: int) -> "Ratchet":
        return self if self.own is None else Ratchet(self.own.index(at), self.own, self.told)


class Rules:
    """Of one schema and all within it; compiled when they are first asked."""

    def __init__(self, schema: Schema, *, is_root: bool = True) -> None:
        self._schema = schema
        self._is_root = is_root
        self.is_empty = not _has_rules(schema)

    def validate(
        self,
        new: Any,
        old: Any,
        correlation: Correlation | None = None,
        path: str = "",
        tolerated: list[str] | None = None,
    ) -> Iterator[FieldError]:
        """The faults of a value; rules of a transition are asked only where there is an old one.

        `tolerated` takes the texts of what is wrong but was so before.
        """
        if self.is_empty:
            return
        budget, told = Budget(BUDGET_LIMIT), [] if tolerated is None else tolerated
        try:
            yield from self._root.validate(new, old, path, Ratchet(correlation, None, told), budget)
        except Stopped:
            return

    @cached_property
    def _root(self) -> "_Node":
        return _Node(self._schema, is_root=self._is_root)


class _Node:
    """A schema with its own rules, and those of its parts that have any."""

    def __init__(self, schema: Schema, *, is_root: bool = False) -> None:
        self.schema = schema
        self.type = schema.get("type") or ""
        kind = type_from_schema(schema, root=is_root) if schema.get("x-kubernetes-validations") else None
        self.rules = [] if kind is None else rules_of(schema, kind)
        more, items = read.additional(schema), read.items(schema)
        self.more = _Node(more) if more is not None and _has_rules(more) else None
        self.items = _Node(items) if items is not None and _has_rules(items) else None
        self.parts = {key: _Node(each) for key, each in read.properties(schema).items() if _has_rules(each)}

    def validate(self, new: Any, old: Any, path: str, ratchet: Ratchet, budget: Budget) -> Iterator[FieldError]:
        """Raises Stopped where the budget is spent."""
        if new is None:
            return
        for rule in self.rules:
            yield from self._ask(rule, new, old, path, ratchet, budget)
        if new.__class__ is list and self.items is not None:
            yield from self._list(new, old, path, ratchet, budget)
        elif new.__class__ is dict:
            before: Mapping[str, Any] = old if old.__class__ is dict else {}
            for key, value in new.items():
                part = self.parts.get(key)
                if part is not None:
                    place = f"{path}.{key}" if path else key
                    yield from part.validate(value, before.get(key), place, ratchet.key(key), budget)
                elif self.more is not None:
                    yield from self.more.validate(value, before.get(key), f"{path}[{key}]", ratchet.key(key), budget)

    def _list(self, new: list[Any], old: Any, path: str, ratchet: Ratchet, budget: Budget) -> Iterator[FieldError]:
        assert self.items is not None
        pairs = Correlation(new, old, self.schema)
        for index, value in enumerate(new):
            pair = pairs.index(index)
            before = None if pair is None else pair.old
            yield from self.items.validate(value, before, f"{path}[{index}]", ratchet.index(index), budget)

    def _ask(self, rule: Rule, new: Any, old: Any, path: str, ratchet: Ratchet, budget: Budget) -> Iterator[FieldError]:
        place = path or NOWHERE
        if rule.fault:
            yield invalid(place, self.type, f"rule compile error: {rule.fault}")
            return
        if rule.program is None or (rule.uses_old and old is None and not rule.takes_optional):
            return
        bindings = {"self": new, "oldSelf": old}
        try:
            holds = rule.program.evaluate(bindings, budget=budget)
        except BudgetExceeded:
            yield invalid(place, self.type, _OUT_OF_BUDGET)
            raise Stopped from None
        except CostExceeded as error:
            detail = f"'{error}': no further validation rules will be run due to call cost exceeds limit for rule: "
            yield invalid(place, self.type, detail + rule.name)
            raise Stopped from None
        except EvaluationError as error:
            yield invalid(place, self.type, _evaluation_fault(str(error), rule.name))
            return
        if holds is True:
            return
        failures = self._failure(rule, new, path, bindings, budget)
        if rule.uses_old or not ratchet.tolerates:
            yield from failures
        else:
            ratchet.told.extend(f"{each.path}: {each.message}" for each in failures)

    def _failure(
        self, rule: Rule, new: Any, path: str, bindings: Mapping[str, Any], budget: Budget
    ) -> Iterator[FieldError]:
        place = ".".join(part for part in (path, rule.field_path) if part) or NOWHERE
        detail = rule.failure
        if rule.message_program is not None:
            try:
                detail = _message(rule.message_program.evaluate(bindings, budget=budget)) or detail
            except BudgetExceeded:
                words = (
                    "messageExpression evaluation failed due to running out of cost budget, no further validation rules "
                    "will be run"
                )
                yield invalid(place, self.type, words)
                raise Stopped from None
            except CostExceeded:
                words = "no further validation rules will be run due to call cost exceeds limit for messageExpression: "
                yield invalid(place, self.type, words + quote(rule.given["messageExpression"]))
                raise Stopped from None
            except EvaluationError:
                pass  # A message that cannot be made is replaced by the rule's own words.
        yield self._error(rule.reason, place, new, detail)

    def _error(self, reason: str, place: str, value: Any, detail: str) -> FieldError:
        is_large = self.type in ("object", "array")
        match reason:
            case "FieldValueForbidden":
                return forbidden(place, detail)
            case "FieldValueRequired":
                return required(place, detail)
            case "FieldValueDuplicate":
                return FieldError(reason, place, "Duplicate value") if is_large else duplicate(place, value)
        if is_large:
            return FieldError("FieldValueInvalid", place, f"Invalid value: {detail}")
        return invalid(place, value, detail)


def _evaluation_fault(error: str, name: str) -> str:
    if error.startswith("no such overload"):
        words = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{error}': {words}: {name}"
    return f"{error} evaluating rule: {name}"


def _message(made: Any) -> str:
    """The text to show; "" where it cannot be shown."""
    text = made.strip() if isinstance(made, str) else ""
    return "" if len(text.encode()) > MESSAGE_LIMIT_BYTES or "\n" in text else text


def _has_rules(schema: Schema) -> bool:
    more, items = read.additional(schema), read.items(schema)
    return bool(
        schema.get("x-kubernetes-validations")
        or (more is not None and _has_rules(more))
        or (items is not None and _has_rules(items))
        or any(map(_has_rules, read.properties(schema).values()))
    )
