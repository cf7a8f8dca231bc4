"""One rule of x-kubernetes-validations, compiled: its program, that of its message, and what they can cost.

Source: apiextensions-apiserver pkg/apiserver/schema/cel/compilation.go.
"""

from typing import Any

from kybern.api.cel import BOOL, STRING, CelType, CompileError, Environment, Program, ProgramError, optional_of
from kybern.api.cel.program import compile_expression
from kybern.api.structural.field_path import BadPath, resolve
from kybern.api.structural.schema import Schema


class Rule:
    """What is wrong with an expression stands in `fault` and `message_fault`; then there is no program."""

    def __init__(self, given: dict[str, Any], schema: Schema, environments: "Environments") -> None:
        self.given = given
        self.text: str = (given.get("rule") or "").strip()
        self.message: str = (given.get("message") or "").strip()
        self.takes_optional = bool(given.get("optionalOldSelf"))
        self.reason: str = given.get("reason") or "FieldValueInvalid"
        self.program: Program | None = None
        self.message_program: Program | None = None
        self.fault = self.message_fault = ""
        self.cost = self.message_cost = 0
        if self.text:
            self._compile(environments.optional if self.takes_optional else environments.plain)
        self.field_path = _field_path(given.get("fieldPath") or "", schema)

    @property
    def name(self) -> str:
        """How errors of the rule itself call it."""
        return self.message or self.text

    @property
    def failure(self) -> str:
        """What a value is told that breaks the rule, where no messageExpression has a word."""
        return self.message or f"failed rule: {self.text}"

    @property
    def uses_old(self) -> bool:
        return self.program is not None and self.program.uses("oldSelf")

    def _compile(self, environment: Environment) -> None:
        program, self.fault = _program(self.given["rule"], environment, BOOL, "cel expression", "")
        if program is None:
            return
        self.program, self.cost = program, program.estimated_cost()[1]
        expression = self.given.get("messageExpression") or ""
        if not expression:
            return
        message, self.message_fault = _program(
            expression, environment, STRING, "messageExpression", "messageExpression "
        )
        if message is not None:
            self.message_program, self.message_cost = message, message.estimated_cost()[1]


def _program(text: str, environment: Environment, want: CelType, what: str, prefix: str) -> tuple[Program | None, str]:
    """(the program, "") or (None, what is wrong)."""
    try:
        program = compile_expression(text, environment)
    except CompileError as error:
        return None, f"{prefix}compilation failed: {error}"
    except ProgramError as error:
        return None, f"{prefix or 'program '}instantiation failed: {error}"
    if program.result_type.kind != want.kind:
        return None, f"{what} must evaluate to a {want.kind}"
    return program, ""


class Environments:
    """What the rules of one schema can name."""

    def __init__(self, kind: CelType) -> None:
        self.plain = Environment({"self": kind, "oldSelf": kind})
        self.optional = Environment({"self": kind, "oldSelf": optional_of(kind)})


def rules_of(schema: Schema, kind: CelType) -> list[Rule]:
    """The schema's own rules, compiled; `kind` is the type of its values."""
    given = schema.get("x-kubernetes-validations") or ()
    environments = Environments(kind)
    return [Rule(each, schema, environments) for each in given]


def _field_path(text: str, schema: Schema) -> str:
    try:
        return resolve(text, schema).path if text else ""
    except BadPath:
        return ""
