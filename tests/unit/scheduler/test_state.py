"""What the scheduler does with what it sees, without any I/O."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from kybern import trace
from kybern.api.types.core_v1 import Pod
from kybern.scheduler.config import Profile, SchedulerConfig
from kybern.scheduler.state import Placement, Postponement, SchedulerState
from tests.unit.scheduler.world import node, pod, required, term

HOSTNAME = "kubernetes.io/hostname"


def state() -> SchedulerState:
    return SchedulerState(SchedulerConfig(profiles=(Profile(), Profile("mine"))), Random(1))


def test_a_pod_is_placed_once_and_its_room_is_taken() -> None:
    mind = state()
    mind.set_node(node("a", cpu=1), 0)
    mind.set_pod(pod("p", {"cpu": "1"}), 0)
    mind.set_pod(pod("q", {"cpu": "1"}), 0)
    first, second = mind.decide(0), mind.decide(0)
    assert isinstance(first, Placement)
    assert isinstance(second, Postponement)
    mind.set_pod(pod("p", {"cpu": "1"}), 0)
    assert mind.decide(100) is None
    mind.set_pod(pod("p", {"cpu": "1"}, on="a"), 100)
    mind.remove_pod(pod("p", {"cpu": "1"}, on="a"), 100)
    again = mind.decide(100)
    assert isinstance(again, Placement)
    assert again.request.name == "q"


def test_a_pod_that_changed_while_it_was_bound_is_looked_at_anew() -> None:
    mind = state()
    mind.set_node(node("a", cpu=4), 0)
    old = pod("p", {"cpu": "1"}, meta={"resourceVersion": "1"})
    mind.set_pod(old, 0)
    mind.decide(0)
    labelled = pod("p", {"cpu": "1"}, labels={"color": "blue"}, meta={"resourceVersion": "2"})
    mind.set_pod(labelled, 0, old)
    bound = pod("p", {"cpu": "1"}, on="a", labels={"color": "blue"}, meta={"resourceVersion": "3"})
    mind.set_pod(bound, 0, labelled)
    assert mind.table.pods["default", "p"][0].identity.label_map == {"color": "blue"}
    resized = pod("p", {"cpu": "4"}, on="a", labels={"color": "blue"}, meta={"resourceVersion": "4"})
    mind.set_pod(resized, 0, bound)
    mind.set_pod(pod("q", {"cpu": "1"}), 0)
    assert isinstance(mind.decide(0), Postponement)


def test_what_becomes_of_a_running_pod_changes_nothing() -> None:
    mind = state()
    mind.set_node(node("a", cpu=4), 0)
    seen = pod("p", {"cpu": "1"}, on="a", meta={"resourceVersion": "1"})
    mind.set_pod(seen, 0)
    request = mind.table.pods["default", "p"][0]
    mind.set_pod(pod("p", {"cpu": "1"}, on="a", status={"phase": "Running"}, meta={"resourceVersion": "2"}), 0, seen)
    assert mind.table.pods["default", "p"][0] is request
    assert request.revision == "2"


def test_a_pod_that_was_placed_here_wakes_those_that_wait_for_it() -> None:
    mind = state()
    mind.set_node(node("a", cpu=4), 0)
    mind.set_pod(pod("follower", affinity=required("podAffinity", term(HOSTNAME, "blue"))), 0)
    assert isinstance(mind.decide(0), Postponement)
    mind.set_pod(pod("other", labels={"color": "red"}), 0)
    mind.set_pod(pod("leader", labels={"color": "blue"}), 0)
    assert [isinstance(mind.decide(0), Placement) for _ in range(2)] == [True, True]
    mind.set_pod(pod("other", on="a", labels={"color": "red"}), 20)
    assert mind.decide(20) is None
    mind.set_pod(pod("leader", on="a", labels={"color": "blue"}), 20)
    placed = mind.decide(20)
    assert isinstance(placed, Placement)
    assert placed.request.name == "follower"


def test_labels_that_a_binding_brings_count_at_once() -> None:
    mind = state()
    mind.set_node(node("a", cpu=4), 0)
    mind.set_pod(pod("follower", affinity=required("podAffinity", term(HOSTNAME, "blue"))), 0)
    assert isinstance(mind.decide(0), Postponement)
    seen = pod("p", {"cpu": "1"}, meta={"resourceVersion": "1"})
    mind.set_pod(seen, 0)
    mind.decide(0)
    mind.set_pod(pod("p", {"cpu": "1"}, on="a", labels={"color": "blue"}, meta={"resourceVersion": "2"}), 20, seen)
    assert isinstance(mind.decide(20), Placement)
    mind.remove_pod(pod("p", {"cpu": "1"}, on="a", labels={"color": "blue"}), 20)
    mind.set_pod(pod("late", affinity=required("podAffinity", term(HOSTNAME, "blue"))), 20)
    assert isinstance(mind.decide(20), Postponement)


def test_a_failed_binding_gives_the_room_back() -> None:
    mind = state()
    mind.set_node(node("a", cpu=1), 0)
    mind.set_pod(pod("p", {"cpu": "1"}), 0)
    placement = mind.decide(0)
    assert isinstance(placement, Placement)
    mind.failed(placement.request, 0)
    assert mind.decide(0.5) is None
    assert isinstance(mind.decide(1), Placement)


def test_other_schedulers_pods_ended_pods_and_leaving_pods_are_left_alone() -> None:
    mind = state()
    mind.set_node(node("a"), 0)
    mind.set_pod(pod("other", schedulerName="other"), 0)
    mind.set_pod(pod("ended", status={"phase": "Failed"}), 0)
    mind.set_pod(pod("leaving", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"}), 0)
    assert mind.decide(0) is None
    mind.set_pod(pod("mine", schedulerName="mine"), 0)
    assert isinstance(mind.decide(0), Placement)


def test_a_node_wakes_those_that_none_could_take() -> None:
    mind = state()
    mind.set_pod(pod("p", {"cpu": "1"}), 0)
    refused = mind.decide(0)
    assert isinstance(refused, Postponement)
    assert refused.message == "no nodes available to schedule pods"
    mind.set_node(node("a"), 5)
    assert isinstance(mind.decide(5), Placement)


def test_preemption_evicts_and_keeps_the_node() -> None:
    mind = state()
    mind.set_node(node("a"), 0)
    mind.set_pod(pod("low", {"cpu": "4"}, on="a"), 0)
    mind.set_pod(pod("high", {"cpu": "4"}, priority=10), 0)
    verdict = mind.decide(0)
    assert isinstance(verdict, Postponement)
    assert (verdict.plan.node, [victim.name for victim in verdict.plan.victims]) == ("a", ["low"])
    assert verdict.message == "0/1 nodes are available: 1 Insufficient cpu."
    mind.remove_pod(pod("low", {"cpu": "4"}, on="a"), 1)
    mind.set_pod(pod("next", {"cpu": "4"}), 1)
    placed, other = mind.decide(2), mind.decide(2)
    assert isinstance(placed, Placement)
    assert placed.request.name == "high"
    assert isinstance(other, Postponement)


KEPT: dict[str, Any] = {"priority": 10, "schedulingGates": [{"name": "later"}]}
NOMINATED = {"nominatedNodeName": "a"}
GIVE_UP: dict[str, Callable[[SchedulerState, Pod], None]] = {
    "it is told": lambda mind, kept: mind.set_pod(pod("kept", {"cpu": "1"}, **KEPT), 20, kept),
    "it is gone": lambda mind, kept: mind.remove_pod(kept, 20),
    "it is going": lambda mind, kept: mind.set_pod(
        pod("kept", {"cpu": "1"}, status=NOMINATED, meta={"deletionTimestamp": "2026-01-01T00:00:00Z"}, **KEPT),
        20,
        kept,
    ),
}


@pytest.mark.parametrize("way", GIVE_UP)
def test_room_that_is_no_longer_kept_wakes_those_it_was_kept_from(way: str) -> None:
    mind = state()
    mind.set_node(node("a", cpu=1), 0)
    kept = pod("kept", {"cpu": "1"}, status=NOMINATED, **KEPT)
    mind.set_pod(kept, 0)
    mind.set_pod(pod("other", {"cpu": "1"}, priority=10), 0)
    assert isinstance(mind.decide(0), Postponement)
    assert mind.decide(20) is None
    GIVE_UP[way](mind, kept)
    placed = mind.decide(20)
    assert isinstance(placed, Placement)
    assert placed.request.name == "other"


def test_room_that_a_refusal_gives_up_wakes_those_who_rank_no_higher() -> None:
    mind = state()
    mind.set_node(node("a", cpu=1), 0)
    mind.set_pod(pod("high", {"cpu": "2"}, priority=20), 0)
    mind.set_pod(pod("other", {"cpu": "1"}, priority=10, meta={"creationTimestamp": "2026-01-01T00:00:00Z"}), 0)
    for name in ("first", "second"):
        kept = pod(
            name, {"cpu": "1"}, priority=10, status=NOMINATED, meta={"creationTimestamp": "2026-01-02T00:00:00Z"}
        )
        mind.set_pod(kept, 0)
    verdicts = [mind.decide(0) for _ in range(3)]
    names = [verdict.request.name for verdict in verdicts if isinstance(verdict, Postponement)]
    assert names[:2] == ["high", "other"]
    assert len(names) == 3, "for each of the two room is kept from the other"
    assert mind.queue.place_of(("default", "other")) == "backoff"
    assert mind.queue.place_of(("default", "high")) == "unschedulable"
    assert isinstance(mind.decide(0), Placement)


def test_refusals_are_recorded_with_their_counts() -> None:
    mind = state()
    mind.set_node(node("a", cpu=1), 0)
    mind.set_pod(pod("recorded", {"cpu": "2"}), 0)
    mind.decide(0)
    decision = next(each for each in trace.ring.take(10_000) if each.subject == "Pod/default/recorded")
    assert decision.verdict is trace.Verdict.REFUSED
    assert decision.seen["reasons"] == {"Insufficient cpu": 1}
    assert decision.seen["nodes"] == 1
