"""healthCheckNodePort: tells load balancers whether this node has endpoints of a Service of its own."""

import asyncio
import json
import logging
from dataclasses import dataclass

from kybern.proxy.http import answer, listen

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HealthTarget:
    """What one port answers for."""

    namespace: str
    name: str
    local_endpoints: int

    def respond(self) -> bytes:
        """The whole HTTP answer: 200 with endpoints, 503 without, as kube-proxy words it."""
        body = json.dumps(
            {
                "service": {"namespace": self.namespace, "name": self.name},
                "localEndpoints": self.local_endpoints,
                "serviceProxyHealthy": True,
            }
        ).encode()
        weight = str(self.local_endpoints)
        return answer(200 if self.local_endpoints else 503, body, X_Load_Balancing_Endpoint_Weight=weight)


class HealthServers:
    """One listener for each port in use."""

    def __init__(self) -> None:
        self._targets: dict[int, HealthTarget] = {}
        self._servers: dict[int, asyncio.Server] = {}

    async def set(self, service: str, port: int, target: HealthTarget | None) -> None:
        """Answer for `target` on `port`; None: no longer. `service` is only for the log."""
        if target is not None:
            self._targets[port] = target
            if port not in self._servers:
                try:
                    self._servers[port] = await listen("0.0.0.0", port, lambda _: self._respond(port))
                except OSError as error:
                    log.warning("%s: health check port %d: %s", service, port, error)
            return
        self._targets.pop(port, None)
        server = self._servers.pop(port, None)
        if server is not None:
            server.close()

    def close(self) -> None:
        """Stop listening everywhere."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    def _respond(self, port: int) -> bytes:
        target = self._targets.get(port)
        return target.respond() if target is not None else b""
