"""Who is evicted, why, and in which words."""

from dataclasses import replace
from typing import Any

import pytest

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.eviction.local_storage import exceeded
from kybern.kubelet.eviction.ranking import Usage, choose, verdict_of
from kybern.kubelet.eviction.thresholds import (
    MEMORY,
    PIDS,
    STORAGE,
    Shortage,
    Thresholds,
    parse_thresholds,
    shortages,
    size,
)
from kybern.kubelet.node.machine import Machine, Pressure

from .worlds import container, pod

MACHINE = Machine("amd64", "6.1", "Debian", "m", "u", "b", 2, 4 << 30, 0, 100 << 30, 32768)
WELL = Pressure(2 << 30, 50 << 30, 1000, 900, 200)
SHORT = Shortage(MEMORY, "100Mi", "50Mi")


@pytest.mark.parametrize(
    ("change", "resources"),
    [
        ({}, []),
        ({"memory_available_bytes": 99 << 20}, [MEMORY]),
        ({"disk_available_bytes": 9 << 30, "memory_available_bytes": 0}, [MEMORY, STORAGE]),
        ({"pids": 32_000}, [PIDS]),
    ],
)
def test_what_a_node_is_short_of(change: dict[str, int], resources: list[str]) -> None:
    found = shortages(Thresholds(), MACHINE, replace(WELL, **change))
    assert [each.resource for each in found] == resources


def test_a_threshold_of_nothing_is_none() -> None:
    full = replace(WELL, disk_available_bytes=0, disk_inodes_free=0)
    assert shortages(Thresholds(disk_fraction=0, inodes_fraction=0), MACHINE, full) == []


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0"), (1000, "1000"), (2048, "2Ki"), (3 << 20, "3Mi"), (1 << 30, "1Gi")]
)
def test_sizes(amount: int, text: str) -> None:
    assert size(amount) == text


def usage(name: str, used: int, request: str = "", **spec: Any) -> Usage:
    resources = {"requests": {"memory": request}} if request else {}
    made = pod(container("c", resources=resources), **spec)
    made.metadata.name = name
    return Usage(made, {"c": used})


def check_choice(expected: str, *usages: Usage, shortage: Shortage = SHORT) -> None:
    chosen = choose(usages, shortage)
    assert (chosen.pod.metadata.name if chosen else "") == expected


def test_those_above_their_requests_go_first() -> None:
    check_choice("above", usage("large", 900, "1000"), usage("above", 20, "10"))


def test_among_them_the_lower_priority_goes_and_then_the_greedier() -> None:
    check_choice("low", usage("low", 20, priority=1), usage("high", 900, priority=2))
    check_choice("greedy", usage("modest", 20), usage("greedy", 900))


def test_what_the_system_needs_stays() -> None:
    check_choice("", usage("critical", 900, priority=2_000_000_000))
    static = usage("static", 900)
    static.pod.metadata.annotations["kubernetes.io/config.source"] = "file"
    check_choice("", static)


def test_the_words() -> None:
    verdict = verdict_of(usage("p", 3 << 20), SHORT)
    assert (verdict.phase, verdict.reason) == ("Failed", "Evicted")
    assert verdict.message == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container c was using 3Mi, request is 0, has larger consumption of memory. "
    )
    condition = verdict.conditions[0]
    assert (condition.type, condition.reason) == ("DisruptionTarget", "TerminationByKubelet")


def limited() -> Pod:
    limits = {"resources": {"limits": {"ephemeral-storage": "10Mi"}}}
    volumes = [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}, {"name": "m", "emptyDir": {"medium": "Memory"}}]
    return pod(container("c", **limits), container("d"), volumes=volumes)


@pytest.mark.parametrize(
    ("volumes", "containers", "message"),
    [
        ({"v": 1 << 20}, {"c": 9 << 20}, ""),
        ({"v": 2 << 20}, {}, 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". '),
        ({}, {"d": 11 << 20}, "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. "),
    ],
)
def test_a_pods_own_limits(volumes: dict[str, int], containers: dict[str, int], message: str) -> None:
    passed = exceeded(limited(), volumes, containers)
    assert (passed.message if passed else "") == message


def test_thresholds_of_the_command_line() -> None:
    assert parse_thresholds("memory.available<200Mi,nodefs.available<5%") == Thresholds(200 << 20, 0.05, 0.0, 0.0)
    assert parse_thresholds("") == Thresholds(0, 0.0, 0.0, 0.0)
    for text in ("memory.available", "nodefs.available<10Gi", "other<1%", "memory.available<much"):
        with pytest.raises(ValueError):
            parse_thresholds(text)
