"""Whether this node's proxy keeps up, and whether new traffic should come to the node: kube-proxy's own two ports.

The one for all is what load balancers ask (externalTrafficPolicy Cluster); that of loopback tells people the mode.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kybern.api.types.core_v1 import Node
from kybern.base.clock import Clock, format_time
from kybern.metrics.family import Family, render
from kybern.proxy.http import answer, listen
from kybern.proxy.metrics import FAMILY, ProxyMetrics

log = logging.getLogger(__name__)

LATE_SECONDS = 60.0
"""A change that waits longer than this is told (upstream: twice the period of its full syncs)."""
TO_BE_DELETED_TAINT = "ToBeDeletedByClusterAutoscaler"
MODE = "nftables"
Source = Callable[[], Iterator[Family]]


@dataclass
class NodeHealth:
    """What the proxy tells of itself."""

    clock: Clock
    metrics: ProxyMetrics
    node: Node | None = None
    _updated_at: float | None = None
    _pending_since: float | None = None

    def queued(self) -> None:
        """Something changed that is not in the kernel yet."""
        if self._pending_since is None:
            self._pending_since = self.clock.now()

    def updated(self) -> None:
        """Everything is in the kernel."""
        self._pending_since, self._updated_at = None, self.clock.now()

    @property
    def is_healthy(self) -> bool:
        """Also while it begins."""
        pending = self._pending_since
        return self._updated_at is None or pending is None or self.clock.now() - pending < LATE_SECONDS

    @property
    def is_eligible(self) -> bool:
        """Whether the node is there to stay."""
        if self.node is None or self.node.metadata.deletion_timestamp:
            return False
        return all(taint.key != TO_BE_DELETED_TAINT for taint in self.node.spec.taints)

    def respond(self, path: str) -> bytes:
        """/healthz and /livez: 200 or 503, with kube-proxy's words."""
        if path not in ("/healthz", "/livez"):
            return answer(404, b"404 page not found\n", "text/plain; charset=utf-8")
        good = self.is_healthy and (path == "/livez" or self.is_eligible)
        now, updated = format_time(self.clock.now()), self._updated_at
        told: dict[str, object] = {
            "lastUpdated": now if good or updated is None else format_time(updated),
            "currentTime": now,
            "healthy": self.is_healthy,
        }
        if path == "/healthz":
            told["nodeEligible"] = self.is_eligible
        if updated is not None:
            told["status"] = {FAMILY: {"lastUpdated": format_time(updated), "healthy": self.is_healthy}}
        code = 200 if good else 503
        self.metrics.probed(path.removeprefix("/"), code)
        return answer(code, json.dumps(told, separators=(",", ":")).encode())


class StatusPages:
    """What is asked on loopback: `configuration` is told at /configz."""

    def __init__(self, metrics: ProxyMetrics, configuration: Mapping[str, Any], sources: Sequence[Source] = ()) -> None:
        self._sources = (metrics.families, *sources)
        self._configuration = configuration

    def respond(self, path: str) -> bytes:
        text = "text/plain; charset=utf-8"
        match path:
            case "/healthz":
                return answer(200, b"ok", text)
            case "/proxyMode":
                return answer(200, MODE.encode(), text)
            case "/metrics":
                families = (family for source in self._sources for family in source())
                return answer(200, render(families), "text/plain; version=0.0.4; charset=utf-8")
            case "/configz":
                return answer(200, json.dumps(self._configuration, separators=(",", ":")).encode())
        return answer(404, b"404 page not found\n", text)


async def serve_health(health: NodeHealth, health_address: str, status: StatusPages, status_address: str) -> None:
    """Answer at both addresses (`host:port`; "" for none) until cancelled. One that is taken is left to its owner."""
    async with contextlib.AsyncExitStack() as servers:
        for address, respond in ((health_address, health.respond), (status_address, status.respond)):
            host, _, port = address.rpartition(":")
            if not port:
                continue
            try:
                await servers.enter_async_context(await listen(host, int(port), respond))
            except OSError as error:
                log.warning("nobody is told at %s how the proxy is: %s", address, error)
        await asyncio.Event().wait()
