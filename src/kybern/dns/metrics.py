"""What the server counted, under CoreDNS' names so that its dashboards work; and whether it is there."""

import asyncio
from types import TracebackType
from typing import Self

from kybern.dns import wire
from kybern.dns.forwarder import Forwarder
from kybern.dns.responder import Responder

REQUEST_SECONDS = 10.0
CODE_NAMES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")


def render(responder: Responder, forwarder: Forwarder) -> str:
    """The text of /metrics."""
    lines = ["# TYPE coredns_dns_requests_total counter"]
    for kind, count in sorted(responder.requests.items()):
        name = wire.TYPE_NAMES.get(kind, "other")
        lines.append(f'coredns_dns_requests_total{{type="{name}",code="{kind}"}} {count}')
    lines.append("# TYPE coredns_dns_responses_total counter")
    total = responder.responses + forwarder.responses
    for code, count in sorted(total.items()):
        name = CODE_NAMES[code] if code < len(CODE_NAMES) else str(code)
        lines.append(f'coredns_dns_responses_total{{rcode="{name}"}} {count}')
    lines += ["# TYPE coredns_cache_hits_total counter", f"coredns_cache_hits_total {responder.hits}"]
    lines.append("# TYPE coredns_forward_responses_total counter")
    lines.append(f"coredns_forward_responses_total {forwarder.responses.total()}")
    return "\n".join(lines) + "\n"


class MetricsServer:
    """HTTP for /metrics, /health and /ready. Raises OSError when the port is taken."""

    def __init__(self, responder: Responder, forwarder: Forwarder, address: str, port: int) -> None:
        self._responder = responder
        self._forwarder = forwarder
        self._address = address
        self._port = port
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        if self._port:
            self._server = await asyncio.start_server(self._serve, self._address, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
            path = request.split(b" ", 2)[1].split(b"?")[0]
            answers = {b"/health": "OK", b"/ready": "OK", b"/metrics": render(self._responder, self._forwarder)}
            status, body = ("200 OK", answers[path]) if path in answers else ("404 Not Found", "not found\n")
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
            )
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            pass  # A client that left or spoke no HTTP gets no answer.
        finally:
            writer.close()
