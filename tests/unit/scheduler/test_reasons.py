"""The words of a refusal are upstream's."""

from random import Random
from typing import Any

import pytest

from kybern.scheduler.placing import Placer
from kybern.scheduler.preemption import preempt
from kybern.scheduler.reasons import Refusal
from tests.unit.scheduler.world import node, node_required, pod, request, table

TAINT = {"key": "k", "effect": "NoSchedule"}


def check(nodes: list[Any], pods: list[Any], asking: Any, expected: str) -> None:
    world = table(nodes, pods)
    placer = Placer(world)
    refusal = placer.decide(asking)
    assert isinstance(refusal, Refusal)
    if refusal.total:
        refusal.preemption = preempt(asking, refusal, world, placer, (), Random(1)).message
    assert refusal.message == expected


CASES: dict[str, tuple[list[Any], list[Any], Any, str]] = {
    "no nodes": ([], [], request("p"), "no nodes available to schedule pods"),
    "mixed": (
        [node("a", taints=[TAINT]), node("b", taints=[TAINT]), node("c")],
        [pod("x", {"cpu": "4"}, on="c")],
        request("p", {"cpu": "1"}),
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). "
        "no new claims to deallocate, preemption: 0/3 nodes are available: "
        "1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
    ),
    "several shortages of one node": (
        [node("a")],
        [],
        request("p", {"cpu": "9", "memory": "90Gi"}),
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. "
        "no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    ),
    "never preempts": (
        [node("a", cordoned=True)],
        [],
        request("p", preemptionPolicy="Never"),
        "0/1 nodes are available: 1 node(s) were unschedulable. "
        "no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.",
    ),
    "pinned to one of two": (
        [node("a"), node("b")],
        [pod("x", {"cpu": "4"}, on="a")],
        request(
            "p",
            {"cpu": "1"},
            affinity=node_required({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}),
        ),
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]. "
        "no new claims to deallocate, preemption: 0/2 nodes are available: "
        "1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_messages(name: str) -> None:
    check(*CASES[name])


def test_a_pod_that_no_node_was_looked_at_for() -> None:
    world = table([node("a")])
    refusal = Refusal(1, {}, frozenset(("VolumeBinding",)), world.live, whole='persistentvolumeclaim "data" not found')
    assert refusal.message == '0/1 nodes are available: persistentvolumeclaim "data" not found. not found'
