"""Pods that no kubelet will finish."""

from typing import Any

import pytest

from kybern.api.types.core_v1 import Node, NodeCondition, NodeSpec, NodeStatus, Pod, PodSpec, PodStatus, Taint
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.client.plan import Plan
from kybern.controllers import pod_gc

STAMP = "2026-01-01T00:00:00Z"


def pod(*, node: str = "", deleted: bool = False, phase: str = "Running") -> Pod:
    meta = ObjectMeta(name="p", namespace="default", uid="u", deletion_timestamp=STAMP if deleted else "")
    return Pod(metadata=meta, spec=PodSpec(node_name=node), status=PodStatus(phase=phase))


def node(ready: str, *taints: str) -> Node:
    return Node(
        metadata=ObjectMeta(name="n"),
        spec=NodeSpec(taints=[Taint(key=key, effect="NoExecute") for key in taints]),
        status=NodeStatus(conditions=[NodeCondition(type="Ready", status=ready)]),
    )


OUT = "node.kubernetes.io/out-of-service"
CASES: dict[str, tuple[Pod, Node | None, bool, str]] = {
    "well": (pod(node="n"), node("True"), False, ""),
    "waits to be scheduled": (pod(), None, False, ""),
    "its node is gone": (pod(node="n"), None, True, "NodeGone"),
    "its node is missing": (pod(node="n"), None, False, ""),
    "ends without a node": (pod(deleted=True), None, False, "TerminatingUnscheduled"),
    "ends on a node": (pod(node="n", deleted=True), node("False"), False, ""),
    "ends out of service": (pod(node="n", deleted=True), node("False", OUT), False, "TerminatingOutOfService"),
    "out of service, but ready": (pod(node="n", deleted=True), node("True", OUT), False, ""),
    "out of service, not deleted": (pod(node="n"), node("Unknown", OUT), False, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_decide(case: str) -> None:
    subject, where, gone, reason = CASES[case]
    plan = pod_gc.decide(subject, where, 0.0, node_is_gone=gone)
    assert [each.reason for each in plan.decisions] == ([reason] if reason else [])
    assert [each.grace_period_seconds for each in plan.deletes] == ([0] if reason else [])
    assert [each.patch["status"]["phase"] for each in plan.patches] == (["Failed"] if reason else [])


def test_a_lost_pod_is_marked_as_disrupted() -> None:
    status: dict[str, Any] = pod_gc.decide(pod(node="n"), None, 0.0, node_is_gone=True).patches[0].patch["status"]
    (condition,) = status["conditions"]
    assert (condition["type"], condition["status"], condition["reason"], condition["message"]) == (
        "DisruptionTarget",
        "True",
        "DeletionByPodGC",
        "PodGC: node no longer exists",
    )


def test_a_finished_pod_keeps_its_phase() -> None:
    plan = pod_gc.decide(pod(node="n", phase="Succeeded"), None, 0.0, node_is_gone=True)
    assert (len(plan.patches), len(plan.deletes)) == (0, 1)


def test_of_too_many_finished_the_evicted_and_oldest_go() -> None:
    finished = [
        Pod(
            metadata=ObjectMeta(name=name, creation_timestamp=f"2026-01-0{day}T00:00:00Z"),
            status=PodStatus(phase="Failed", reason=reason),
        )
        for name, day, reason in (("old", 1, ""), ("older", 1, ""), ("new", 3, ""), ("evicted", 4, "Evicted"))
    ]
    plan = Plan(finished[2])
    pod_gc.decide_excess(plan, finished, 2)
    assert [each.obj.metadata.name for each in plan.deletes] == ["evicted", "old"]
    within = Plan(finished[0])
    pod_gc.decide_excess(within, finished, 4)
    assert within.writes == 0
