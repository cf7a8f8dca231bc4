"""Metrics in the words of autoscaling/v1, which keeps in annotations what it has no field for.

Source: pkg/apis/autoscaling/v1/conversion.go.
"""

from collections.abc import Mapping
from typing import Any

from kybern.api.resource import Object

_KEYS = {
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "External": "external",
}
_ZERO = "0"


def _some(**values: Any) -> Object:
    return {key: value for key, value in values.items() if value is not None}


def spec_to_v1(metric: Object) -> Object:
    """One entry of spec.metrics."""
    kind = metric.get("type", "")
    key = _KEYS.get(kind, "")
    source = metric.get(key)
    if source is None:
        return {"type": kind}
    target, named = source.get("target") or {}, source.get("metric") or {}
    average, utilization = target.get("averageValue"), target.get("averageUtilization")
    match kind:
        case "Object":
            old = _some(
                target=source.get("describedObject"),
                metricName=named.get("name"),
                targetValue=target.get("value", _ZERO),
                selector=named.get("selector"),
                averageValue=average,
            )
        case "Pods":
            old = _some(
                metricName=named.get("name"), targetAverageValue=average or _ZERO, selector=named.get("selector")
            )
        case "External":
            old = _some(
                metricName=named.get("name"),
                metricSelector=named.get("selector"),
                targetValue=target.get("value"),
                targetAverageValue=average,
            )
        case _:
            old = _some(
                name=source.get("name"),
                targetAverageUtilization=utilization,
                targetAverageValue=average,
                container=source.get("container"),
            )
    return {"type": kind, key: old}


def spec_to_v2(metric: Object) -> Object:
    """What an annotation has of spec.metrics."""
    kind = metric.get("type", "")
    key = _KEYS.get(kind, "")
    source = metric.get(key)
    if source is None:
        return {"type": kind}
    match kind:
        case "Object":
            average = source.get("averageValue")
            target = _target("Value" if average is None else "AverageValue", source.get("targetValue"), average)
            new = {
                "describedObject": source.get("target") or {},
                "metric": _metric(source, "selector"),
                "target": target,
            }
        case "Pods":
            new = {
                "metric": _metric(source, "selector"),
                "target": _target("AverageValue", None, source.get("targetAverageValue")),
            }
        case "External":
            value = source.get("targetValue")
            target = _target("AverageValue" if value is None else "Value", value, source.get("targetAverageValue"))
            new = {"metric": _metric(source, "metricSelector"), "target": target}
        case _:
            share = source.get("targetAverageUtilization")
            target = _target(
                "AverageValue" if share is None else "Utilization", None, source.get("targetAverageValue"), share
            )
            new = _some(name=source.get("name"), target=target, container=source.get("container"))
    return {"type": kind, key: new}


def _metric(source: Object, selector: str) -> Object:
    return _some(name=source.get("metricName"), selector=source.get(selector))


def _target(kind: str, value: Any, average: Any, utilization: int | None = None) -> Object:
    return {"type": kind, **_some(value=value, averageValue=average, averageUtilization=utilization)}


def status_to_v1(metric: Object) -> Object:
    """One entry of status.currentMetrics."""
    kind = metric.get("type", "")
    key = _KEYS.get(kind, "")
    source = metric.get(key)
    if source is None:
        return {"type": kind}
    current, named = source.get("current") or {}, source.get("metric") or {}
    value, average = current.get("value", _ZERO), current.get("averageValue")
    match kind:
        case "Object":
            old = _some(
                target=source.get("describedObject"),
                metricName=named.get("name"),
                currentValue=value,
                selector=named.get("selector"),
                averageValue=average,
            )
        case "Pods":
            old = _some(
                metricName=named.get("name"), currentAverageValue=average or _ZERO, selector=named.get("selector")
            )
        case "External":
            old = _some(
                metricName=named.get("name"),
                metricSelector=named.get("selector"),
                currentValue=value,
                currentAverageValue=average,
            )
        case _:
            old = _some(
                name=source.get("name"),
                currentAverageUtilization=current.get("averageUtilization"),
                currentAverageValue=average or _ZERO,
                container=source.get("container"),
            )
    return {"type": kind, key: old}


def status_to_v2(metric: Object) -> Object:
    """What an annotation has of status.currentMetrics."""
    kind = metric.get("type", "")
    key = _KEYS.get(kind, "")
    source = metric.get(key)
    if source is None:
        return {"type": kind}
    value, average = source.get("currentValue"), source.get("currentAverageValue")
    match kind:
        case "Object":
            new = {
                "describedObject": source.get("target") or {},
                "metric": _metric(source, "selector"),
                "current": _some(value=value, averageValue=source.get("averageValue")),
            }
        case "Pods":
            new = {"metric": _metric(source, "selector"), "current": _some(averageValue=average)}
        case "External":
            new = {"metric": _metric(source, "metricSelector"), "current": _some(value=value, averageValue=average)}
        case _:
            current = _some(averageValue=average, averageUtilization=source.get("currentAverageUtilization"))
            new = _some(name=source.get("name"), current=current, container=source.get("container"))
    return {"type": kind, key: new}


def capitalized(value: Any) -> Any:
    """Field names as the annotation of the behavior has them: upstream wrote the internal type there."""
    return _renamed(value, lambda key: key[:1].upper() + key[1:])


def uncapitalized(value: Any) -> Any:
    return _renamed(value, lambda key: key[:1].lower() + key[1:])


def _renamed(value: Any, rename: Any) -> Any:
    if isinstance(value, Mapping):
        return {rename(key): _renamed(one, rename) for key, one in value.items() if one is not None}
    return [_renamed(one, rename) for one in value] if isinstance(value, list) else value
