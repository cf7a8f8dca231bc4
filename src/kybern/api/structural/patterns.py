"""Regular expressions of users, in RE2: no pattern of theirs can hang the server."""

from functools import lru_cache
from typing import Any

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """Raises re2.error for what is no pattern."""
    return re2.compile(pattern, _OPTIONS)  # type: ignore[no-untyped-call]


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text; one that is none matches nothing."""
    try:
        return compiled(pattern).search(text) is not None
    except re2.error:
        return False


def fault_of(pattern: str) -> str:
    """Go's words for a pattern that is none; "" for one that is."""
    try:
        compiled(pattern)
    except re2.error as error:
        text = error.args[0] if error.args else error
        return "error parsing regexp: " + _in_go(text.decode() if isinstance(text, bytes) else str(text))
    return ""


_GO_WORDS = {
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "trailing \\": "trailing backslash at end of expression",
}


def _in_go(text: str) -> str:
    """RE2's words for a fault in those of Go's port, which quotes the place."""
    reason, colon, place = text.partition(": ")
    return f"{_GO_WORDS.get(reason, reason)}: `{place}`" if colon else f"{_GO_WORDS.get(text, text)}: ``"
