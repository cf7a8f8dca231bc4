"""What can go wrong with an expression: it does not compile, it fails when evaluated, or it costs too much.

The texts are cel-go's, for they end up in the answers that clients print.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from kybern.base.errors import KybernError

MAX_ISSUES = 100
"""Issues that are shown; the others are counted."""

MAX_SNIPPET_BYTES = 16_384
"""Longer lines are not shown below an issue."""

COST_EXCEEDED = "operation cancelled: actual cost limit exceeded"


class Source:
    """The text of an expression; offsets are code points, lines are counted from 1, columns from 0."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0]
        for index, character in enumerate(text):
            if character == "\n":
                self._starts.append(index + 1)

    def location(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset; (-1, -1) for a negative one."""
        if offset < 0:
            return -1, -1
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1]

    def line(self, number: int) -> str | None:
        if not 1 <= number <= len(self._starts):
            return None
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end]


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault of an expression. `line` counts from 1, `column` from 0; both are -1 where there is no place."""

    line: int
    column: int
    message: str

    def display(self, source: Source) -> str:
        """cel-go's form: position, message, the line, and a caret below the place."""
        if not source.text:
            return f"ERROR: <input>:1:0: {self.message}"
        head = f"ERROR: <input>:{self.line}:{self.column + 1}: {self.message}"
        snippet = source.line(self.line)
        if snippet is None or len(snippet.encode("utf-8", "surrogatepass")) > MAX_SNIPPET_BYTES:
            return head
        snippet = snippet.replace("\t", " ")
        dots = "".join("." if ord(c) < 0x80 else "\uff0e" for c in snippet[: self.column])
        caret = "\uff3e" if ord(snippet[self.column : self.column + 1] or " ") >= 0x80 else "^"
        return f"{head}\n | {snippet}\n | {dots}{caret}"


class Issues:
    """Collects the issues of one compilation, as many as are shown, and counts the rest."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Issue] = []
        self.count = 0

    def report(self, offset: int, message: str) -> None:
        self.count += 1
        if self.count <= MAX_ISSUES:
            self.found.append(Issue(*self.source.location(offset), message))

    def raise_if_any(self) -> None:
        if self.count:
            raise CompileError(self.found, self.source, self.count)


class CompileError(KybernError):
    """An expression that does not parse or does not type-check; `str()` is cel-go's text, several lines."""

    def __init__(self, issues: Iterable[Issue], source: Source, count: int | None = None) -> None:
        self.issues = sorted(issues, key=lambda issue: (issue.line, issue.column))
        lines = [issue.display(source) for issue in self.issues]
        if count is not None and count > MAX_ISSUES:
            lines.append(f"{count - MAX_ISSUES} more errors were truncated")
        super().__init__("\n".join(lines))


class ResultTypeError(CompileError):
    """A sound expression whose result is not of the type wanted: `must evaluate to bool`."""

    def __init__(self, wanted: list[str]) -> None:
        names = wanted[0] if len(wanted) == 1 else f"one of [{' '.join(wanted)}]"
        super().__init__([], Source(""))
        self.args = (f"must evaluate to {names}",)


class ProgramError(KybernError):
    """A well-typed expression whose constants cannot be evaluated (`int('x')`); upstream says "program instantiation
    failed: …" of it."""


class EvaluationError(KybernError):
    """An expression that failed on the values given: `no such key: foo`, `division by zero`."""


class CostExceeded(KybernError):
    """The limit of one call, or what was left of the shared budget, is used up. Never absorbed by `&&` and `||`."""

    def __init__(self, message: str = COST_EXCEEDED) -> None:
        super().__init__(message)


class BudgetExceeded(CostExceeded):
    """The call was within its own limit but took more than was left of the budget that it shares."""

    def __init__(self) -> None:
        super().__init__("validation failed due to running out of cost budget, no further validation rules will be run")
