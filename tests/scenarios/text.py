"""How a story compares what was printed with what it says.

Runs of blanks count as one. `…` stands for any text within a line; a line `…` alone for any lines, also none.
"""

import re
import textwrap

ANY = "…"


def lines_of(text: str) -> list[str]:
    """Without indentation common to all, blank edges, trailing blanks; runs of blanks as one."""
    plain = textwrap.dedent(text.replace("\r\n", "\n").replace("\t", " ")).strip("\n")
    return [re.sub(" +", " ", line).rstrip() for line in plain.split("\n")]


def _line_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split(ANY))


def _pattern(lines: list[str]) -> str:
    """Each line of `text` ends with a newline."""
    return "".join(r"(?:.*\n)*?" if line.strip() == ANY else rf"{_line_pattern(line)}\n" for line in lines)


def matches(expected: str, text: str) -> bool:
    """Is `text` as `expected` says, from its first line to its last?"""
    return re.fullmatch(_pattern(lines_of(expected)), _joined(text)) is not None


def holds(expected: str, text: str) -> bool:
    """Does `text` hold `expected`? One line of it anywhere, several as whole lines that follow each other."""
    lines = lines_of(expected)
    pattern = _line_pattern(lines[0].strip()) if len(lines) == 1 else "^" + _pattern(lines)
    return re.search(pattern, _joined(text), re.MULTILINE) is not None


def _joined(text: str) -> str:
    return "".join(f"{line}\n" for line in lines_of(text))
