"""One expression of a policy: a program, or why it is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kybern.api.cel import (
    BOOL,
    DYN,
    NULL,
    Budget,
    BudgetExceeded,
    CelType,
    CompileError,
    CostExceeded,
    Environment,
    EvaluationError,
    Program,
    ProgramError,
    compile_expression,
)

BOOL_RESULT = (BOOL,)


class Failed(Exception):
    """The expression has no result, in upstream's words."""


class OutOfBudget(Failed):
    """All expressions together took too much: none is evaluated after this one."""


@dataclass(frozen=True, slots=True)
class Expression:
    text: str
    program: Program | None
    fault: str = ""
    """Why it does not compile."""

    @property
    def result_type(self) -> CelType:
        return self.program.result_type if self.program is not None else DYN

    def evaluate(self, bindings: Mapping[str, Any], budget: Budget) -> Any:
        """Raises Failed, OutOfBudget."""
        if self.program is None:
            raise Failed(f"compilation error: {self.fault}")
        try:
            return self.program.evaluate(bindings, budget=budget)
        except BudgetExceeded as error:
            raise OutOfBudget(str(error)) from None
        except (EvaluationError, CostExceeded) as error:
            raise Failed(f"expression '{self.text}' resulted in error: {error}") from None


def compile_for(text: str, environment: Environment, wanted: Sequence[CelType] = ()) -> Expression:
    """Compile; without `wanted` any result will do."""
    try:
        program = compile_expression(text, environment)
    except CompileError as error:
        return Expression(text, None, f"compilation failed: {error}")
    except ProgramError as error:
        return Expression(text, None, f"program instantiation failed: {error}")
    if wanted and program.result_type not in wanted:
        names = " ".join("null_type" if kind is NULL else str(kind) for kind in wanted)
        which = names if len(wanted) == 1 else f"one of [{names}]"
        return Expression(text, None, f"must evaluate to {which} but got {program.result_type}")
    return Expression(text, program)
