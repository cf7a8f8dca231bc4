"""Fields whose feature is off: gone from what is new, kept where they were."""

import copy

import pytest

from kybern.api.resource import Object
from tests.unit.api.written import create, new, update

_CONTAINER = {"name": "c", "image": "i", "lifecycle": {"stopSignal": "SIGUSR1"}}
_SOURCES = [{"clusterTrustBundle": {"name": "b", "path": "p"}}, {"podCertificate": {"signerName": "a.b/c"}}]
_SPEC = {
    "containers": [_CONTAINER, {"name": "d", "image": "i", "lifecycle": {**_CONTAINER["lifecycle"], "preStop": {}}}],
    "volumes": [{"name": "v", "projected": {"sources": _SOURCES}}],
    "schedulingGroup": {"podGroupName": "g"},
}


def _template(obj: Object, *path: str) -> Object:
    for key in path:
        obj = obj[key]
    return obj


def _workload(kind: str) -> Object:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": _SPEC}
    spec: Object = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    if kind == "CronJob":
        return new(kind, {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}})
    return new(kind, {"template": template} if kind == "Job" else spec)


WORKLOADS = ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job", "CronJob"]


def check(spec: Object) -> None:
    assert "schedulingGroup" not in spec
    assert spec["volumes"][0]["projected"]["sources"] == [{}, {}]
    assert "lifecycle" not in spec["containers"][0]
    assert spec["containers"][1]["lifecycle"] == {"preStop": {}}


def test_a_new_pod_loses_them() -> None:
    check(create(new("Pod", _SPEC))["spec"])


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_new_template_loses_them(kind: str) -> None:
    path = ("spec", *(("jobTemplate", "spec") if kind == "CronJob" else ()), "template", "spec")
    check(_template(create(copy.deepcopy(_workload(kind))), *path))


def test_an_update_keeps_what_is_stored() -> None:
    old = create(new("Deployment", _workload("Deployment")["spec"]))
    old["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = {"stopSignal": "SIGTERM"}

    def edit(obj: Object) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = {"stopSignal": "SIGHUP"}
        obj["spec"]["template"]["spec"]["schedulingGroup"] = {"podGroupName": "g"}

    spec = update(old, edit)["spec"]["template"]["spec"]
    assert spec["containers"][0]["lifecycle"] == {"stopSignal": "SIGHUP"}
    assert "schedulingGroup" not in spec


def test_stateful_sets_have_no_max_unavailable() -> None:
    made = new(
        "StatefulSet", {**_workload("StatefulSet")["spec"], "updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}
    )
    assert create(made)["spec"]["updateStrategy"]["rollingUpdate"] == {"partition": 0}


def test_nodes_have_no_configuration_source() -> None:
    made = create(new("Node", {"configSource": {}}, status={"config": {"error": "e"}}))
    assert made["spec"] == {}
    assert "config" not in made["status"]


def test_claims_have_no_data_source_of_another_namespace() -> None:
    reference = {"kind": "PersistentVolumeClaim", "name": "c", "namespace": "other"}
    assert "dataSourceRef" not in create(new("PersistentVolumeClaim", {"dataSourceRef": reference}))["spec"]


def test_a_pods_status_has_no_digests_of_volumes() -> None:
    old = create(new("Pod", {"containers": [{"name": "c", "image": "i"}]}))
    mount = {"name": "v", "mountPath": "/v", "volumeStatus": {"image": {}}}
    statuses = [{"name": "c", "volumeMounts": [mount]}]
    changed = update(old, lambda pod: pod["status"].update(containerStatuses=statuses), "status")
    assert "volumeStatus" not in changed["status"]["containerStatuses"][0]["volumeMounts"][0]


def test_a_nodes_status_gets_no_configuration() -> None:
    old = create(new("Node", {}))
    assert "config" not in update(old, lambda node: node["status"].update(config={"error": "e"}), "status")["status"]


def test_a_pods_status_keeps_what_its_writer_does_not_know() -> None:
    old = create(new("Pod", {"containers": [{"name": "c", "image": "i"}]}))
    old["status"] |= {"observedGeneration": 3, "conditions": [{"type": "Ready", "observedGeneration": 2}]}
    status = update(old, lambda pod: pod.update(status={"conditions": [{"type": "Ready"}]}), "status")["status"]
    assert (status["observedGeneration"], status["qosClass"]) == (3, "BestEffort")
    assert status["conditions"] == [{"type": "Ready", "observedGeneration": 2}]
