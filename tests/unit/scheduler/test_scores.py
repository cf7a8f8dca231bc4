"""Scores by upstream's formulas, worked out by hand."""

import pytest

from kybern.scheduler.columns import np
from kybern.scheduler.placing import Placer
from kybern.scheduler.scores import inter_pod_affinity, preferences, resources
from tests.unit.scheduler.world import node, pod, request, table, term

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("requests", "least", "balanced"),
    [
        ({}, 97, 0),  # defaults of 100m and 200 MiB count for the one, and nothing at all for the other
        ({"cpu": "2", "memory": "4Gi"}, 50, 100),
        ({"cpu": "4", "memory": "0"}, 50, 50),
        ({"cpu": "1", "memory": "8Gi"}, 37, 62),
    ],
)
def test_resources(requests: dict[str, str], least: int, balanced: int) -> None:
    world, shape = table([node("a")]), request("p", requests).shape
    assert resources.least_allocated(shape, world)[0] == least
    assert resources.balanced_allocation(shape, world)[0] == balanced


def test_preferred_nodes_and_taints() -> None:
    prefer = {"preference": {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}, "weight": 5}
    asking = request("p", affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [prefer]}})
    taint = {"key": "k", "effect": "PreferNoSchedule"}
    world = table([node("a", labels={"disk": "1"}), node("b"), node("c", taints=[taint])])
    feasible = world.live
    weights = preferences.normalise(preferences.affinity_weights(asking.shape, world), feasible)
    taints = preferences.normalise(preferences.taint_counts(asking.shape, world), feasible, reverse=True)
    assert list(weights[:3]) == [100, 0, 0]
    assert list(taints[:3]) == [100, 100, 0]
    assert Placer(world).decide(asking)[0] == "a"  # type: ignore[index]


def test_image_locality() -> None:
    images = [{"names": ["image:latest"], "sizeBytes": 1000 * MIB}]
    world = table([node("a", images=images), node("b")])
    assert list(preferences.image_locality(request("p").shape, world)[:2]) == [(500 - 23) * 100 // (1000 - 23), 0]


def test_pod_preferences_work_both_ways() -> None:
    wish = {"podAffinityTerm": term("kubernetes.io/hostname", "green"), "weight": 10}
    preferring = {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}
    world = table(
        [node("a"), node("b"), node("c")],
        [pod("x", labels={"color": "green"}, on="a"), pod("y", on="b", affinity={"podAntiAffinity": preferring})],
    )
    asking = request("p", labels={"color": "green"}, affinity={"podAffinity": preferring})
    raw = inter_pod_affinity.raw(asking, world)
    assert list(raw[:3]) == [10, -10, 0]
    assert list(inter_pod_affinity.normalise(raw, world.live)[:3]) == [100, 0, 50]


def test_soft_spread_prefers_the_emptier_zone() -> None:
    one = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    constraint = one | {"labelSelector": {"matchLabels": {"color": "green"}}}
    nodes = [node("a", labels={"zone": "1"}), node("b", labels={"zone": "2"})]
    world = table(nodes, [pod("x", labels={"color": "green"}, on="a")])
    asking = request("p", labels={"color": "green"}, topologySpreadConstraints=[constraint])
    assert Placer(world).decide(asking)[0] == "b"  # type: ignore[index]


def test_all_scores_of_nothing_are_empty() -> None:
    world = table([])
    assert not np.any(resources.least_allocated(request("p").shape, world)[world.live])
