"""Python source being written: lines with their indentation, names that cannot clash, and constants by name.

Invariant: no text of an expression gets into the source but as the `ascii()` of a string; everything else is a name
made here. So a hostile expression can be no more than slow to compile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from kybern.api.cel.types import CelType

MAX_INLINE = 200
"""Characters of a string literal that is written into the source; longer ones become constants."""


Code = tuple[str, dict[str, Any]]
"""Generated source, and the names that it needs."""


class Operand(NamedTuple):
    """A value in generated code. `code` is a name or a literal.

    `kind` is the CEL kind that the value is known to have ("" if it is not known); `schema` is set while the value is
    JSON of that type, as it came: to be adapted before anything but a selection sees it. `whole` is the value itself
    where `code` stands in for it in selections: a variable that is null has no fields.
    """

    code: str
    kind: str = ""
    schema: CelType | None = None
    whole: str = ""


class Captured(NamedTuple):
    """A piece of code that was not put anywhere yet."""

    lines: list[str]
    cost: int
    fallible: bool
    operand: Operand


class Writer:
    """Writes the body of one function at a time; `cost` are units of the block at hand that its start will add."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.functions: list[str] = []
        self.lines: list[str] = []
        self.cost = 0
        self.fallible = False
        self._names = 0
        self._by_identity: dict[int, str] = {}

    def name(self) -> str:
        self._names += 1
        return f"t{self._names}"

    def constant(self, value: Any) -> str:
        """A name for an object that the code uses."""
        known = self._by_identity.get(id(value))
        if known is None:
            known = f"k{len(self.constants)}"
            self.constants[known] = value
            self._by_identity[id(value)] = known
        return known

    def literal(self, value: Any) -> str:
        """Code for a constant of the expression."""
        if value is None or value is True or value is False or type(value) is int:
            return repr(value)
        if type(value) is str and len(value) <= MAX_INLINE:
            return ascii(value)
        return self.constant(value)

    def emit(self, line: str) -> None:
        self.lines.append(line)

    def attempt(self, line: str) -> None:
        """A line that can raise EvaluationError."""
        self.fallible = True
        self.lines.append(line)

    def assign(self, code: str, *, fallible: bool = True) -> str:
        name = self.name()
        self.fallible = self.fallible or fallible
        self.lines.append(f"{name} = {code}")
        return name

    def charge(self, units: int) -> None:
        self.cost += units

    def capture(self, write: Callable[[], Operand]) -> Captured:
        """Runs `write` with its lines, cost and failures kept apart."""
        lines, cost, fallible = self.lines, self.cost, self.fallible
        self.lines, self.cost, self.fallible = [], 0, False
        try:
            operand = write()
            return Captured(self.lines, self.cost, self.fallible, operand)
        finally:
            self.lines, self.cost, self.fallible = lines, cost, fallible

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Lines that belong below a header, their cost added at their start."""
        lines, cost = self.lines, self.cost
        self.lines, self.cost = [], 0
        try:
            yield
        finally:
            body = [f"c += {self.cost}", *self.lines] if self.cost else self.lines
            self.lines, self.cost = lines, cost
            self.lines.append(header)
            self.lines.extend(f" {line}" for line in body or ["pass"])

    def place(self, piece: Captured) -> None:
        """Puts a captured piece here."""
        self.lines.extend(piece.lines)
        self.cost += piece.cost
        self.fallible = self.fallible or piece.fallible
