"""What one probe found."""

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """Upstream's results of a probe."""

    SUCCESS = "success"
    WARNING = "warning"
    """Succeeded, but something is odd: counts as a success and is told."""
    FAILURE = "failure"
    UNKNOWN = "unknown"
    """The probe itself could not be made: counts for nothing and is told."""


class Outcome(NamedTuple):
    """A verdict and what is told about it."""

    verdict: Verdict
    output: str = ""


def duration(seconds: int) -> str:
    """As Go prints it: `1s`, `1m30s`, `1h0m0s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
