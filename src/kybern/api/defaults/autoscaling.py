"""autoscaling/v1 and v2."""

from typing import Any

Object = dict[str, Any]

V1: dict[str, Object] = {"HorizontalPodAutoscalerSpec": {"minReplicas": 1}}
V2: dict[str, Object] = {
    "HorizontalPodAutoscalerSpec": {
        "minReplicas": 1,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }
        ],
    }
}

_PERIOD_SECONDS = 15


def behavior(obj: Object) -> None:
    """Both directions get full rules as soon as there is a behavior."""
    by_percent = {"type": "Percent", "value": 100, "periodSeconds": _PERIOD_SECONDS}
    by_pods = {"type": "Pods", "value": 4, "periodSeconds": _PERIOD_SECONDS}
    up: Object = {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [by_pods, by_percent]}
    down: Object = {"selectPolicy": "Max", "policies": [dict(by_percent)]}
    obj["scaleUp"] = up | obj.get("scaleUp", {})
    obj["scaleDown"] = down | obj.get("scaleDown", {})


_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_DEFAULT_UTILIZATION = 80


def autoscaler(obj: Object) -> None:
    """In v1 the default metric is a field of its own, other metrics stand in an annotation."""
    if _METRICS not in (obj["metadata"].get("annotations") or {}):
        obj["spec"].setdefault("targetCPUUtilizationPercentage", _DEFAULT_UTILIZATION)


V1_CODE = {"HorizontalPodAutoscaler": autoscaler}
V2_CODE = {"HorizontalPodAutoscalerBehavior": behavior}
