"""Room for expressions that nest deeper than Python's own limit of calls lets the compiler go.

Nesting is bounded by the parser (250 levels); the calls of a level are bounded by the code. Python's calls need no C
stack, so the limit can be higher while one deep expression is compiled.
"""

import sys
from collections.abc import Callable
from typing import Final, TypeVar

MAX_CALLS: Final = 12_000

_T = TypeVar("_T")


def deep(function: Callable[[], _T]) -> _T | None:
    """What the function returns, tried again with more room if it ran out of calls; None if that was not enough."""
    try:
        return function()
    except RecursionError:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, MAX_CALLS))
        try:
            return function()
        except RecursionError:
            return None
        finally:
            sys.setrecursionlimit(before)
