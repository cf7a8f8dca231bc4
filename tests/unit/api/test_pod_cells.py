"""What `kubectl get pods` and `kubectl get nodes` show of states. Source: upstream's printers and their tests."""

from typing import Any

import pytest

from kybern.api import registry
from tests.unit.api.written import NOW

READY = {"type": "Ready", "status": "True"}
INITIALIZED = {"type": "Initialized", "status": "True"}
RUNNING = {"running": {}}
RESTARTED = {"terminated": {"finishedAt": "2026-02-02T02:39:00Z"}}


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


def ended(code: int = 0, reason: str = "", **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason or ("Completed" if code == 0 else "Error"), **more}}


def one(state: dict[str, Any], name: str = "c", **more: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "ready": "running" in state, **more}


def shown(status: dict[str, Any], spec: dict[str, Any] | None = None, **metadata: Any) -> tuple[str, str, str]:
    """READY, STATUS, RESTARTS."""
    containers = [{"name": each["name"]} for each in status.get("containerStatuses", ())] or [{"name": "c"}]
    pod = {"metadata": {"name": "p", **metadata}, "spec": {"containers": containers, **(spec or {})}, "status": status}
    resource = registry.find("", "v1", "pods")
    assert resource is not None
    assert resource.cells is not None
    return tuple(resource.cells(pod, NOW)[1:4])  # type: ignore[return-value]


INITS = {"initContainers": [{"name": "i"}, {"name": "j"}]}
SIDECAR = {"initContainers": [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}]}
CASES: list[tuple[dict[str, Any], dict[str, Any] | None, tuple[str, str, str]]] = [
    ({"phase": "Pending"}, None, ("0/1", "Pending", "0")),
    ({"phase": "Failed", "reason": "Evicted"}, None, ("0/1", "Evicted", "0")),
    (
        {"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]},
        None,
        ("0/1", "SchedulingGated", "0"),
    ),
    ({"phase": "Running", "containerStatuses": [one(RUNNING)]}, None, ("1/1", "Running", "0")),
    (
        {"phase": "Running", "containerStatuses": [one(RUNNING, restartCount=3, lastState=RESTARTED)]},
        None,
        ("1/1", "Running", "3 (60s ago)"),
    ),
    (
        {"phase": "Running", "containerStatuses": [one(waiting("CrashLoopBackOff"), restartCount=2)]},
        None,
        ("0/1", "CrashLoopBackOff", "2"),
    ),
    ({"phase": "Failed", "containerStatuses": [one(ended(3))]}, None, ("0/1", "Error", "0")),
    ({"phase": "Failed", "containerStatuses": [one(ended(137, "OOMKilled"))]}, None, ("0/1", "OOMKilled", "0")),
    (
        {"phase": "Failed", "containerStatuses": [one({"terminated": {"exitCode": 0, "signal": 9}})]},
        None,
        ("0/1", "Signal:9", "0"),
    ),
    (
        {"phase": "Failed", "containerStatuses": [one({"terminated": {"exitCode": 2}})]},
        None,
        ("0/1", "ExitCode:2", "0"),
    ),
    # One container has failed and another has not: the failure is what is told.
    ({"phase": "Failed", "containerStatuses": [one(ended()), one(ended(1), "d")]}, None, ("0/2", "Error", "0")),
    (
        {"phase": "Running", "containerStatuses": [one(ended()), one(RUNNING, "d")], "conditions": [READY]},
        None,
        ("1/2", "Running", "0"),
    ),
    ({"phase": "Running", "containerStatuses": [one(ended()), one(RUNNING, "d")]}, None, ("1/2", "NotReady", "0")),
    (
        {"phase": "Running", "containerStatuses": [one(ended()), one(RUNNING, "d"), one(ended(2), "e")]},
        None,
        ("1/3", "Error", "0"),
    ),
    ({"phase": "Pending", "initContainerStatuses": [one(RUNNING, "i")]}, INITS, ("0/1", "Init:0/2", "0")),
    (
        {"phase": "Pending", "initContainerStatuses": [one(ended(), "i"), one(waiting("PodInitializing"), "j")]},
        INITS,
        ("0/1", "Init:1/2", "0"),
    ),
    (
        {"phase": "Pending", "initContainerStatuses": [one(waiting("CrashLoopBackOff"), "i", restartCount=4)]},
        INITS,
        ("0/1", "Init:CrashLoopBackOff", "4"),
    ),
    ({"phase": "Pending", "initContainerStatuses": [one(ended(1), "i")]}, INITS, ("0/1", "Init:Error", "0")),
    (
        {
            "phase": "Running",
            "initContainerStatuses": [
                one(RUNNING, "s", started=True, restartCount=1),
                one(ended(), "i", restartCount=5),
            ],
            "containerStatuses": [one(RUNNING, restartCount=2)],
            "conditions": [INITIALIZED, READY],
        },
        SIDECAR,
        ("2/2", "Running", "3"),
    ),
]


@pytest.mark.parametrize(("status", "spec", "expected"), CASES)
def test_pods(status: dict[str, Any], spec: dict[str, Any] | None, expected: tuple[str, str, str]) -> None:
    assert shown(status, spec) == expected


def test_pods_that_are_deleted() -> None:
    gone = {"deletionTimestamp": "2026-02-02T02:39:00Z"}
    assert shown({"phase": "Running", "containerStatuses": [one(RUNNING)]}, **gone)[1] == "Terminating"
    assert shown({"phase": "Running", "reason": "NodeLost"}, **gone)[1] == "Unknown"
    assert shown({"phase": "Failed", "containerStatuses": [one(ended(1))]}, **gone)[1] == "Error"


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, "<unknown>"),
        ({"kernelVersion": "6.1.0"}, "6.1.0"),
        ({"kernelVersion": "6.1.0", "architecture": "arm64"}, "6.1.0 (arm64)"),
        ({"architecture": "arm64"}, "<unknown> (arm64)"),
    ],
)
def test_a_nodes_kernel_is_shown_with_its_architecture(info: dict[str, str], expected: str) -> None:
    resource = registry.find("", "v1", "nodes")
    assert resource is not None
    assert resource.cells is not None
    assert resource.cells({"metadata": {"name": "n"}, "status": {"nodeInfo": info}}, NOW)[8] == expected
