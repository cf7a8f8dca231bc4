"""Who has to go: upstream's choice."""

from random import Random
from typing import Any

import pytest

from kybern.scheduler.placing import Placer
from kybern.scheduler.preemption import Budget, Memory, preempt
from kybern.scheduler.reasons import Refusal
from kybern.scheduler.selectors import from_labels
from tests.unit.scheduler.world import node, pod, request, required, table, term

OLD = "2026-01-01T00:00:00Z"
GREEN = {"color": "green"}


def running(name: str, on: str, priority: int = 0, cpu: str = "2", start: str = OLD, **rest: Any) -> Any:
    return pod(name, {"cpu": cpu}, on=on, priority=priority, status={"startTime": start}, **rest)


def check(pods: list[Any], budgets: list[Budget], asking: Any, expected: tuple[str | None, set[str]]) -> None:
    names = sorted({each.spec.node_name for each in pods})
    world = table([node(name) for name in names], pods)
    placer = Placer(world)
    refusal = placer.decide(asking)
    assert isinstance(refusal, Refusal)
    before = {key: row for key, (_, row) in world.pods.items()}
    for memory in (None, Memory()):
        plan = preempt(asking, refusal, world, placer, budgets, Random(1), None, memory)
        assert (plan.node, {victim.name for victim in plan.victims}) == expected
    assert {key: row for key, (_, row) in world.pods.items()} == before


HIGH = request("high", {"cpu": "2"}, priority=10)
CASES: dict[str, tuple[list[Any], list[Budget], Any, tuple[str | None, set[str]]]] = {
    "only as many as needed": ([running("x", "a"), running("y", "a", 1)], [], HIGH, ("a", {"x"})),
    "never equals": ([running("x", "a", 10), running("y", "a", 10)], [], HIGH, (None, set())),
    "the lowest highest priority": (
        [running("x", "a", 5, "4"), running("y", "b", 3, "4")],
        [],
        HIGH,
        ("b", {"y"}),
    ),
    "the fewest victims": (
        [running("x", "a", 1, "4"), running("y", "b", 1, "1500m"), running("z", "b", 1, "2500m")],
        [],
        request("high", {"cpu": "4"}, priority=10),
        ("a", {"x"}),
    ),
    "the latest start": (
        [running("x", "a", 1, "4"), running("y", "b", 1, "4", "2026-01-02T00:00:00Z")],
        [],
        HIGH,
        ("b", {"y"}),
    ),
    "budgets are spared": (
        [running("x", "a", 0, "4", labels=GREEN), running("y", "b", 5, "4")],
        [Budget("default", from_labels(GREEN), 0)],
        HIGH,
        ("b", {"y"}),
    ),
    "but not at any price": (
        [running("x", "a", 0, "4", labels=GREEN)],
        [Budget("default", from_labels(GREEN), 0)],
        HIGH,
        ("a", {"x"}),
    ),
    "anti-affinity": (
        [running("x", "a", 0, "1", labels=GREEN), running("y", "a", 0, "1")],
        [],
        request("high", priority=10, affinity=required("podAntiAffinity", term("kubernetes.io/hostname", "green"))),
        ("a", {"x"}),
    ),
    "ports": (
        [running("x", "a", ports=[80]), running("y", "a")],
        [],
        request("h", ports=[80], priority=1),
        ("a", {"x"}),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_victims(name: str) -> None:
    check(*CASES[name])


def test_room_is_kept_for_the_nominated() -> None:
    world = table([node("a")])
    placer = Placer(world)
    high = request("high", {"cpu": "3"}, priority=10)
    placer.nominate(high, "a")
    refused = placer.decide(request("low", {"cpu": "2"}))
    assert isinstance(refused, Refusal)
    assert refused.message == "0/1 nodes are available: 1 Insufficient cpu."
    assert placer.decide(request("small", {"cpu": "1"}))[0] == "a"  # type: ignore[index]
    assert placer.decide(request("higher", {"cpu": "2"}, priority=11))[0] == "a"  # type: ignore[index]
    assert placer.decide(high)[0] == "a"  # type: ignore[index]
    placer.withdraw(high.key)
    assert placer.decide(request("low", {"cpu": "2"}))[0] == "a"  # type: ignore[index]


def test_who_waits_for_victims_to_end_evicts_no_one_else() -> None:
    leaving = running("x", "a", 0, "2", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    world = table([node("a"), node("b")], [leaving, running("y", "a", 0), running("z", "b", 0, "4")])
    placer = Placer(world)
    placer.nominate(HIGH, "a")
    refusal = placer.decide(HIGH)
    assert isinstance(refusal, Refusal)
    plan = preempt(HIGH, refusal, world, placer, (), Random(1))
    assert (plan.node, plan.victims) == ("a", ())
    assert plan.message == "preemption: not eligible due to a terminating pod on the nominated node."
