"""A whole policy, compiled: its variables, its conditions, and what it validates or changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kybern.api.cel import (
    DYN,
    MATCH_CONDITIONS_LIMIT,
    MISSING,
    NULL,
    STRING,
    Budget,
    CelType,
    EvaluationError,
    list_of,
    object_type,
)
from kybern.api.policies.expression import BOOL_RESULT, Expression, Failed, compile_for
from kybern.api.policies.names import Names
from kybern.api.resource import Object

_PATCH, _CONFIGURATION = object_type("JSONPatch"), object_type("Object")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of a MutatingAdmissionPolicy."""

    json_patch: bool
    expression: Expression


@dataclass(frozen=True, slots=True)
class PolicyPrograms:
    """Paths are those of the policy's `spec`."""

    conditions: Sequence[Expression] = ()
    variables: Mapping[str, Expression] = field(default_factory=dict)
    variable_faults: Sequence[tuple[str, Expression]] = ()
    """All variables by their path, those of the same name too."""
    validations: Sequence[tuple[Expression, Expression | None]] = ()
    """(expression, messageExpression)."""
    annotations: Sequence[Expression] = ()
    mutations: Sequence[Mutation] = ()

    def faults(self) -> dict[str, str]:
        """Path below `spec` -> why the expression there does not compile."""
        named: list[tuple[str, Expression]] = []
        named += [(f"matchConditions[{i}].expression", each) for i, each in enumerate(self.conditions)]
        named += self.variable_faults
        for i, (expression, message) in enumerate(self.validations):
            named.append((f"validations[{i}].expression", expression))
            if message is not None:
                named.append((f"validations[{i}].messageExpression", message))
        named += [(f"auditAnnotations[{i}].valueExpression", each) for i, each in enumerate(self.annotations)]
        for i, mutation in enumerate(self.mutations):
            key = "jsonPatch" if mutation.json_patch else "applyConfiguration"
            named.append((f"mutations[{i}].{key}.expression", mutation.expression))
        return {path: each.fault for path, each in named if each.program is None}


class Activation:
    """The values of one evaluation. Variables are computed when first read, and once."""

    def __init__(self, programs: PolicyPrograms, bindings: Mapping[str, Any], budget: Budget) -> None:
        self.budget = budget
        self._programs = programs
        self._values: dict[str, Any] = {}
        self.bindings = {**bindings, "variables": self}

    def find(self, name: str) -> Any:
        """A variable's value. Raises EvaluationError."""
        if name in self._values:
            return self._values[name]
        expression = self._programs.variables.get(name)
        if expression is None:
            return MISSING
        if expression.program is None:
            raise EvaluationError(f'composited variable "{name}" fails to compile: {expression.fault}')
        try:
            value = expression.program.evaluate(self.bindings, budget=self.budget)
        except EvaluationError as error:
            raise EvaluationError(f'composited variable "{name}" fails to evaluate: {error}') from None
        self._values[name] = value
        return value

    def evaluate(self, expression: Expression) -> Any:
        """Raises Failed, OutOfBudget."""
        return expression.evaluate(self.bindings, self.budget)

    def matches(self, fails_open: bool) -> bool:
        """Whether the conditions hold; one that is false outweighs those that fail. Raises Failed."""
        return conditions_hold(self._programs.conditions, self.bindings, fails_open)


def conditions_hold(conditions: Sequence[Expression], bindings: Mapping[str, Any], fails_open: bool) -> bool:
    """Raises Failed where a condition fails, none is false and failures must not be ignored."""
    budget = Budget(MATCH_CONDITIONS_LIMIT)
    failures: list[str] = []
    for condition in conditions:
        try:
            if condition.evaluate(bindings, budget) is False:
                return False
        except Failed as failure:
            failures.append(str(failure))
    if not failures:
        return True
    if fails_open:
        return False
    listed = list(dict.fromkeys(failures))
    raise Failed(listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]")


def condition_programs(conditions: Sequence[Object]) -> list[Expression]:
    """Match conditions of a webhook: they know no variables and no params."""
    return _conditions(conditions, Names(composes=False))


def _conditions(conditions: Sequence[Object], names: Names) -> list[Expression]:
    environment = names.environment()
    return [compile_for(_text(each).strip(), environment, BOOL_RESULT) for each in conditions]


def validating_programs(
    spec: Object, params: CelType = DYN, objects: Mapping[str, CelType] | None = None
) -> PolicyPrograms:
    """Of a ValidatingAdmissionPolicy; `objects`: types of object and oldObject, where they are to be checked."""
    given = params if spec.get("paramKind") is not None else None
    names = Names(params=given, composes=bool(spec.get("variables")), objects=objects)
    variables, by_path = _variables(spec, names)
    environment = names.environment()
    plain = names.environment(authorizer=False)
    return PolicyPrograms(
        _conditions(spec.get("matchConditions") or (), Names(params=given, composes=False, objects=objects)),
        variables,
        by_path,
        [
            (
                compile_for(_text(each), environment, BOOL_RESULT),
                compile_for(each["messageExpression"], plain, (STRING,)) if each.get("messageExpression") else None,
            )
            for each in spec.get("validations") or ()
        ],
        [
            compile_for((each.get("valueExpression") or "").strip(), environment, (STRING, NULL))
            for each in spec.get("auditAnnotations") or ()
        ],
    )


def mutating_programs(spec: Object) -> PolicyPrograms:
    """Of a MutatingAdmissionPolicy."""
    params = DYN if spec.get("paramKind") is not None else None
    names = Names(params=params)
    variables, by_path = _variables(spec, names)
    building = names.environment(mutation=True)
    mutations = []
    for each in spec.get("mutations") or ():
        json_patch = each.get("patchType") == "JSONPatch"
        given = each.get("jsonPatch" if json_patch else "applyConfiguration") or {}
        wanted = list_of(_PATCH) if json_patch else _CONFIGURATION
        mutations.append(Mutation(json_patch, compile_for(_text(given).strip(), building, (wanted,))))
    conditions = _conditions(spec.get("matchConditions") or (), Names(params=params, composes=False))
    return PolicyPrograms(conditions, variables, by_path, mutations=mutations)


def _variables(spec: Object, names: Names) -> tuple[dict[str, Expression], list[tuple[str, Expression]]]:
    """By name and by path. Each may use those before it; one without an expression is none."""
    found: dict[str, Expression] = {}
    by_path: list[tuple[str, Expression]] = []
    for index, each in enumerate(spec.get("variables") or ()):
        if not _text(each).strip():
            continue
        expression = compile_for(_text(each), names.environment())
        names.add(each.get("name") or "", expression.result_type)
        found[each.get("name") or ""] = expression
        by_path.append((f"variables[{index}].expression", expression))
    return found, by_path


def _text(holder: Object) -> str:
    return holder.get("expression") or ""
