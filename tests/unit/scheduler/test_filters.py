"""Each case: nodes, Pods that run, a Pod, and the nodes that may take it (or the message of the refusal)."""

from typing import Any

import pytest

from kybern.scheduler.config import Weights
from kybern.scheduler.placing import Placer
from kybern.scheduler.reasons import refuse
from kybern.scheduler.sheet import INFEASIBLE, Sheet
from tests.unit.scheduler.world import node, node_required, pod, request, required, table, term

ZONE = "zone"
A, B, C = (node(name, labels={ZONE: zone}) for name, zone in (("a", "1"), ("b", "1"), ("c", "2")))
KEYLESS = node("d")
TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}
SOFT_TAINT = TAINT | {"effect": "PreferNoSchedule"}
GREEN = {"color": "green"}


def check(nodes: list[Any], pods: list[Any], asking: Any, expected: set[str]) -> None:
    world = table(nodes, pods)
    keys = Sheet(asking.shape, world, Weights()).keys_for(asking)
    allowed = {name for name, row in world.rows.items() if keys[row] != INFEASIBLE}
    if asking.pinned is not None:
        allowed &= asking.pinned
    assert allowed == expected
    refused = refuse(asking, world)
    assert bool(expected) == (sum(refused.counts.values()) < len(nodes) or not refused.counts)


def spread(skew: int = 1, **rest: Any) -> list[dict[str, Any]]:
    base = {"maxSkew": skew, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"}
    return [base | {"labelSelector": {"matchLabels": GREEN}} | rest]


CASES: dict[str, tuple[list[Any], list[Any], Any, set[str]]] = {
    "room": ([A, node("s", cpu=1)], [], request("p", {"cpu": "2"}), {"a"}),
    "exactly full": ([A], [pod("x", {"cpu": "3"}, on="a")], request("p", {"cpu": "1"}), {"a"}),
    "one milli-core too much": ([A], [pod("x", {"cpu": "3"}, on="a")], request("p", {"cpu": "1001m"}), set()),
    "extended resource": ([A, node("g", gpu=1)], [], request("p", {"gpu": "1"}), {"g"}),
    "too many Pods": ([node("t", pods=1)], [pod("x", on="t")], request("p"), set()),
    "cordoned": ([A, node("u", cordoned=True)], [], request("p"), {"a"}),
    "cordoned, tolerated": (
        [node("u", cordoned=True)],
        [],
        request("p", tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]),
        {"u"},
    ),
    "taint": ([A, node("t", taints=[TAINT])], [], request("p"), {"a"}),
    "taint of the other value": (
        [node("t", taints=[TAINT])],
        [],
        request("p", tolerations=[{"key": "k", "value": "w", "effect": "NoSchedule"}]),
        set(),
    ),
    "taint tolerated": ([node("t", taints=[TAINT])], [], request("p", tolerations=[{"key": "k", "value": "v"}]), {"t"}),
    "PreferNoSchedule is no filter": (
        [node("t", taints=[TAINT | {"effect": "PreferNoSchedule"}])],
        [],
        request("p"),
        {"t"},
    ),
    "node selector": ([A, B, C], [], request("p", nodeSelector={ZONE: "2"}), {"c"}),
    "node selector of a value nobody has": ([A, KEYLESS], [], request("p", nodeSelector={ZONE: "9"}), set()),
    "affinity, any term": (
        [A, B, C],
        [],
        request(
            "p",
            affinity=node_required(
                {"matchExpressions": [{"key": ZONE, "operator": "NotIn", "values": ["1"]}]},
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]},
            ),
        ),
        {"b", "c"},
    ),
    "affinity, pinned": (
        [A, B, C],
        [],
        request(
            "p",
            affinity=node_required(
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]},
            ),
        ),
        {"b"},
    ),
    "affinity, Gt": (
        [node("l", labels={"n": "3"}), node("m", labels={"n": "x"}), KEYLESS],
        [],
        request("p", affinity=node_required({"matchExpressions": [{"key": "n", "operator": "Gt", "values": ["2"]}]})),
        {"l"},
    ),
    "an empty term matches nothing": ([A], [], request("p", affinity=node_required({})), set()),
    "host port": ([A, B], [pod("x", ports=[80], on="a")], request("p", ports=[80]), {"b"}),
    "pod affinity": (
        [A, B, C, KEYLESS],
        [pod("x", labels=GREEN, on="a")],
        request("p", affinity=required("podAffinity", term(ZONE, "green"))),
        {"a", "b"},
    ),
    "pod affinity, other namespace": (
        [A],
        [pod("x", labels=GREEN, on="a", namespace="other")],
        request("p", affinity=required("podAffinity", term(ZONE, "green"))),
        set(),
    ),
    "pod affinity, the first of its kind": (
        [A, KEYLESS],
        [],
        request("p", labels=GREEN, affinity=required("podAffinity", term(ZONE, "green"))),
        {"a"},
    ),
    "anti-affinity": (
        [A, B, C],
        [pod("x", labels=GREEN, on="a")],
        request("p", affinity=required("podAntiAffinity", term(ZONE, "green"))),
        {"c"},
    ),
    "anti-affinity of one that runs": (
        [A, B, C],
        [pod("x", on="a", affinity=required("podAntiAffinity", term(ZONE, "green")))],
        request("p", labels=GREEN),
        {"c"},
    ),
    "spread": (
        [A, B, C, KEYLESS],
        [pod("x", labels=GREEN, on="a")],
        request("p", labels=GREEN, topologySpreadConstraints=spread()),
        {"c"},
    ),
    "spread, terminating Pods do not count": (
        [A, C],
        [pod("x", labels=GREEN, on="a", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})],
        request("p", labels=GREEN, topologySpreadConstraints=spread()),
        {"a", "c"},
    ),
    "spread, minDomains": (
        [A, B],
        [pod("x", labels=GREEN, on="a")],
        request("p", labels=GREEN, topologySpreadConstraints=spread(minDomains=2)),
        set(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_filters(name: str) -> None:
    check(*CASES[name])


def test_namespace_selector_follows_namespaces() -> None:
    world = table([A, C], [pod("x", labels=GREEN, on="a", namespace="other")])
    selector = {"namespaceSelector": {"matchLabels": {"team": "t"}}}
    asking = request("p", affinity=required("podAffinity", term(ZONE, "green", **selector)))
    placer = Placer(world)
    assert not isinstance(placer.decide(asking), tuple)
    world.topology.set_namespace("other", {"team": "t"})
    assert placer.decide(asking)[0] == "a"  # type: ignore[index]
