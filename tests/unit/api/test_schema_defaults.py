"""Upstream's defaults, kind by kind."""

from typing import Any

import orjson
import pytest

from kybern.api.schema import codec


def spec_of(api_version: str, kind: str, spec: Any) -> Any:
    return codec(api_version, kind).admit(orjson.dumps({"metadata": {"name": "x"}, "spec": spec}), "Strict")[0]["spec"]


_POD_SPEC = {
    "containers": None,
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_TEMPLATE = {"metadata": {}, "spec": _POD_SPEC}
_BY_PERCENT = {"type": "Percent", "value": 100, "periodSeconds": 15}


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("v1 Pod", {}, _POD_SPEC | {"enableServiceLinks": True}),
        ("apps/v1 Deployment", {}, {
            "replicas": 1, "selector": None, "template": _TEMPLATE, "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
        }),
        ("apps/v1 Deployment", {"replicas": 0, "strategy": {"type": "Recreate"}, "revisionHistoryLimit": 0}, {
            "replicas": 0, "selector": None, "template": _TEMPLATE, "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": 600, "strategy": {"type": "Recreate"},
        }),
        ("apps/v1 DaemonSet", {}, {
            "selector": None, "template": _TEMPLATE, "revisionHistoryLimit": 10,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        }),
        ("apps/v1 StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, {
            "replicas": 1, "selector": None, "template": _TEMPLATE, "serviceName": "",
            "podManagementPolicy": "OrderedReady", "updateStrategy": {"type": "OnDelete"}, "revisionHistoryLimit": 10,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        }),
        ("batch/v1 Job", {"parallelism": 2, "backoffLimitPerIndex": 1}, {
            "parallelism": 2, "backoffLimit": 2147483647, "backoffLimitPerIndex": 1, "template": _TEMPLATE,
            "completionMode": "NonIndexed", "suspend": False, "podReplacementPolicy": "TerminatingOrFailed",
            "manualSelector": False,
        }),
        ("batch/v1 CronJob", {}, {
            "schedule": "", "concurrencyPolicy": "Allow", "suspend": False, "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1, "jobTemplate": {"metadata": {}, "spec": {"template": _TEMPLATE}},
        }),
        ("v1 Service", {"type": "LoadBalancer", "ports": [{"port": 80, "targetPort": "http"}]}, {
            "type": "LoadBalancer", "sessionAffinity": "None", "externalTrafficPolicy": "Cluster",
            "internalTrafficPolicy": "Cluster", "allocateLoadBalancerNodePorts": True,
            "ports": [{"protocol": "TCP", "port": 80, "targetPort": "http"}],
        }),
        ("v1 Service", {"sessionAffinity": "ClientIP", "ports": [{"port": 80}]}, {
            "type": "ClusterIP", "sessionAffinity": "ClientIP", "internalTrafficPolicy": "Cluster",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
            "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}],
        }),
        ("v1 Service", {"type": "ExternalName", "externalName": "a"},
         {"type": "ExternalName", "sessionAffinity": "None", "externalName": "a"}),
        ("networking.k8s.io/v1 NetworkPolicy", {"egress": [{}]},
         {"podSelector": {}, "egress": [{}], "policyTypes": ["Ingress", "Egress"]}),
        ("autoscaling/v2 HorizontalPodAutoscaler", {"behavior": {"scaleUp": {"selectPolicy": "Min"}}}, {
            "scaleTargetRef": {"kind": "", "name": ""}, "minReplicas": 1, "maxReplicas": 0,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
            "behavior": {
                "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Min",
                            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, _BY_PERCENT]},
                "scaleDown": {"selectPolicy": "Max", "policies": [_BY_PERCENT]},
            },
        }),
        ("v1 LimitRange", {"limits": [{"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}}]}, {
            "limits": [{"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}, "default": {"cpu": "2"},
                        "defaultRequest": {"cpu": "2", "memory": "1Mi"}}],
        }),
        ("storage.k8s.io/v1 CSIDriver", {}, {
            "attachRequired": True, "podInfoOnMount": False, "volumeLifecycleModes": ["Persistent"],
            "storageCapacity": False, "fsGroupPolicy": "ReadWriteOnceWithFSType", "requiresRepublish": False,
            "seLinuxMount": False,
        }),
    ],
)  # fmt: skip
def test_spec(kind: str, spec: Any, expected: Any) -> None:
    assert spec_of(*kind.split(), spec) == expected


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        ("host:5000/a/nginx", "Always"),
        ("host:5000/a/nginx:1", "IfNotPresent"),
        ("nginx@sha256:" + "0" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "0" * 64, "Always"),
        ("UPPER/CASE", "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)
def test_pull_policy(image: str, policy: str) -> None:
    (container,) = spec_of("v1", "Pod", {"containers": [{"name": "c", "image": image}]})["containers"]
    assert container["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"httpGet": {"port": 80}}, {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}}),
        ({"grpc": {"port": 1}, "failureThreshold": 0}, {"grpc": {"port": 1, "service": ""}}),
    ],
)
def test_probe(probe: Any, expected: Any) -> None:
    (container,) = spec_of("v1", "Pod", {"containers": [{"name": "c", "livenessProbe": probe}]})["containers"]
    numbers = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    assert container["livenessProbe"] == expected | numbers


