"""What a node takes, the class of a Pod, and what the kernel is told of it."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kybern.api.types import convert
from kybern.api.types.core_v1 import Node, NodeCondition, Pod
from kybern.kubelet.cgroups import Cgroups, Hierarchy, has_unified_memory, pod_limits
from kybern.kubelet.node_admission import decide_admission
from kybern.kubelet.qos import cpu_shares, oom_score_adj, pod_resources, qos_class
from kybern.kubelet.resizing import decide_fit

from .worlds import container, pod

GI = 1 << 30
NODE = convert(
    {
        "metadata": {"name": "n", "labels": {"disk": "ssd"}},
        "spec": {"taints": [{"key": "k", "value": "v", "effect": "NoExecute"}]},
        "status": {
            "allocatable": {
                "cpu": "2",
                "memory": "1Gi",
                "pods": "2",
                "ephemeral-storage": "1Gi",
                "example.com/gpu": "1",
            }
        },
    },
    Node,
)
TOLERANT = [{"key": "k", "operator": "Exists"}]


def asks(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None) -> dict[str, Any]:
    return container("c", resources={"requests": requests or {}, "limits": limits or {}})


def tolerant(*containers: dict[str, Any], **spec: Any) -> Pod:
    return pod(*containers, tolerations=TOLERANT, **spec)


def required(operator: str, *values: str) -> dict[str, Any]:
    terms = [{"matchExpressions": [{"key": "disk", "operator": operator, "values": list(values)}]}]
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"nodeAffinity": rule}


@pytest.mark.parametrize(
    ("subject", "others", "expected"),
    [
        (tolerant(), [], ""),
        (pod(), [], "TaintToleration"),
        (tolerant(asks({"cpu": "2"})), [], ""),
        (tolerant(asks({"cpu": "2"})), [pod(asks({"cpu": "1m"}))], "OutOfcpu"),
        (tolerant(asks({"memory": "2Gi"})), [], "OutOfmemory"),
        (tolerant(), [pod(), pod()], "OutOfpods"),
        (tolerant(asks({"ephemeral-storage": "2Gi"})), [], "OutOfephemeral-storage"),
        (tolerant(asks({"example.com/gpu": "1"})), [pod(asks({"example.com/gpu": "1"}))], "OutOfexample.com/gpu"),
        (tolerant(asks({"example.com/unknown": "1"})), [], ""),
        (tolerant(asks({"cpu": "9"}), priority=2_000_001_000), [], ""),
        (tolerant(nodeName="other"), [], "NodeName"),
        (tolerant(nodeSelector={"disk": "hdd"}), [], "NodeAffinity"),
        (tolerant(affinity=required("In", "ssd", "nvme")), [], ""),
        (tolerant(affinity=required("NotIn", "ssd")), [], "NodeAffinity"),
        (tolerant(affinity=required("Gt", "3")), [], "NodeAffinity"),
        (tolerant(os={"name": "windows"}), [], "PodOSNotSupported"),
        (tolerant(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}), [], "SysctlForbidden"),
        (tolerant(securityContext={"sysctls": [{"name": "net/ipv4/tcp_rmem", "value": "1"}]}), [], ""),
        (
            tolerant(securityContext={"supplementalGroupsPolicy": "Strict"}),
            [],
            "SupplementalGroupsPolicyNotSupported",
        ),
        (
            tolerant(container("c", ports=[{"containerPort": 1, "hostPort": 80}])),
            [pod(container("c", ports=[{"containerPort": 2, "hostPort": 80, "protocol": "TCP"}]))],
            "NodePorts",
        ),
    ],
)
def test_admission(subject: Pod, others: list[Pod], expected: str) -> None:
    refusal = decide_admission(subject, others, NODE)
    assert (refusal.reason if refusal else "") == expected


@pytest.mark.parametrize(
    ("condition", "subject", "message"),
    [
        ("MemoryPressure", tolerant(), "The node had condition: [MemoryPressure]. "),
        ("MemoryPressure", tolerant(asks({"cpu": "1m"})), ""),
        ("DiskPressure", tolerant(asks({"cpu": "1m"})), "The node had condition: [DiskPressure]. "),
        ("DiskPressure", tolerant(priority=2_000_000_000), ""),
        ("Ready", tolerant(), ""),
    ],
)
def test_a_node_that_is_short_of_something(condition: str, subject: Pod, message: str) -> None:
    short = replace(NODE, status=replace(NODE.status, conditions=[NodeCondition(type=condition, status="True")]))
    refusal = decide_admission(subject, [], short)
    assert (refusal.message if refusal else "") == message


@pytest.mark.parametrize(
    ("cpu", "others", "expected"),
    [
        ("1", [], ("", "")),
        ("9", [], ("Infeasible", "Node didn't have enough capacity: cpu, requested: 9000, capacity: 2000")),
        (
            "2",
            [pod(asks({"cpu": "500m"}))],
            ("Deferred", "Node didn't have enough resource: cpu, requested: 2000, used: 500, capacity: 2000"),
        ),
    ],
)
def test_whether_a_resize_fits(cpu: str, others: list[Pod], expected: tuple[str, str]) -> None:
    refusal = decide_fit(tolerant(asks({"cpu": cpu})), others, NODE)
    assert ((refusal.reason, refusal.message) if refusal else ("", "")) == expected


def test_the_numbers_are_told() -> None:
    refusal = decide_admission(tolerant(asks({"cpu": "1500m"})), [pod(asks({"cpu": "1"}))], NODE)
    assert refusal is not None
    assert refusal.message == "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pod(), "BestEffort"),
        (pod(asks({"cpu": "1"})), "Burstable"),
        (pod(asks({}, {"cpu": "1", "memory": "1Gi"})), "Guaranteed"),
        (pod(asks({"cpu": "1", "memory": "1Gi"}, {"cpu": "1000m", "memory": "1Gi"})), "Guaranteed"),
        (pod(asks({"cpu": "500m"}, {"cpu": "1", "memory": "1Gi"})), "Burstable"),
        (pod(asks({}, {"cpu": "1", "memory": "1Gi"}), container("d")), "Burstable"),
        (pod(asks({"ephemeral-storage": "1Gi"})), "BestEffort"),
    ],
)
def test_class(subject: Pod, expected: str) -> None:
    assert qos_class(subject) == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pod(), 1000),
        (pod(asks({}, {"cpu": "1", "memory": "1Gi"})), -997),
        (pod(asks({"memory": "1Gi"})), 750),
        (pod(asks({"cpu": "1"})), 999),
        (pod(asks({"memory": "4Gi"})), 3),
        (pod(priority=2_000_000_000), 1000),
        (pod(priority=2_000_001_000, priorityClassName="system-node-critical"), -997),
    ],
)
def test_oom_score(subject: Pod, expected: int) -> None:
    assert oom_score_adj(subject, subject.spec.containers[0], 4 * GI) == expected


def test_resources_of_a_pod() -> None:
    subject = pod(
        asks({"cpu": "100m", "memory": "1Mi"}),
        initContainers=[
            asks({"cpu": "300m"}) | {"name": "i"},
            asks({"cpu": "50m"}) | {"name": "s", "restartPolicy": "Always"},
        ],
        overhead={"cpu": "10m"},
    )
    assert pod_resources(subject, limits=False) == {"cpu": 310, "memory": 1 << 20}
    assert pod_resources(subject, limits=True) == {}
    assert [cpu_shares(milli) for milli in (0, 100, 1000)] == [2, 102, 1024]


def test_cgroup_files() -> None:
    v1, v2 = pod_limits(pod(asks({"cpu": "500m"}, {"cpu": "1", "memory": "1Mi"})), cfs_quota=True)
    assert v1 == {
        "cpu.shares": "512",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "100000",
        "memory.limit_in_bytes": "1048576",
    }
    assert v2 == {"cpu.weight": "20", "cpu.max": "100000 100000", "memory.max": "1048576"}


@pytest.mark.parametrize(
    ("root", "subject", "expected"),
    [
        ("/", pod(), "/kubepods/besteffort/podu"),
        ("/kybern/node0", pod(asks({"cpu": "1"})), "/kybern/node0/kubepods/burstable/podu"),
        ("", pod(asks({}, {"cpu": "1", "memory": "1Gi"})), "/kubepods/podu"),
    ],
)
def test_cgroup_paths(root: str, subject: Pod, expected: str) -> None:
    assert Cgroups(root, cfs_quota=True, hierarchies=[]).parent(subject) == expected


@pytest.mark.parametrize(
    ("is_v2", "controllers", "expected"),
    [(True, "cpu memory pids", True), (True, "hugetlb", False), (False, "memory", False)],
)
def test_whether_containers_die_as_a_whole(tmp_path: Path, is_v2: bool, controllers: str, expected: bool) -> None:
    (tmp_path / "cgroup.controllers").write_text(f"{controllers}\n")
    assert has_unified_memory([Hierarchy(tmp_path, is_v2)]) is expected


@pytest.mark.parametrize(
    ("own", "other", "meet"),
    [
        ({}, {}, True),
        ({"hostIP": "10.0.0.1"}, {}, True),
        ({"hostIP": "10.0.0.1"}, {"hostIP": "10.0.0.2"}, False),
        ({"protocol": "UDP"}, {}, False),
        ({"hostPort": 81}, {}, False),
    ],
)
def test_ports_of_the_node(own: dict[str, Any], other: dict[str, Any], meet: bool) -> None:
    first, second = (
        tolerant(container("c", ports=[{"containerPort": 1, "hostPort": 80, "protocol": "TCP", **each}]))
        for each in (own, other)
    )
    refusal = decide_admission(first, [second], NODE)
    assert (refusal.reason if refusal else "") == ("NodePorts" if meet else "")
