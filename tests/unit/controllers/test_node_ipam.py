"""Ranges of Pod addresses: a Node gets the next that is free of each family, once."""

from kybern.api.types.core_v1 import Node, NodeSpec
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.controllers.node_ipam import Config, decide
from kybern.controllers.node_ranges import Masks, ranges_of_flags

CONFIG = Config(ranges_of_flags("10.244.0.0/16", Masks()))
DUAL = Config(ranges_of_flags("10.244.0.0/16,fd00::/56", Masks()))
NODE = Node(metadata=ObjectMeta(name="n", resource_version="7"))


def test_a_node_gets_one_range_once() -> None:
    plan, parts = decide(NODE, ["10.244.0.0/24"], CONFIG, {})
    (patch,) = plan.patches
    assert patch.patch == {
        "metadata": {"resourceVersion": "7"},
        "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]},
    }
    assert parts == {CONFIG.ranges[0]: 1}
    assert decide(Node(spec=NodeSpec(pod_cidr="10.244.9.0/24")), [], CONFIG, {})[0].writes == 0


def test_a_node_gets_one_range_of_each_family() -> None:
    plan, _ = decide(NODE, ["10.244.0.0/24"], DUAL, {})
    assert plan.patches[0].patch["spec"] == {
        "podCIDR": "10.244.1.0/24",
        "podCIDRs": ["10.244.1.0/24", "fd00::/64"],
    }


def test_what_was_given_up_is_given_last() -> None:
    plan, _ = decide(NODE, [], CONFIG, {CONFIG.ranges[0]: 5})
    assert plan.patches[0].patch["spec"]["podCIDR"] == "10.244.5.0/24"


def test_a_full_range_is_an_event() -> None:
    for taken in ("10.0.0.0/8", "fd00::/32"):
        plan, parts = decide(NODE, [taken], DUAL, {})
        assert (plan.writes, parts) == (0, {})
        assert [(each.reason, each.message) for each in plan.events] == [
            ("CIDRNotAvailable", "Node n status is now: CIDRNotAvailable")
        ]


def test_no_node_gets_addresses_of_services() -> None:
    config = Config(CONFIG.ranges, ("10.244.0.0/23", "fd00::/112"))
    assert decide(NODE, [], config, {})[0].patches[0].patch["spec"]["podCIDR"] == "10.244.2.0/24"
