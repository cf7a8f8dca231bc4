"""What a Pod needs, worked out by hand."""

from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import PodSpec
from kybern.scheduler.pods import pod_amounts
from tests.unit.scheduler.world import request


def part(cpu: str, **rest: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **rest}


SIDECAR = {"restartPolicy": "Always"}
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "containers add up": ({"containers": [part("1"), part("500m")]}, 1500),
    "the greatest init container": ({"containers": [part("1")], "initContainers": [part("3"), part("2")]}, 3000),
    "sidecars stay": ({"containers": [part("1")], "initContainers": [part("1", **SIDECAR)]}, 2000),
    "an init container beside earlier sidecars": (
        {"containers": [part("1")], "initContainers": [part("1", **SIDECAR), part("3"), part("1", **SIDECAR)]},
        4000,
    ),
    "overhead": ({"containers": [part("1")], "overhead": {"cpu": "250m"}}, 1250),
    "pod-level": ({"containers": [part("1")], "resources": {"requests": {"cpu": "3"}}}, 3000),
}


@pytest.mark.parametrize("name", CASES)
def test_amounts(name: str) -> None:
    spec, expected = CASES[name]
    assert pod_amounts(convert(spec, PodSpec))["cpu"] == expected


def test_equal_pods_share_their_shape() -> None:
    first, second = request("p", {"cpu": "1"}), request("q", {"cpu": "1000m"})
    assert first.shape is second.shape
    assert request("r", {"cpu": "2"}).shape is not first.shape


def test_names_pin_and_leave_the_shape_alone() -> None:
    def pinned(name: str) -> Any:
        fields = [{"key": "metadata.name", "operator": "In", "values": [name]}]
        terms = {"nodeSelectorTerms": [{"matchFields": fields}]}
        return request(name, affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}})

    assert pinned("a").pinned == {"a"}
    assert pinned("a").shape is pinned("b").shape is request("p").shape
