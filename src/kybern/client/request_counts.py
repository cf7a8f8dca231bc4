"""The requests of a program, under upstream's names: a transport that counts the answers of the one within."""

import time
from collections.abc import Iterator

from kybern.base.errors import Unreachable
from kybern.client.transport import HttpAnswer, HttpRequest, HttpStream, Transport
from kybern.metrics.family import Family
from kybern.metrics.series import Counter, Histogram

BOUNDS_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
NO_ANSWER = "<error>"


class RequestCounts:
    """All clients of one program."""

    def __init__(self) -> None:
        self.requests = Counter(
            "rest_client_requests_total",
            "[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.",
            "code",
            "method",
            "host",
        )
        self.seconds = Histogram(
            "rest_client_request_duration_seconds",
            "[ALPHA] Request latency in seconds. Broken down by verb, and host.",
            BOUNDS_SECONDS,
            "verb",
            "host",
        )

    def families(self) -> Iterator[Family]:
        yield from (self.requests.family(), self.seconds.family())


class CountedTransport:
    """Another transport, counted; `host` is the server's, with its port."""

    def __init__(self, inner: Transport, host: str, counts: RequestCounts) -> None:
        self.inner = inner
        self._host = host
        self._counts = counts

    async def request(self, request: HttpRequest) -> HttpAnswer:
        """See Transport.request."""
        began, code = time.monotonic(), NO_ANSWER
        try:
            answer = await self.inner.request(request)
            code = str(answer.status)
            return answer
        finally:
            self._count(request, code, began)

    async def stream(self, request: HttpRequest) -> HttpStream:
        """See Transport.stream; a stream counts once its head is there."""
        began = time.monotonic()
        try:
            stream = await self.inner.stream(request)
        except Unreachable:
            self._count(request, NO_ANSWER, began)
            raise
        self._count(request, str(stream.status), began)
        return stream

    async def close(self) -> None:
        """See Transport.close."""
        await self.inner.close()

    def _count(self, request: HttpRequest, code: str, began: float) -> None:
        self._counts.requests.count(code, request.method, self._host)
        self._counts.seconds.observe(time.monotonic() - began, request.method, self._host)
