"""HorizontalPodAutoscaler, autoscaling/v2: the stored form."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, UNKNOWN, UNSET, age, at_most, column, status
from kybern.api.resource import FieldError, Object
from kybern.api.validation.autoscaling import (
    validate_autoscaler,
    validate_autoscaler_status,
    validate_autoscaler_update,
)

COLUMNS = (
    NAME,
    column("Reference", "autoscaling.v2.HorizontalPodAutoscalerSpec.scaleTargetRef"),
    column("Targets", "autoscaling.v2.HorizontalPodAutoscalerSpec.metrics"),
    column("MinPods", "autoscaling.v2.HorizontalPodAutoscalerSpec.minReplicas"),
    column("MaxPods", "autoscaling.v2.HorizontalPodAutoscalerSpec.maxReplicas"),
    column("Replicas", "autoscaling.v2.HorizontalPodAutoscalerStatus.currentReplicas"),
    AGE,
)
_SOURCES = {
    "External": "external",
    "Pods": "pods",
    "Object": "object",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}
_OF_RESOURCES = ("Resource", "ContainerResource")
_SHOWN = 2


def cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    target, low = spec.get("scaleTargetRef") or {}, spec.get("minReplicas")
    return (
        obj["metadata"]["name"],
        f"{target.get('kind') or ''}/{target.get('name') or ''}",
        _targets(spec.get("metrics") or (), (obj.get("status") or {}).get("currentMetrics") or ()),
        UNSET if low is None else str(low),
        spec.get("maxReplicas") or 0,
        status(obj, "currentReplicas"),
        age(obj, now),
    )


def _targets(metrics: Sequence[Object], current: Sequence[Object]) -> str:
    """`cpu: 12%/80%, 5/10 (avg) + 1 more...`"""
    shown = [_metric(metric, current[index] if index < len(current) else {}) for index, metric in enumerate(metrics)]
    return at_most(_SHOWN, shown, len(shown), separator=", ", empty="<none>")


def _metric(metric: Object, measured: Object) -> str:
    kind = metric.get("type", "")
    key = _SOURCES.get(kind)
    if key is None:
        return "<unknown type>"
    source = metric.get(key) or {}
    target, current = source.get("target") or {}, (measured.get(key) or {}).get("current") or {}
    prefix = f"{source.get('name') or ''}: " if kind in _OF_RESOURCES else ""
    if "averageValue" in target:
        suffix = " (avg)" if kind in ("External", "Object") else ""
        return f"{prefix}{current.get('averageValue', UNKNOWN)}/{target['averageValue']}{suffix}"
    if kind in _OF_RESOURCES:
        now, wanted = current.get("averageUtilization"), target.get("averageUtilization")
        return f"{prefix}{UNKNOWN if now is None else f'{now}%'}/{'<auto>' if wanted is None else f'{wanted}%'}"
    return f"{current.get('value', UNKNOWN)}/{target.get('value', '')}"


def validate(obj: Object) -> Sequence[FieldError]:
    return list(validate_autoscaler(obj))


def validate_update(new: Object, old: Object) -> Sequence[FieldError]:
    return list(validate_autoscaler_update(new, old))


def validate_status(new: Object, old: Object) -> Sequence[FieldError]:
    return list(validate_autoscaler_status(new, old))


BEHAVIOUR = {
    "HorizontalPodAutoscaler": Behaviour(
        columns=COLUMNS,
        cells=cells,
        validate=validate,
        validate_update=validate_update,
        validate_on_update=False,
        validate_status=validate_status,
    )
}
