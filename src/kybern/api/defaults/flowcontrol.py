"""flowcontrol.apiserver.k8s.io/v1."""

from typing import Any

V1: dict[str, dict[str, Any]] = {
    "FlowSchemaSpec": {"matchingPrecedence": 1000},
    "ExemptPriorityLevelConfiguration": {"nominalConcurrencyShares": 0, "lendablePercent": 0},
    "LimitedPriorityLevelConfiguration": {"nominalConcurrencyShares": 30, "lendablePercent": 0},
    "QueuingConfiguration": {"handSize": 8, "queues": 64, "queueLengthLimit": 50},
}
