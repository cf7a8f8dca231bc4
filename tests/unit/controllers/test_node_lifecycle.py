"""Nodes that fall silent: conditions, taints, Pods, and when to look again."""

from typing import Any

import pytest
from msgspec.structs import replace

from kybern.api.types.coordination_v1 import Lease, LeaseSpec
from kybern.api.types.core_v1 import Node, NodeCondition, NodeSpec, NodeStatus, Pod, PodCondition, PodStatus, Taint
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import format_time
from kybern.client.plan import Plan
from kybern.controllers.node_lifecycle import Config, Health, NodeLifecycle, adds_eviction, decide, observe
from kybern.controllers.node_taints import Disruption, disruption

NOW = 1_000_000.0
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def node(ready: str = "True", *taints: tuple[str, str], name: str = "n", **conditions: str) -> Node:
    found = {"Ready": ready, "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", **conditions}
    return Node(
        metadata=ObjectMeta(name=name, uid="u", resource_version="7", creation_timestamp=format_time(NOW - 500)),
        spec=NodeSpec(taints=[Taint(key=key, effect=effect, time_added=format_time(NOW)) for key, effect in taints]),
        status=NodeStatus(conditions=[NodeCondition(type=key, status=each) for key, each in found.items() if each]),
    )


def pod(ready: str) -> Pod:
    conditions = [PodCondition(type="Ready", status=ready)] if ready else []
    return Pod(metadata=ObjectMeta(name="p", uid="p"), status=PodStatus(conditions=conditions))


def health(silent_for: float) -> Health:
    return Health("u", "", "", NOW - silent_for)


def looked_at(subject: Node, silent_for: float = 0.0, *pods: Pod, **how: Any) -> Plan:
    return decide(subject, health(silent_for), pods, NOW, Config(), **{"ill": Disruption(), **how})


def taints_of(plan: Plan) -> set[tuple[str, str]] | None:
    for patch in plan.patches:
        if "spec" in patch.patch:
            return {(each["key"], each["effect"]) for each in patch.patch["spec"]["taints"] or ()}
    return None


def test_a_node_that_lives_is_looked_at_when_its_grace_would_end() -> None:
    plan = looked_at(node(), 15.0)
    assert (plan.writes, plan.requeue_after) == (0, 35.0)


@pytest.mark.parametrize("leap", [3600.0, -3600.0, 0.0])
def test_a_time_of_day_that_is_set_silences_nobody(leap: float) -> None:
    loop = NodeLifecycle(Config(), {"n": health(15.0)}, {"": NOW + 5.0})
    loop.follow_clock(NOW, 70.0)
    later = NOW + 10.0 + leap
    loop.follow_clock(later, 80.0)
    plan = decide(node(), loop.health["n"], (), later, Config(), ill=Disruption())
    assert (plan.writes, plan.requeue_after) == (0, 25.0)
    assert loop.next_eviction[""] - later == -5.0


def test_silence_makes_the_conditions_unknown_and_the_pods_unready() -> None:
    plan = looked_at(node(), 50.0, pod("True"), pod("False"), pod(""))
    about_node, about_pod = plan.patches
    conditions = about_node.patch["status"]["conditions"]
    assert about_node.subresource == "status"
    assert {each["type"] for each in conditions} == {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"}
    assert {(each["status"], each["reason"], each["message"]) for each in conditions} == {
        ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    }
    assert about_pod.patch["status"]["conditions"][0]["status"] == "False"
    assert [(each.reason, each.message) for each in plan.events] == [
        ("NodeNotReady", "Node n status is now: NodeNotReady"),
        ("NodeNotReady", "Node is not ready"),
    ]


def test_a_node_that_never_spoke_has_longer_and_another_reason() -> None:
    mute = replace(node(), status=NodeStatus())
    assert looked_at(mute, 59.0).writes == 0
    conditions = looked_at(mute, 60.0).patches[0].patch["status"]["conditions"]
    assert {(each["reason"], each["message"]) for each in conditions} == {
        ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
    }


BOTH = {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}
FOREIGN = ("mine", "NoExecute")

TAINTS: dict[str, tuple[Node, dict[str, Any], set[tuple[str, str]] | None]] = {
    "ready": (node("True"), {}, None),
    "unknown": (node("Unknown"), {}, BOTH),
    "not ready": (node("False"), {}, {(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")}),
    "ready again": (node("True", *BOTH, FOREIGN), {}, {FOREIGN}),
    "already": (node("Unknown", *BOTH), {}, None),
    "swapped at once": (
        node("Unknown", (NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")),
        {"wait": 9.0},
        BOTH,
    ),
    "pressure": (node(MemoryPressure="True"), {}, {("node.kubernetes.io/memory-pressure", "NoSchedule")}),
    "the zone waits": (node("Unknown"), {"wait": 9.0}, {(UNREACHABLE, "NoSchedule")}),
    "the zone is disrupted": (node("Unknown"), {"ill": Disruption(0.0)}, {(UNREACHABLE, "NoSchedule")}),
    "all is disrupted": (node("Unknown", *BOTH), {"ill": Disruption(0.0, True)}, {(UNREACHABLE, "NoSchedule")}),
    "no status yet": (node(""), {}, None),
}


@pytest.mark.parametrize("case", TAINTS)
def test_taints(case: str) -> None:
    subject, how, expected = TAINTS[case]
    assert taints_of(looked_at(subject, 0.0, **how)) == expected


def test_cordoned_nodes_are_tainted() -> None:
    cordoned = node()
    cordoned.spec.unschedulable = True
    assert taints_of(looked_at(cordoned)) == {("node.kubernetes.io/unschedulable", "NoSchedule")}


def test_the_first_eviction_taint_uses_the_rate_up() -> None:
    fresh = node("Unknown")
    assert adds_eviction(looked_at(fresh), fresh)
    swapped = node("Unknown", (NOT_READY, "NoExecute"))
    assert not adds_eviction(looked_at(swapped), swapped)


def zone(ready: int, unready: int) -> list[Node]:
    return [node("True", name=f"r{each}") for each in range(ready)] + [
        node("Unknown", name=f"u{each}") for each in range(unready)
    ]


DISRUPTION = {
    "healthy": (zone(3, 1), Disruption(0.1)),
    "more than half of a small zone": (zone(2, 3), Disruption(0.0)),
    "two are never too many": (zone(1, 2), Disruption(0.1)),
    "more than half of a large zone": (zone(20, 40), Disruption(0.01)),
    "everything": (zone(0, 3), Disruption(0.0, everywhere=True)),
}


@pytest.mark.parametrize("case", DISRUPTION)
def test_disruption(case: str) -> None:
    nodes, expected = DISRUPTION[case]
    assert disruption(nodes[-1], nodes) == expected


def test_signs_of_life_count_from_when_they_are_seen() -> None:
    lease = Lease(spec=LeaseSpec(renew_time="then"))
    first = observe(None, node(), lease, NOW)
    assert first.seen == NOW
    assert observe(first, node(), lease, NOW + 10) is first
    renewed = observe(first, node(), Lease(spec=LeaseSpec(renew_time="later")), NOW + 10)
    assert renewed.seen == NOW + 10
    posted = node()
    posted.status.conditions[0].last_heartbeat_time = "later"
    assert observe(first, posted, lease, NOW + 20).seen == NOW + 20
    assert observe(None, node(""), None, NOW).seen == NOW - 500
