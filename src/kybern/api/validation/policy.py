"""PodDisruptionBudget. Source: pkg/apis/policy/validation."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation.conditions import validate_conditions
from kybern.api.validation.field import invalid, non_negative, not_supported
from kybern.api.validation.int_or_percent import validate_int_or_percent
from kybern.api.validation.metadata import validate_label_selector
from kybern.api.validation.workloads import not_above_all

_EVICTION = ("AlwaysAllow", "IfHealthyBudget")
_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


def validate_budget(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        shown = {
            "MinAvailable": spec["minAvailable"],
            "Selector": spec.get("selector"),
            "MaxUnavailable": spec["maxUnavailable"],
            "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
        }
        yield invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set")
    for key in ("minAvailable", "maxUnavailable"):
        if spec.get(key) is not None:
            yield from validate_int_or_percent(spec[key], f"spec.{key}")
            yield from not_above_all(spec[key], f"spec.{key}")
    yield from validate_label_selector(spec.get("selector"), "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _EVICTION:
        yield not_supported("spec.unhealthyPodEvictionPolicy", policy, _EVICTION)


def validate_budget_status(new: Object, old: Object) -> Iterator[FieldError]:
    status = new.get("status") or {}
    yield from validate_conditions(status.get("conditions") or (), "status.conditions")
    for key in _COUNTS:
        yield from non_negative(f"status.{key}", status.get(key))
