"""What the kubelet counts, as Prometheus reads it."""

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import PodStatus
from kybern.base.clock import SystemClock
from kybern.kubelet.counters import (
    PROBES,
    RUNTIME_OPERATIONS,
    STARTED_CONTAINERS,
    STARTED_CONTAINERS_ERRORS,
    STARTED_PODS,
    Counters,
    operation_of,
)
from kybern.kubelet.status_manager import StatusManager

from .worlds import pod


def samples(counters: Counters, *, probes: bool = False) -> list[str]:
    return [line for line in counters.render(probes=probes).splitlines() if not line.startswith("#")]


def test_what_was_counted_is_told() -> None:
    counters = Counters()
    assert counters.render(probes=False) == ""
    counters.add(STARTED_PODS)
    counters.add(STARTED_PODS)
    counters.add(STARTED_CONTAINERS_ERRORS, "container", 'a "b"\n')
    counters.add(STARTED_CONTAINERS, "init_container")
    assert samples(counters) == [
        "kubelet_started_pods_total 2",
        'kubelet_started_containers_total{container_type="init_container"} 1',
        'kubelet_started_containers_errors_total{code="a \\"b\\"\\n",container_type="container"} 1',
    ]
    assert "# TYPE kubelet_started_pods_total counter\n" in counters.render(probes=False)


def test_probes_are_told_by_themselves_until_their_pod_goes() -> None:
    counters = Counters()
    for uid in ("u1", "u2"):
        counters.add(PROBES, "Liveness", "failed", "c", "web", "default", uid)
    counters.forget(PROBES, "u1")
    assert samples(counters) == []
    assert samples(counters, probes=True) == [
        'prober_probe_total{container="c",namespace="default",pod="web",pod_uid="u2",probe_type="Liveness",'
        'result="failed"} 1'
    ]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("RunPodSandbox", "run_podsandbox"),
        ("ListContainers", "list_containers"),
        ("UpdateContainerResources", "update_container"),
        ("ImageFsInfo", "image_fs_info"),
        ("Version", "version"),
    ],
)
def test_operations(method: str, expected: str) -> None:
    assert operation_of(method) == expected
    counters = Counters()
    counters.add(RUNTIME_OPERATIONS, expected)
    assert samples(counters) == [f'kubelet_runtime_operations_total{{operation_type="{expected}"}} 1']


def test_each_end_of_a_container_counts_once() -> None:
    counters = Counters()
    statuses = StatusManager(None, SystemClock(), lambda _: None, counters)
    ended = {"terminated": {"exitCode": 139, "reason": "Error"}}
    running: dict[str, dict[str, str]] = {"running": {}}
    for state, ip in ((running, "1"), (ended, "1"), (ended, "2"), (running, "2"), (ended, "2")):
        status = {"podIP": ip, "containerStatuses": [{"name": "c", "state": state}]}
        statuses.set(pod(), convert(status, PodStatus))
    told = 'kubelet_terminated_containers_total{container_type="container",exit_code="139",reason="Error"} 2'
    assert samples(counters) == [told]
