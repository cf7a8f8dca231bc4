"""Lease. Source: pkg/apis/coordination/validation."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import forbidden, invalid, non_negative, not_supported

_STRATEGIES = ("OldestEmulationVersion",)


def validate_lease(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    duration, strategy = spec.get("leaseDurationSeconds"), spec.get("strategy")
    if duration is not None and duration <= 0:
        yield invalid("spec.leaseDurationSeconds", duration, "must be greater than 0")
    yield from non_negative("spec.leaseTransitions", spec.get("leaseTransitions"))
    if strategy is not None:
        yield from _strategy(strategy, "spec.strategy")
    if spec.get("preferredHolder") and not strategy:
        yield forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined")


def _strategy(strategy: str, path: str) -> Iterator[FieldError]:
    """Qualified names are others' strategies; plain ones are upstream's own."""
    parts = strategy.split("/")
    if len(parts) == 1:
        if strategy not in _STRATEGIES:
            yield not_supported(path, strategy, _STRATEGIES)
    else:
        for message in names.qualified_name(strategy):
            yield invalid(path, strategy, message)
