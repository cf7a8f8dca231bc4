"""scheduling.k8s.io/v1."""

from typing import Any

V1: dict[str, dict[str, Any]] = {"PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"}}
