"""Ranges of Pod addresses: the first free one, exactly."""

import pytest

from kybern.api.types.core_v1 import Node, NodeSpec
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.controllers.node_ipam import Config, decide, first_free

SMALL = Config(cluster_cidr="10.244.0.0/22", node_mask=24)

CASES: dict[str, tuple[Config, list[str], str | None]] = {
    "empty": (SMALL, [], "10.244.0.0/24"),
    "next": (SMALL, ["10.244.0.0/24"], "10.244.1.0/24"),
    "gap": (SMALL, ["10.244.0.0/24", "10.244.2.0/24"], "10.244.1.0/24"),
    "a smaller one in the way": (SMALL, ["10.244.0.128/28"], "10.244.1.0/24"),
    "a larger one in the way": (SMALL, ["10.244.0.0/23"], "10.244.2.0/24"),
    "the last": (SMALL, ["10.244.0.0/23", "10.244.2.0/24"], "10.244.3.0/24"),
    "full": (SMALL, ["10.244.0.0/22"], None),
    "full one by one": (SMALL, [f"10.244.{each}.0/24" for each in (3, 1, 0, 2)], None),
    "elsewhere": (SMALL, ["192.168.0.0/16", "fd00::/8", "nonsense", ""], "10.244.0.0/24"),
    "Services": (Config("10.244.0.0/22", 24, "10.244.0.0/25"), [], "10.244.1.0/24"),
    "IPv6": (Config("fd00::/48", 64), ["fd00::/64"], "fd00:0:0:1::/64"),
}


@pytest.mark.parametrize("case", CASES)
def test_first_free(case: str) -> None:
    config, taken, expected = CASES[case]
    assert first_free(config, taken) == expected


def test_a_node_gets_one_range_once() -> None:
    plan = decide(Node(metadata=ObjectMeta(name="n", resource_version="7")), ["10.244.0.0/24"], Config())
    (patch,) = plan.patches
    assert patch.patch == {
        "metadata": {"resourceVersion": "7"},
        "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]},
    }
    assert decide(Node(spec=NodeSpec(pod_cidr="10.244.9.0/24")), [], Config()).writes == 0


def test_a_full_range_is_an_event() -> None:
    plan = decide(Node(metadata=ObjectMeta(name="n")), ["10.0.0.0/8"], Config())
    assert plan.writes == 0
    assert [(each.reason, each.message) for each in plan.events] == [
        ("CIDRNotAvailable", "Node n status is now: CIDRNotAvailable")
    ]
