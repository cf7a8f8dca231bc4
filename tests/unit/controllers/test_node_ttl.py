"""How old what kubelets cache may be, by the size of the cluster."""

import pytest

from kybern.api.types.core_v1 import Node
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.controllers.node_ttl import STEPS, TTL, decide, next_step

SIZES: dict[str, tuple[list[int], list[int]]] = {
    "grows": ([1, 100, 101, 500, 501, 1001, 2001], [0, 0, 15, 15, 30, 60, 300]),
    "shrinks": ([5000, 1800, 1799, 900, 899, 450, 449, 90, 89], [300, 300, 60, 60, 30, 30, 15, 15, 0]),
    "wavers": ([101, 95, 101, 95], [15, 15, 15, 15]),
    "starts large": ([3000], [300]),
}


@pytest.mark.parametrize("case", SIZES)
def test_sizes(case: str) -> None:
    sizes, expected = SIZES[case]
    step, found = 0, []
    for size in sizes:
        step = next_step(step, size)
        found.append(STEPS[step].seconds)
    assert found == expected


def test_a_node_is_told_once() -> None:
    (patch,) = decide(Node(metadata=ObjectMeta(name="n")), 15).patches
    assert patch.patch == {"metadata": {"annotations": {TTL: "15"}}}
    assert decide(Node(metadata=ObjectMeta(name="n", annotations={TTL: "15"})), 15).writes == 0
    assert decide(Node(metadata=ObjectMeta(name="n", annotations={TTL: "15"})), 0).writes == 1
