"""apps/v1."""

from typing import Any

Object = dict[str, Any]

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""The annotation in which apps/v1 carries what extensions/v1beta1 had as spec.templateGeneration."""

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


def daemon_set(obj: Object) -> None:
    """apps/v1 has the template's generation in an annotation; what is none yet is 0."""
    metadata = obj.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if TEMPLATE_GENERATION not in annotations:
        obj["metadata"] = {**metadata, "annotations": {**annotations, TEMPLATE_GENERATION: "0"}}


def stateful_set_strategy(obj: Object) -> None:
    """The parameters appear where the type was left out, and are completed where they were given.

    maxUnavailable has no default while its feature (MaxUnavailableStatefulSet) is off, as in v1.36.
    """
    if not obj.get("type"):
        obj["type"] = "RollingUpdate"
        obj.setdefault("rollingUpdate", {})
    if obj["type"] == "RollingUpdate" and "rollingUpdate" in obj:
        obj["rollingUpdate"].setdefault("partition", 0)


def stateful_set_spec(obj: Object) -> None:
    for claim in obj.get("volumeClaimTemplates", ()):
        claim["kind"], claim["apiVersion"] = "PersistentVolumeClaim", "v1"


V1_CODE = {
    "DeploymentStrategy": deployment_strategy,
    "DaemonSet": daemon_set,
    "DaemonSetUpdateStrategy": daemon_set_strategy,
    "StatefulSetUpdateStrategy": stateful_set_strategy,
    "StatefulSetSpec": stateful_set_spec,
}
