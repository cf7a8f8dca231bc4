"""apps/v1."""

from typing import Any

Object = dict[str, Any]

V1: dict[str, Object] = {
    "DeploymentSpec": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
    "DeploymentStrategy": {"type": "RollingUpdate"},
    "RollingUpdateDeployment": {"maxUnavailable": "25%", "maxSurge": "25%"},
    "DaemonSetSpec": {"revisionHistoryLimit": 10},
    "DaemonSetUpdateStrategy": {"type": "RollingUpdate"},
    "RollingUpdateDaemonSet": {"maxUnavailable": 1, "maxSurge": 0},
    "StatefulSetSpec": {
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "replicas": 1,
        "revisionHistoryLimit": 10,
    },
    "StatefulSetPersistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    "ReplicaSetSpec": {"replicas": 1},
}


def deployment_strategy(obj: Object) -> None:
    if obj["type"] == "RollingUpdate":
        obj.setdefault("rollingUpdate", dict(V1["RollingUpdateDeployment"]))


def daemon_set_strategy(obj: Object) -> None:
    if obj["type"] == "RollingUpdate":
        obj.setdefault("rollingUpdate", dict(V1["RollingUpdateDaemonSet"]))


def stateful_set_strategy(obj: Object) -> None:
    """The parameters appear where the type was left out, and are completed where they were given."""
    if not obj.get("type"):
        obj["type"] = "RollingUpdate"
        obj.setdefault("rollingUpdate", {})
    if obj["type"] == "RollingUpdate" and "rollingUpdate" in obj:
        obj["rollingUpdate"].setdefault("partition", 0)
        obj["rollingUpdate"].setdefault("maxUnavailable", 1)


def stateful_set_spec(obj: Object) -> None:
    for claim in obj.get("volumeClaimTemplates", ()):
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("apiVersion", "v1")


V1_CODE = {
    "DeploymentStrategy": deployment_strategy,
    "DaemonSetUpdateStrategy": daemon_set_strategy,
    "StatefulSetUpdateStrategy": stateful_set_strategy,
    "StatefulSetSpec": stateful_set_spec,
}
