"""What admission counts, under upstream's names: steps, webhooks, policies, Pod security.

Counting costs a look-up in a dict; single plugins are not timed, for that would cost more than most of them do.
Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
"""

from collections.abc import Iterator

from kybern.base.clock import Clock
from kybern.metrics.family import Family
from kybern.metrics.series import Counter, Histogram

ADMIT, VALIDATE, VALIDATING = "admit", "validate", "validating"
"""The types of steps; webhooks that validate are told under a name of their own."""
CALLING, INTERNAL, NO_ERROR = "calling_webhook_error", "apiserver_internal_error", "no_error"
_STEP_BOUNDS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)
_WEBHOOK_BOUNDS = (*_STEP_BOUNDS, 10.0, 25.0)
_CHECK_BOUNDS = (0.0000005, 0.001, 0.01, 0.1, 1.0)
_CODE_LIMIT = 600
"""Higher ones are counted as this one: webhooks name any number."""


class AdmissionMetrics:
    """Of one server."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.monotonic
        """Seconds, to measure durations with."""
        a, policy, security = "apiserver_admission_", "apiserver_validating_admission_policy_", "pod_security_"
        webhook, asked = ("name", "type", "operation"), ("request_operation", "resource", "subresource")
        of_check = ("policy", "policy_binding", "error_type", "enforcement_action")
        self._step = Histogram(
            a + "step_admission_duration_seconds", "Duration of each step of admission.", _STEP_BOUNDS,
            "type", "operation", "rejected",
        )  # fmt: skip
        self._seconds = Histogram(
            a + "webhook_admission_duration_seconds", "Duration of calls of webhooks.", _WEBHOOK_BOUNDS,
            *webhook, "rejected",
        )  # fmt: skip
        self._requests = Counter(a + "webhook_request_total", "Calls of webhooks.", *webhook, "code", "rejected")
        self._rejections = Counter(
            a + "webhook_rejection_count", "Requests refused by webhooks, or for want of their answers.",
            *webhook, "error_type", "rejection_code",
        )  # fmt: skip
        self._open = Counter(a + "webhook_fail_open_count", "Webhooks that failed and were ignored.", "name", "type")
        self._checks = Counter(policy + "check_total", "Validations that failed, by what was done.", *of_check)
        self._check_seconds = Histogram(
            policy + "check_duration_seconds", "Duration of validations that failed.", _CHECK_BOUNDS, *of_check
        )
        self._evaluations = Counter(
            security + "evaluations_total", "Number of policy evaluations, but for ignored and exempt requests.",
            "decision", "policy_level", "policy_version", "mode", *asked,
        )  # fmt: skip
        self._exemptions = Counter(security + "exemptions_total", "Number of exempt requests.", *asked)
        self._errors = Counter(
            security + "errors_total", "Number of errors that kept policies from being evaluated.", "fatal", *asked
        )

    def step(self, started: float, kind: str, operation: str, rejected: bool) -> None:
        self._step.observe(self.now() - started, kind, operation, _word(rejected))

    def called(self, started: float, name: str, kind: str, operation: str, code: int, *, rejected: bool) -> None:
        """A webhook was asked, with `code` or 200 for what came of it."""
        self._requests.count(name, kind, operation, str(min(code, _CODE_LIMIT)), _word(rejected))
        self._seconds.observe(self.now() - started, name, kind, operation, _word(rejected))

    def refused(self, name: str, kind: str, operation: str, error: str, code: int) -> None:
        """A webhook has kept a request from being done."""
        self._rejections.count(name, kind, operation, error, str(min(code, _CODE_LIMIT)))

    def failed_open(self, name: str, kind: str) -> None:
        self._open.count(name, kind)

    def checked(self, seconds: float, policy: str, binding: str, error: str, action: str) -> None:
        """A validation failed."""
        self._checks.count(policy, binding, error, action)
        self._check_seconds.observe(seconds, policy, binding, error, action)

    def evaluated(
        self, decision: str, level: str, version: str, mode: str, operation: str, resource: str, subresource: str
    ) -> None:
        """A Pod, or a template, has been held against a level of Pod security."""
        self._evaluations.count(decision, level, version, mode, operation, resource, subresource)

    def exempted(self, operation: str, resource: str, subresource: str) -> None:
        self._exemptions.count(operation, resource, subresource)

    def unreadable(self, operation: str, resource: str, subresource: str) -> None:
        """The labels of the namespace could not be read; the strictest level was taken."""
        self._errors.count("false", operation, resource, subresource)

    def families(self) -> Iterator[Family]:
        histograms = (self._step, self._seconds, self._check_seconds)
        counters = (
            self._requests, self._rejections, self._open, self._checks,
            self._evaluations, self._exemptions, self._errors,
        )  # fmt: skip
        yield from (each.family() for each in (*histograms, *counters))


def _word(value: bool) -> str:
    return "true" if value else "false"
