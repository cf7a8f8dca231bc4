"""Counting outcomes against thresholds. Pure.

Invariants: one outcome against the current result changes nothing before its threshold is reached; an outcome that is
unknown counts for nothing; what has ended its probe (a container that failed, a start that succeeded) stays so.
"""

from dataclasses import dataclass

from kybern.api.types.core_v1 import Probe
from kybern.kubelet.ports import ProbeKind
from kybern.kubelet.probes.outcome import Verdict

PERIOD_SECONDS = 10
TIMEOUT_SECONDS = 1
SUCCESSES = 1
FAILURES = 3
"""Upstream's defaults."""


@dataclass
class Tally:
    """One probe of one container. `result` is None until a threshold is reached."""

    kind: ProbeKind
    successes_needed: int = SUCCESSES
    failures_needed: int = FAILURES
    result: bool | None = None
    _last: bool | None = None
    _run: int = 0

    @classmethod
    def of(cls, kind: ProbeKind, probe: Probe) -> "Tally":
        return cls(kind, probe.success_threshold or SUCCESSES, probe.failure_threshold or FAILURES)

    def count(self, verdict: Verdict) -> bool:
        """Take one outcome; whether the result has changed."""
        if verdict is Verdict.UNKNOWN or self.is_over:
            return False
        succeeded = verdict is not Verdict.FAILURE
        self._run = self._run + 1 if succeeded is self._last else 1
        self._last = succeeded
        if self._run < (self.successes_needed if succeeded else self.failures_needed):
            return False
        changed, self.result = self.result is not succeeded, succeeded
        return changed

    @property
    def is_over(self) -> bool:
        """This container is probed no more: it has started, or it is going to be ended."""
        if self.kind is ProbeKind.STARTUP:
            return self.result is not None
        return self.kind is ProbeKind.LIVENESS and self.result is False
