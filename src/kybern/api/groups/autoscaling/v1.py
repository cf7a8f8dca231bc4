"""HorizontalPodAutoscaler as autoscaling/v1 shows it: stored in v2's form. Scale is only answered."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from kybern.api.groups.autoscaling import metrics, v2
from kybern.api.groups.behaviour import Behaviour
from kybern.api.resource import FieldError, Object

_ANNOTATION = "autoscaling.alpha.kubernetes.io/"
_METRICS, _BEHAVIOR = f"{_ANNOTATION}metrics", f"{_ANNOTATION}behavior"
_CURRENT, _CONDITIONS = f"{_ANNOTATION}current-metrics", f"{_ANNOTATION}conditions"
_ROUND_TRIP = frozenset(
    (
        _METRICS,
        _BEHAVIOR,
        _CURRENT,
        _CONDITIONS,
        f"{_ANNOTATION}scale-down-tolerance",
        f"{_ANNOTATION}scale-up-tolerance",
    )
)
_DEFAULT_UTILIZATION = 80


def _cpu_target(metric: Object) -> int | None:
    """The one metric that v1 has a field for."""
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    share: int | None = (resource.get("target") or {}).get("averageUtilization")
    return share


def _cpu_metric(share: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": share}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def from_storage(obj: Object) -> Object:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    given, behavior = spec.pop("metrics", None) or [], spec.pop("behavior", None)
    current, conditions = status.pop("currentMetrics", None) or [], status.pop("conditions", None) or []
    added = {}
    if others := [metrics.spec_to_v1(one) for one in given if _cpu_target(one) is None]:
        added[_METRICS] = others
    if current:
        added[_CURRENT] = [metrics.status_to_v1(one) for one in current]
    if behavior is not None:
        added[_BEHAVIOR] = metrics.capitalized(behavior)
    if conditions:
        added[_CONDITIONS] = conditions
    targets = [share for one in given if (share := _cpu_target(one)) is not None]
    if targets:
        spec["targetCPUUtilizationPercentage"] = targets[0]
    if shares := [share for one in current if (share := _cpu_current(one)) is not None]:
        status["currentCPUUtilizationPercentage"] = shares[-1]
    encoded = {key: orjson.dumps(value).decode() for key, value in added.items()}
    return {
        **obj,
        "apiVersion": "autoscaling/v1",
        "metadata": _annotated(obj["metadata"], encoded),
        "spec": spec,
        "status": {"currentReplicas": 0, **status},
    }


def _cpu_current(metric: Object) -> int | None:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    share: int | None = (resource.get("current") or {}).get("averageUtilization")
    return share


def _annotated(metadata: Object, added: dict[str, str]) -> Object:
    """With the annotations of this conversion alone; others stay."""
    before = metadata.get("annotations") or {}
    kept = {key: value for key, value in before.items() if key not in _ROUND_TRIP}
    annotations = kept | added
    if annotations == before:
        return metadata
    rest = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**rest, "annotations": annotations} if annotations else rest


def to_storage(obj: Object) -> Object:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    annotations = obj["metadata"].get("annotations") or {}
    share, now = spec.pop("targetCPUUtilizationPercentage", None), status.pop("currentCPUUtilizationPercentage", None)
    wanted = [metrics.spec_to_v2(one) for one in _listed(annotations, _METRICS)]
    if share is not None:
        wanted.append(_cpu_metric(share))
    spec["metrics"] = wanted or [_cpu_metric(_DEFAULT_UTILIZATION)]
    behavior = _decoded(annotations, _BEHAVIOR)
    if isinstance(behavior, dict) and any(behavior.values()):
        spec["behavior"] = metrics.uncapitalized(behavior)
    current = [metrics.status_to_v2(one) for one in _listed(annotations, _CURRENT)]
    if not current and now is not None:
        current = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": now}}}]
    status["currentMetrics"] = current or None
    if not status.get("currentReplicas"):
        status.pop("currentReplicas", None)
    if conditions := _listed(annotations, _CONDITIONS):
        status["conditions"] = conditions
    return {
        **obj,
        "apiVersion": "autoscaling/v2",
        "metadata": _annotated(obj["metadata"], {}),
        "spec": spec,
        "status": status,
    }


def _decoded(annotations: Object, key: str) -> Any:
    """None for what cannot be read, which is ignored."""
    try:
        return orjson.loads(annotations.get(key, "null"))
    except orjson.JSONDecodeError:
        return None


def _listed(annotations: Object, key: str) -> list[Object]:
    value = _decoded(annotations, key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _both(rule: Callable[[Object, Object], Sequence[FieldError]]) -> Callable[[Object, Object], Sequence[FieldError]]:
    return lambda new, old: rule(to_storage(new), to_storage(old))


BEHAVIOUR = {
    "HorizontalPodAutoscaler": Behaviour(
        columns=v2.COLUMNS,
        cells=lambda obj, now: v2.cells(to_storage(obj), now),
        internal_annotations=_ROUND_TRIP,
        validate=lambda obj: v2.validate(to_storage(obj)),
        validate_update=_both(v2.validate_update),
        validate_on_update=False,
        validate_status=_both(v2.validate_status),
        storage_version=("autoscaling", "v2"),
        to_storage=to_storage,
        from_storage=from_storage,
    )
}
