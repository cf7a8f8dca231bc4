"""Expressions of admission policies and match conditions: what they can name, compiled, and evaluated in upstream's words.

Shared by validation (which refuses what does not compile) and admission (which evaluates). Pure.
"""

from kybern.api.policies.expression import BOOL_RESULT, Expression, Failed, OutOfBudget, compile_for
from kybern.api.policies.names import Names
from kybern.api.policies.program import (
    Activation,
    PolicyPrograms,
    condition_programs,
    conditions_hold,
    mutating_programs,
    validating_programs,
)

__all__ = [
    "BOOL_RESULT",
    "Activation",
    "Expression",
    "Failed",
    "Names",
    "OutOfBudget",
    "PolicyPrograms",
    "compile_for",
    "condition_programs",
    "conditions_hold",
    "mutating_programs",
    "validating_programs",
]