def test_pods_but_not_templates_take_requests_from_limits_and_host_ports() -> None:
    spec = {
        "hostNetwork": True,
        "containers": [
            {"name": "c", "ports": [{"containerPort": 80}],
             "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}}},
        ],
    }  # fmt: skip
    (container,) = spec_of("v1", "Pod", spec)["containers"]
    assert container["ports"] == [{"hostPort": 80, "containerPort": 80, "protocol": "TCP"}]
    assert container["resources"]["requests"] == {"cpu": "100m", "memory": "1Gi"}
    (container,) = spec_of("apps/v1", "ReplicaSet", {"template": {"spec": spec}})["template"]["spec"]["containers"]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert container["resources"]["requests"] == {"cpu": "100m"}


def test_requests_of_a_pod_come_from_its_containers_then_from_its_limits() -> None:
    def needs(cpu: str, **more: str) -> dict[str, Any]:
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}

    spec = {
        "resources": {"limits": {"cpu": "4", "memory": "1Gi"}},
        "containers": [needs("500m"), needs("500m")],
        "initContainers": [needs("250m", restartPolicy="Always"), needs("1500m")],
    }
    assert spec_of("v1", "Pod", spec)["resources"]["requests"] == {"cpu": "1750m", "memory": "1Gi"}


def test_kinds_that_default_beside_the_spec() -> None:
    def admit(api_version: str, kind: str, obj: Any) -> Any:
        return codec(api_version, kind).admit(orjson.dumps(obj), "Strict")[0]

    namespace = admit("v1", "Namespace", {"metadata": {"name": "n"}})
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}
    assert namespace["status"] == {"phase": "Active"}
    secret = admit("v1", "Secret", {"stringData": {"a": "b"}, "data": {"a": "YQ==", "c": "YQ=="}})
    assert (secret["data"], secret["type"]) == ({"a": "Yg==", "c": "YQ=="}, "Opaque")
    job = admit("batch/v1", "Job", {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}})
    assert job["metadata"]["labels"] == {"a": "b"}
    assert admit("v1", "Pod", {"status": {"podIP": "1.2.3.4"}})["status"]["podIPs"] == [{"ip": "1.2.3.4"}]
    subjects = [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}]
    binding = admit("rbac.authorization.k8s.io/v1", "RoleBinding", {"subjects": subjects})
    assert [each.get("apiGroup") for each in binding["subjects"]] == ["rbac.authorization.k8s.io", None]
    assert binding["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    definition = admit(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {"spec": {"names": {"kind": "Foo", "plural": "foos"}, "versions": [{"name": "v1", "storage": True}]}},
    )
    assert definition["spec"]["names"] == {"plural": "foos", "kind": "Foo", "singular": "foo", "listKind": "FooList"}
    assert definition["status"]["storedVersions"] == ["v1"]
