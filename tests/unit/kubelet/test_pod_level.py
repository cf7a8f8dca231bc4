"""Resources of a Pod as a whole: what its containers get of them, and what its status tells."""

from typing import Any

import pytest

from kybern.api.types import convert, to_dict
from kybern.api.types.core_v1 import Pod, ResourceRequirements
from kybern.kubelet.container_config import linux_resources
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.pod_level import effective, limits_of, requests_of, status_resources
from kybern.kubelet.qos import oom_score_adj

from .worlds import container, pod

GI = 1 << 30
CONFIG = KubeletConfig(node_name="n")


def resources(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None) -> dict[str, Any]:
    return {"requests": requests or {}, "limits": limits or {}}


def asks(name: str, requests: dict[str, str], limits: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    return container(name, resources=resources(requests, limits), **fields)


@pytest.mark.parametrize(
    ("whole", "own", "expected"),
    [
        (None, {}, {}),
        ({"cpu": "1"}, {}, {"cpu": "1"}),
        ({"cpu": "1"}, {"cpu": "0"}, {"cpu": "1"}),
        ({"cpu": "1", "memory": "2Gi"}, {"cpu": "500m"}, {"cpu": "500m", "memory": "2Gi"}),
        ({"hugepages-2Mi": "2Mi"}, {}, {}),
        ({"cpu": "0"}, {}, {}),
    ],
)
def test_a_container_without_a_limit_gets_its_pods(
    whole: dict[str, str] | None, own: dict[str, str], expected: dict[str, str]
) -> None:
    held = None if whole is None else ResourceRequirements(limits=whole)
    assert effective(held, ResourceRequirements(limits=own)).limits == expected


def test_the_kernel_is_told_the_pods_limits() -> None:
    subject = pod(asks("c", {"cpu": "100m"}), resources=resources({}, {"cpu": "500m", "memory": "1Gi"}))
    made = linux_resources(CONFIG, subject, subject.spec.containers[0], 4 * GI)
    assert (made["cpu_quota"], made["memory_limit_in_bytes"], made["cpu_shares"]) == (50_000, GI, 102)


@pytest.mark.parametrize(
    ("subject", "requests", "limits"),
    [
        (pod(), {}, {}),
        (
            pod(asks("a", {"cpu": "100m", "x/y": "1"}, {"x/y": "1"}), asks("b", {"cpu": "1"})),
            {"cpu": "1100m", "x/y": "1"},
            {"x/y": "1"},
        ),
        (pod(asks("a", {"memory": "64Mi"}), initContainers=[asks("i", {"memory": "128Mi"})]), {"memory": "128Mi"}, {}),
        (
            pod(
                asks("a", {"cpu": "1"}),
                initContainers=[asks("s", {"cpu": "1"}, restartPolicy="Always"), asks("i", {"cpu": "3"})],
            ),
            {"cpu": "4"},
            {},
        ),
        (
            pod(
                asks("a", {"cpu": "1", "ephemeral-storage": "1Gi"}),
                resources=resources({"cpu": "2"}, {"memory": "1Gi"}),
            ),
            {"cpu": "2", "ephemeral-storage": "1Gi"},
            {"memory": "1Gi"},
        ),
        (
            pod(asks("a", {"cpu": "1"}, {"cpu": "2"}), overhead={"cpu": "250m", "memory": "8Mi"}),
            {"cpu": "1250m", "memory": "8Mi"},
            {"cpu": "2250m"},
        ),
    ],
)
def test_what_a_pod_asks_for(subject: Pod, requests: dict[str, str], limits: dict[str, str]) -> None:
    assert (requests_of(subject), limits_of(subject)) == (requests, limits)


@pytest.mark.parametrize(
    ("subject", "phase", "requests", "limits"),
    [
        (pod(), "Running", {}, {}),
        (pod(asks("a", {"cpu": "1m"})), "Running", {}, {}),
        (pod(asks("a", {"cpu": "1"}, {"cpu": "2"}), container("b")), "Running", {"cpu": "1"}, {}),
        (pod(asks("a", {"cpu": "1"}, {"cpu": "2"}), container("b")), "Pending", {"cpu": "1"}, {"cpu": "2"}),
        (pod(asks("a", {"memory": "1Mi", "x/y": "1"})), "Running", {"memory": "1Mi"}, {}),
        (
            pod(resources=resources({"cpu": "1"}, {"cpu": "1500m", "memory": "1024Mi"})),
            "Running",
            {"cpu": "1"},
            {"cpu": "1500m", "memory": "1Gi"},
        ),
    ],
)
def test_what_a_status_tells(subject: Pod, phase: str, requests: dict[str, str], limits: dict[str, str]) -> None:
    told = status_resources(subject, subject, phase)
    assert (told.requests, told.limits) == (requests, limits)


def test_a_resize_that_is_under_way_tells_what_there_is() -> None:
    allocated = pod(resources=resources({"cpu": "2"}, {"cpu": "4"}))
    actuated = pod(resources=resources({"cpu": "1"}, {"cpu": "3"}))
    told = status_resources(allocated, actuated, "Running")
    assert (told.requests, told.limits) == ({"cpu": "1"}, {"cpu": "3"})


def test_a_status_without_resources_says_so() -> None:
    assert to_dict(convert({"status": {"resources": {}}}, Pod)).get("status", {}).get("resources") == {}


@pytest.mark.parametrize(
    ("whole", "expected"),
    [({}, 750), ({"memory": "2Gi"}, 625), ({"cpu": "1"}, 750)],
)
def test_what_a_pod_asks_for_beyond_its_containers_is_shared(whole: dict[str, str], expected: int) -> None:
    subject = pod(asks("a", {"memory": "1Gi"}), container("b"), resources=resources(whole))
    assert oom_score_adj(subject, subject.spec.containers[0], 4 * GI) == expected
