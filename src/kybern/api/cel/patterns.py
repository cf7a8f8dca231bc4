"""Regular expressions: RE2's, as Go has them; each pattern is compiled once."""

from functools import lru_cache
from typing import Any

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 8 << 20
"""Bytes for one pattern and its automata; larger ones are refused."""

_MESSAGES = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "unexpected )": "unexpected )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "trailing \\": "trailing backslash at end of expression",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "invalid named capture group": "invalid named capture",
}


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Any:
    """The compiled pattern, or (a str) Go's message why it is none."""
    try:
        return re2.compile(pattern, _OPTIONS)  # type: ignore[no-untyped-call]
    except (re2.error, UnicodeError) as error:
        return f"error parsing regexp: {_go_message(error, pattern)}"


def _go_message(error: Exception, pattern: str) -> str:
    text = error.args[0] if error.args else ""
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    reason, _, where = text.partition(": ")
    return f"{_MESSAGES.get(reason, reason)}: `{where or pattern}`"
