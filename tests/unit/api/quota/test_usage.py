"""What objects use of a quota."""

from typing import Any

import pytest

from kybern.api.quota import evaluator_of, matches_quota
from kybern.api.quota.amounts import rise, shown, subtract
from kybern.api.quota.pod_resources import pod_amounts


def used(resource: str, obj: dict[str, Any], now: float = 0.0) -> dict[str, str]:
    return dict(evaluator_of(resource).usage({"metadata": {"name": "x", "namespace": "default"}, **obj}, now))


def box(cpu: str = "", limit: str = "", **more: Any) -> dict[str, Any]:
    resources = {"requests": {"cpu": cpu} if cpu else {}, "limits": {"cpu": limit} if limit else {}}
    return {"name": "c", "resources": resources, **more}


def test_pods() -> None:
    spec = {"containers": [box("500m", "1"), box("1500m")]}
    assert used("pods", {"spec": spec}) == {
        "count/pods": "1",
        "pods": "1",
        "cpu": "2",
        "requests.cpu": "2",
        "limits.cpu": "1",
    }
    assert used("pods", {"spec": spec, "status": {"phase": "Succeeded"}}) == {"count/pods": "1"}
    deleted = {"deletionTimestamp": "1970-01-01T00:01:00Z", "deletionGracePeriodSeconds": 30}
    for now, count in ((80.0, 5), (100.0, 1)):
        assert len(evaluator_of("pods").usage({"metadata": {"name": "x", **deleted}, "spec": spec}, now)) == count


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [box("1")], "initContainers": [box("3")]}, {"cpu": "3"}),
        ({"containers": [box("1")], "initContainers": [box("2", restartPolicy="Always"), box("3")]}, {"cpu": "5"}),
        ({"containers": [box("4")], "initContainers": [box("2", restartPolicy="Always"), box("1")]}, {"cpu": "6"}),
        ({"containers": [box("1")], "overhead": {"cpu": "250m"}}, {"cpu": "1250m"}),
        ({"containers": [box("1")], "resources": {"requests": {"cpu": "8"}}}, {"cpu": "8"}),
    ],
)
def test_whole_pods(spec: dict[str, Any], expected: dict[str, str]) -> None:
    assert pod_amounts({"initContainers": [], **spec}, "requests") == expected


def test_huge_pages_and_extended_resources() -> None:
    requests = {"hugepages-2Mi": "4Mi", "example.com/gpu": "2", "kubernetes.io/odd": "1"}
    found = used("pods", {"spec": {"containers": [{"name": "c", "resources": {"requests": requests}}]}})
    assert found == {
        "count/pods": "1",
        "pods": "1",
        "hugepages-2Mi": "4Mi",
        "requests.hugepages-2Mi": "4Mi",
        "requests.example.com/gpu": "2",
    }


def test_services_and_claims() -> None:
    ports = [{"port": 1, "nodePort": 30000}, {"port": 2}]
    for kind, more, node_ports, balancers in (
        ("ClusterIP", {}, "0", "0"),
        ("NodePort", {}, "2", "0"),
        ("LoadBalancer", {}, "2", "1"),
        ("LoadBalancer", {"allocateLoadBalancerNodePorts": False}, "1", "1"),
    ):
        found = used("services", {"spec": {"type": kind, "ports": ports, **more}})
        assert (found["services.nodeports"], found["services.loadbalancers"]) == (node_ports, balancers)
    claim = {"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1500m"}}}}
    assert used("persistentvolumeclaims", claim) == {
        "persistentvolumeclaims": "1",
        "count/persistentvolumeclaims": "1",
        "requests.storage": "2",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        "gold.storageclass.storage.k8s.io/requests.storage": "2",
    }


def test_device_claims_and_counts() -> None:
    requests = [
        {"name": "a", "exactly": {"deviceClassName": "gpu", "count": 2}},
        {
            "name": "b",
            "firstAvailable": [{"deviceClassName": "gpu", "count": 3}, {"deviceClassName": "gpu", "count": 1}],
        },
        {"name": "d", "exactly": {"deviceClassName": "nic", "allocationMode": "All"}},
    ]
    assert used("resourceclaims.resource.k8s.io", {"spec": {"devices": {"requests": requests}}}) == {
        "count/resourceclaims.resource.k8s.io": "1",
        "gpu.deviceclass.resource.k8s.io/devices": "5",
        "nic.deviceclass.resource.k8s.io/devices": "32",
    }
    assert used("secrets", {}) == {"count/secrets": "1", "secrets": "1"}
    assert used("deployments.apps", {}) == {"count/deployments.apps": "1"}


@pytest.mark.parametrize(
    ("scope", "spec", "expected"),
    [
        ({"scopeName": "Terminating", "operator": "Exists"}, {"activeDeadlineSeconds": 1}, True),
        ({"scopeName": "NotTerminating", "operator": "Exists"}, {"activeDeadlineSeconds": 1}, False),
        ({"scopeName": "BestEffort", "operator": "Exists"}, {"containers": [box()]}, True),
        ({"scopeName": "NotBestEffort", "operator": "Exists"}, {"containers": [box("1")]}, True),
        ({"scopeName": "PriorityClass", "operator": "NotIn", "values": ["a"]}, {}, True),
        ({"scopeName": "PriorityClass", "operator": "In", "values": ["a"]}, {"priorityClassName": "a"}, True),
        ({"scopeName": "PriorityClass", "operator": "DoesNotExist"}, {"priorityClassName": "a"}, False),
        (
            {"scopeName": "CrossNamespacePodAffinity", "operator": "Exists"},
            {
                "affinity": {
                    "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {"weight": 1, "podAffinityTerm": {"namespaces": ["x"]}}
                        ]
                    }
                }
            },
            True,
        ),
    ],
)
def test_scopes(scope: dict[str, Any], spec: dict[str, Any], expected: bool) -> None:
    quota = {"spec": {"scopeSelector": {"matchExpressions": [scope]}}}
    assert matches_quota(quota, {"spec": spec}, evaluator_of("pods").in_scope) is expected


def test_amounts() -> None:
    assert rise({"cpu": "2", "memory": "1Gi"}, {"cpu": "1500m", "memory": "2Gi"}) == {"cpu": "500m", "memory": "0"}
    assert subtract({"pods": "1"}, {"pods": "3", "cpu": "1"}) == {"pods": "0"}
    assert shown({"pods": "2", "cpu": "0.5"}) == "cpu=500m,pods=2"
