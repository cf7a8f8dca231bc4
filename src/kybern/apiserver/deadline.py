"""`?timeout=` of a request: a duration as Go writes them. What it says is checked; the server's own limit is shorter.

Source: k8s.io/apiserver pkg/endpoints/filters/request_deadline.go, Go's time.ParseDuration.
"""

import re

from kybern.api.validation.field import quote
from kybern.apiserver.call import Call
from kybern.base.errors import BadRequest

_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")
_UNIT = re.compile(r"[^.\d]+")


def check_timeout(call: Call) -> None:
    """Raises BadRequest."""
    given = call.request.parameter("timeout")
    if not given or call.info.long_running or _DURATION.fullmatch(given):
        return
    raise BadRequest(f"invalid timeout specified in the request URL - {_fault(given)}")


def _fault(given: str) -> str:
    """In Go's words."""
    number = _NUMBER.match(given)
    if number is None:
        return f"time: invalid duration {quote(given)}"
    unit = _UNIT.match(given, number.end())
    if unit is None:
        return f"time: missing unit in duration {quote(given)}"
    return f"time: unknown unit {quote(unit[0])} in duration {quote(given)}"
