"""Expressions as programs: compiled once against an environment, evaluated many times within a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from kybern.api.cel import types
from kybern.api.cel.costs import PER_CALL_LIMIT
from kybern.api.cel.errors import (
    BudgetExceeded,
    CompileError,
    CostExceeded,
    EvaluationError,
    Issue,
    ResultTypeError,
    Source,
)
from kybern.api.cel.nodes import Node
from kybern.api.cel.paths import variables_of
from kybern.api.cel.recursion import deep
from kybern.api.cel.scope import Scope
from kybern.api.cel.source import Code
from kybern.api.cel.syntax import MAX_DEPTH
from kybern.api.cel.types import CelType


class Environment:
    """What expressions can name: the variables with their types, and Kubernetes' libraries.

    mutation: `Object{…}` and `JSONPatch{…}` can be built and `jsonpatch.escapeKey` called, as in
    MutatingAdmissionPolicies.
    """

    def __init__(self, variables: Mapping[str, CelType], *, mutation: bool = False) -> None:
        from kybern.api.cel.libraries import overloads  # A server without rules and policies never loads them.

        self.scope = Scope(variables, overloads(mutation=mutation), mutation=mutation)

    def with_variables(self, variables: Mapping[str, CelType]) -> Environment:
        """This environment with further variables."""
        extended = Environment.__new__(Environment)
        extended.scope = self.scope.extended(variables)
        return extended


class Budget:
    """Units of cost that several programs share; what is spent stays spent."""

    __slots__ = ("limit", "remaining")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.remaining = limit

    @property
    def spent(self) -> int:
        return self.limit - self.remaining


class Program:
    """A compiled expression. Safe to evaluate any number of times, also at once."""

    def __init__(self, text: str, root: Node, scope: Scope, code: Code) -> None:
        self.text = text
        self.result_type = root.type
        self._root = root
        self._variables = frozenset(name for name in variables_of(root) if name in scope.variables)
        self._scope = scope
        self._code = code

    @cached_property
    def _run(self) -> Callable[[Mapping[str, Any], int, list[int]], tuple[Any, int]]:
        """The generated function; many a rule is checked and costed but never evaluated."""
        source, names = self._code
        exec(compile(source, "<cel>", "exec"), names)
        self._code = ("", names)
        run: Callable[[Mapping[str, Any], int, list[int]], tuple[Any, int]] = names["run"]
        return run

    def evaluate(
        self, bindings: Mapping[str, Any], *, budget: Budget | None = None, limit: int = PER_CALL_LIMIT
    ) -> Any:
        """The value of the expression. `bindings` holds each variable that it uses, as JSON.

        Raises EvaluationError, CostExceeded above `limit`, and BudgetExceeded where the budget ends before. What was
        spent is taken from the budget in each case.
        """
        capped = limit if budget is None or budget.remaining >= limit else budget.remaining
        spent = [capped + 1]
        try:
            value, spent[0] = self._run(bindings, capped, spent)
        except BudgetExceeded:
            spent[0] = 0  # A variable that was computed on the way has settled it.
            raise
        except KeyError as error:
            spent[0] = 0
            raise EvaluationError(f"no such attribute(s): {error.args[0]}") from None
        except (TypeError, AttributeError, RecursionError) as error:
            spent[0] = 0
            raise EvaluationError(f"no such overload: {error}") from None
        finally:
            self._settle(spent[0], capped, limit, budget)
        return value

    def _settle(self, cost: int, capped: int, limit: int, budget: Budget | None) -> None:
        if budget is not None:
            budget.remaining -= min(cost, budget.remaining)
        if cost > capped:
            raise CostExceeded if capped == limit else BudgetExceeded

    def uses(self, variable: str) -> bool:
        """Whether the expression reads that variable."""
        return variable in self._variables

    def estimated_cost(self, sizes: Mapping[str, CelType] | None = None) -> tuple[int, int]:
        """The least and the most that it can cost, for variables as large as their types (or those of `sizes`) say."""
        from kybern.api.cel import estimate  # Needed only where definitions are written.

        variables = {**self._scope.variables, **(sizes or {})}
        return deep(lambda: estimate.estimate(self._root, variables)) or (0, types.UNBOUNDED)


def compile_expression(
    text: str, environment: Environment, *, want: CelType | Iterable[CelType] | None = None
) -> Program:
    """Raises CompileError, ResultTypeError where the result is none of `want`, and ProgramError for constants that
    fail."""
    from kybern.api.cel.compilation import compile_text  # The compiler is loaded when there is something to compile.

    found = deep(lambda: compile_text(text, environment.scope))
    if found is None:
        raise CompileError([Issue(-1, -1, f"expression recursion limit exceeded: {MAX_DEPTH}")], Source(text))
    program = Program(text, found[0], environment.scope, found[1])
    wanted = [want] if isinstance(want, CelType) else list(want or ())
    if wanted and program.result_type not in wanted:
        raise ResultTypeError([str(kind) for kind in wanted])
    return program
