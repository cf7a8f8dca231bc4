"""How many requests may be under way at once, reading and writing apart; watches and streams are not counted.

Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ (--max-requests-inflight)
"""

from kybern.apiserver.call import Call
from kybern.apiserver.user import SUPERUSERS
from kybern.base.errors import TooManyRequests

READ_LIMIT = 400
WRITE_LIMIT = 200
RETRY_SECONDS = 1


class InFlight:
    """Counts what is under way."""

    def __init__(self, reads: int = READ_LIMIT, writes: int = WRITE_LIMIT) -> None:
        self._limits = {"readOnly": reads, "mutating": writes}
        self.counts = {"readOnly": 0, "mutating": 0}

    def enter(self, call: Call) -> None:
        """Raises TooManyRequests. Superusers always get through: someone has to repair things."""
        if call.info.long_running:
            return
        kind = "readOnly" if call.info.read_only else "mutating"
        if self.counts[kind] >= self._limits[kind] and SUPERUSERS not in call.user.groups:
            raise TooManyRequests(
                "Too many requests, please try again later.", details={"retryAfterSeconds": RETRY_SECONDS}
            )
        self.counts[kind] += 1
        call.in_flight = kind

    def leave(self, call: Call) -> None:
        """Idempotent."""
        if call.in_flight:
            self.counts[call.in_flight] -= 1
            call.in_flight = ""
