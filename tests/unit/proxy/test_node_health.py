"""What load balancers are told of a node, over a real socket."""

import asyncio
import json
from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Node
from kybern.proxy.http import listen
from kybern.proxy.metrics import ENDPOINT, SERVICE, ProxyMetrics
from kybern.proxy.node_health import LATE_SECONDS, NodeHealth, StatusPages

STAYS = convert({"metadata": {"name": "n"}}, Node)
GOES = convert({"metadata": {"name": "n"}, "spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler"}]}}, Node)


class HandClock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


def asked(health: NodeHealth, path: str) -> tuple[int, dict[str, Any]]:
    head, _, body = health.respond(path).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("node", "late", "statuses"),
    [
        (STAYS, 0.0, (200, 200)),
        (STAYS, LATE_SECONDS - 1, (200, 200)),
        (STAYS, LATE_SECONDS, (503, 503)),
        (GOES, 0.0, (503, 200)),
        (None, 0.0, (503, 200)),
    ],
)
def test_health(node: Node | None, late: float, statuses: tuple[int, int]) -> None:
    clock = HandClock()
    health = NodeHealth(clock, ProxyMetrics(clock), node)
    health.updated()
    if late:
        health.queued()
        clock.time += late
        health.queued()  # What waits longest counts.
    assert (asked(health, "/healthz")[0], asked(health, "/livez")[0]) == statuses
    health.updated()
    assert asked(health, "/livez")[0] == 200


def test_what_is_told() -> None:
    clock = HandClock()
    health = NodeHealth(clock, ProxyMetrics(clock), STAYS)
    assert asked(health, "/livez") == (
        200,
        {"lastUpdated": "1970-01-01T00:16:40Z", "currentTime": "1970-01-01T00:16:40Z", "healthy": True},
    )
    health.updated()
    clock.time += 20
    assert asked(health, "/healthz")[1] == {
        "lastUpdated": "1970-01-01T00:17:00Z",
        "currentTime": "1970-01-01T00:17:00Z",
        "healthy": True,
        "nodeEligible": True,
        "status": {"IPv4": {"lastUpdated": "1970-01-01T00:16:40Z", "healthy": True}},
    }


async def test_the_mode_and_more_over_a_socket() -> None:
    pages = StatusPages(ProxyMetrics(HandClock()), {"kubeproxy.config.k8s.io": {}})
    async with await listen("127.0.0.1", 0, pages.respond) as server:
        port = server.sockets[0].getsockname()[1]
        for path, expected in (
            ("/proxyMode", b"nftables"),
            ("/healthz", b"ok"),
            ("/configz", b'{"kubeproxy.config.k8s.io":{}}'),
            ("/other", b"404 page not found\n"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (await reader.read()).endswith(b"\r\n\r\n" + expected)
            writer.close()


def test_metrics() -> None:
    clock = HandClock()
    metrics = ProxyMetrics(clock)
    health, pages = NodeHealth(clock, metrics, GOES), StatusPages(metrics, {})
    metrics.changed(SERVICE)
    began = metrics.begun()
    metrics.changed(ENDPOINT)
    clock.time += 0.5
    metrics.ended(began, full=True)
    metrics.failed()
    health.respond("/healthz")
    health.respond("/livez")
    told = pages.respond("/metrics").decode().splitlines()
    for line in (
        'kubeproxy_sync_proxy_rules_duration_seconds_sum{ip_family="IPv4"} 0.5',
        'kubeproxy_sync_full_proxy_rules_duration_seconds_count{ip_family="IPv4"} 1',
        'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"} 1000.5',
        'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{ip_family="IPv4"} 1000',
        'kubeproxy_sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv4"} 1',
        "kubeproxy_sync_proxy_rules_service_changes_total 1",
        "kubeproxy_sync_proxy_rules_service_changes_pending 0",
        "kubeproxy_sync_proxy_rules_endpoint_changes_total 1",
        "kubeproxy_sync_proxy_rules_endpoint_changes_pending 1",
        'kubeproxy_proxy_healthz_total{code="503"} 1',
        'kubeproxy_proxy_livez_total{code="200"} 1',
    ):
        assert line in told
    assert not any("partial" in line for line in told), "none has been"
    assert any(line.startswith("process_resident_memory_bytes ") for line in told)
