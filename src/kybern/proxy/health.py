"""healthCheckNodePort: tells load balancers whether this node has endpoints of a Service of its own."""

import asyncio
import json
import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)
REQUEST_SECONDS = 10.0


@dataclass(frozen=True)
class HealthTarget:
    """What one port answers for."""

    namespace: str
    name: str
    local_endpoints: int

    def answer(self) -> bytes:
        """The whole HTTP answer: 200 with endpoints, 503 without, as kube-proxy words it."""
        body = json.dumps(
            {
                "service": {"namespace": self.namespace, "name": self.name},
                "localEndpoints": self.local_endpoints,
                "serviceProxyHealthy": True,
            }
        ).encode()
        status = "200 OK" if self.local_endpoints else "503 Service Unavailable"
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
            f"X-Load-Balancing-Endpoint-Weight: {self.local_endpoints}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


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
                    self._servers[port] = await asyncio.start_server(
                        lambda reader, writer: self._serve(port, reader, writer), "0.0.0.0", port
                    )
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

    async def _serve(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await reader.readuntil(b"\r\n\r\n")
            target = self._targets.get(port)
            if target is not None:
                writer.write(target.answer())
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # A client that left or spoke no HTTP gets no answer.
        finally:
            writer.close()
