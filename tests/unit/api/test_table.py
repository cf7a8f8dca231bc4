"""Tables: ages, rows, columns, and the parts of objects that they may carry."""

import pytest

from kybern.api import registry, table
from kybern.api.groups.columns import human_duration
from kybern.base.errors import BadRequest
from tests.unit.api.written import NOW, create, new, resource_of

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400

# Source: apimachinery util/duration, HumanDuration's documentation and boundaries.
DURATIONS = [
    (-2, "<invalid>"),
    (-1, "0s"),
    (0, "0s"),
    (0.9, "0s"),
    (119, "119s"),
    (120, "2m"),
    (599, "9m59s"),
    (10 * MINUTE, "10m"),
    (179 * MINUTE + 59, "179m"),
    (3 * HOUR, "3h"),
    (7 * HOUR + 59 * MINUTE, "7h59m"),
    (8 * HOUR, "8h"),
    (47 * HOUR, "47h"),
    (2 * DAY, "2d"),
    (2 * DAY + HOUR, "2d1h"),
    (7 * DAY + 23 * HOUR, "7d23h"),
    (8 * DAY, "8d"),
    (2 * YEAR - 1, "729d"),
    (2 * YEAR, "2y"),
    (2 * YEAR + 3 * DAY, "2y3d"),
    (8 * YEAR, "8y"),
]

CONTAINER = {"name": "c", "image": "i"}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
SELECTOR = {"matchLabels": {"a": "b"}}
WORKLOAD = {"selector": SELECTOR, "template": TEMPLATE}
JOB = {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}}
RULES = [{"host": f"{host}.example"} for host in "abcd"]
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}
TARGET = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
PODS = {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "5"}}}
CSR = {"request": "", "signerName": "example.com/s", "usages": ["client auth"], "expirationSeconds": 3600}

AGO = "2m"
ROWS = [
    (new("Deployment", {**WORKLOAD, "replicas": 3}), ["x", "0/3", 0, 0, AGO, "c", "i", "a=b"]),
    (new("ReplicaSet", WORKLOAD), ["x", 1, 0, 0, AGO, "c", "i", "a=b"]),
    (new("StatefulSet", {**WORKLOAD, "serviceName": "s"}), ["x", "0/1", AGO, "c", "i"]),
    (new("DaemonSet", WORKLOAD), ["x", 0, 0, 0, 0, 0, "<none>", AGO, "c", "i", "a=b"]),
    (new("CronJob", {"schedule": "@hourly", "jobTemplate": {"spec": JOB}}),
     ["x", "@hourly", "<none>", "False", 0, "<none>", AGO, "c", "i", "<none>"]),
    (new("PodDisruptionBudget", {"maxUnavailable": "50%"}), ["x", "N/A", "50%", 0, AGO]),
    (new("Ingress", {"rules": RULES}), ["x", "<none>", "a.example,b.example,c.example + 1 more...", "", "80", AGO]),
    (new("Ingress", {"defaultBackend": BACKEND, "tls": [{}], "ingressClassName": "n"}),
     ["x", "n", "*", "", "80, 443", AGO]),
    (new("NetworkPolicy", {"podSelector": {}}), ["x", "<none>", AGO]),
    (new("EndpointSlice", addressType="IPv4", endpoints=[{"addresses": [f"10.0.0.{n}"]} for n in range(5)],
         ports=[{"port": 80}, {"name": "any"}]),
     ["x", "IPv4", "80,any", "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more...", AGO]),
    (new("HorizontalPodAutoscaler", {"scaleTargetRef": TARGET, "maxReplicas": 3, "metrics": [CPU, PODS, CPU]},
         api_version="autoscaling/v2"),
     ["x", "Deployment/d", "cpu: <unknown>/50%, <unknown>/5 + 1 more...", "1", 3, 0, AGO]),
    (new("HorizontalPodAutoscaler", {"scaleTargetRef": TARGET, "maxReplicas": 3}, api_version="autoscaling/v1"),
     ["x", "Deployment/d", "cpu: <unknown>/80%", "1", 3, 0, AGO]),
    (new("RoleBinding", roleRef={"kind": "Role", "name": "r"}, subjects=[
        {"kind": "User", "name": "ann"}, {"kind": "ServiceAccount", "name": "s", "namespace": "n"}]),
     ["x", "Role/r", AGO, "ann", "", "n/s"]),
    (new("StorageClass", provisioner="p", metadata={
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}),
     ["x (default)", "p", "Delete", "Immediate", False, AGO]),
    (new("ServiceAccount", secrets=[{"name": "s"}]), ["x", AGO]),
    (new("IngressClass", {"controller": "c.example/i"}, metadata={
        "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}),
     ["x (default)", "c.example/i", "<none>", AGO]),
    (new("CSIDriver", {}), ["x", True, False, False, "<unset>", False, "Persistent", AGO]),
    (new("PriorityClass", value=7), ["x", 7, False, AGO, "PreemptLowerPriority"]),
    (new("Lease", {"holderIdentity": "me"}), ["x", "me", AGO]),
    (new("CertificateSigningRequest", CSR), ["x", AGO, "example.com/s", "ann", "60m", "Pending"]),
    (new("FlowSchema", {"priorityLevelConfiguration": {"name": "p"}}), ["x", "p", 1000, "<none>", AGO, "?"]),
    (new("ResourceClaim", {}), ["x", "pending", AGO]),
    (new("APIService", {"version": "v1", "group": "g"}), ["x", "Local", "True", AGO]),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "shown"), DURATIONS)
def test_durations_have_at_most_two_units(seconds, shown):
    assert human_duration(seconds) == shown


@pytest.mark.parametrize(("obj", "cells"), ROWS, ids=lambda value: value["kind"] if isinstance(value, dict) else "")
def test_cells_are_upstreams(obj, cells):
    made = create(obj)
    assert table.row(resource_of(made), made, NOW, "None")["cells"] == cells


def test_every_resource_has_a_cell_for_each_described_column():
    for resource in registry.RESOURCES:
        described = table.columns(resource)
        assert all(set(column) == {"name", "type", "format", "description", "priority"} for column in described)
        if resource.cells is not None and resource.kind not in ("IPAddress", "Event"):
            blank = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": "x"}}
            assert len(resource.cells(blank, NOW)) == len(described), resource.kind


def test_what_rows_carry_of_their_object():
    pod = create(new("Pod", {"containers": [CONTAINER]}))
    pod["metadata"]["resourceVersion"] = "7"
    resource = resource_of(pod)
    default = table.table_of_one(resource, pod, NOW)
    assert default["metadata"] == {"resourceVersion": "7"}
    assert default["rows"][0]["object"] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": pod["metadata"],
    }
    assert table.table_of_one(resource, pod, NOW, "Object")["rows"][0]["object"] is pod
    assert table.table_of_one(resource, pod, NOW, "None")["rows"][0]["object"] is None
    with pytest.raises(BadRequest, match=r'Invalid value: "All": must be \'Metadata\', \'Object\', \'None\', or empty'):
        table.table_of_one(resource, pod, NOW, "All")


def test_later_rows_of_a_watch_repeat_no_columns():
    pod = create(new("Pod", {"containers": [CONTAINER]}))
    assert table.table_of_one(resource_of(pod), pod, NOW, headers=False)["columnDefinitions"] is None


def test_partial_objects_lack_annotations_that_stand_for_fields():
    key = "deprecated.daemonset.template.generation"
    made = create(new("DaemonSet", WORKLOAD, metadata={"annotations": {"a": "b"}}))
    assert made["metadata"]["annotations"].keys() == {"a", key}
    assert table.partial_metadata(resource_of(made), made)["metadata"]["annotations"] == {"a": "b"}
    [row] = table.table(resource_of(made), [made], NOW)["rows"]
    assert row["object"]["metadata"]["annotations"] == {"a": "b"}
    [row] = table.table(resource_of(made), [made], NOW, "Object")["rows"]
    assert key in row["object"]["metadata"]["annotations"]
