"""Asks again where asking again is safe: reads whose connection broke, and requests that the server put off."""

import random

from kybern.base.clock import Clock
from kybern.base.errors import Unreachable
from kybern.client.transport import HttpAnswer, HttpRequest, HttpStream, Transport

ATTEMPTS_LIMIT = 10
"""How often a request that is put off (429 or 5xx with Retry-After) is sent in all; client-go's number."""

READ_ATTEMPTS_LIMIT = 3
"""How often a read is sent whose connection broke."""

RETRY_AFTER_LIMIT_SECONDS = 30
"""A server that asks for more is answered with its error."""

FIRST_PAUSE_SECONDS = 0.05


class RetryingTransport:
    """Another transport, with patience. A write is sent again only when the server said that it did nothing."""

    def __init__(self, inner: Transport, clock: Clock, source: random.Random) -> None:
        self.inner = inner
        self._clock = clock
        self._random = source

    async def request(self, request: HttpRequest) -> HttpAnswer:
        """See Transport.request."""
        broken = 0
        for attempt in range(1, ATTEMPTS_LIMIT + 1):
            try:
                answer = await self.inner.request(request)
            except Unreachable:
                broken += 1
                if request.method != "GET" or broken >= READ_ATTEMPTS_LIMIT:
                    raise
                await self._clock.sleep(FIRST_PAUSE_SECONDS * 2**broken * (0.5 + self._random.random()))
                continue
            pause = retry_after_seconds(answer)
            if pause is None or attempt == ATTEMPTS_LIMIT:
                return answer
            await self._clock.sleep(pause * (1 + 0.2 * self._random.random()))
        raise AssertionError("the last attempt returns or raises")

    async def stream(self, request: HttpRequest) -> HttpStream:
        """See Transport.stream; who watches has a back-off of its own."""
        return await self.inner.stream(request)

    async def close(self) -> None:
        """See Transport.close."""
        await self.inner.close()


def retry_after_seconds(answer: HttpAnswer) -> float | None:
    """How long to wait before asking again; None: the answer stands."""
    if answer.status != 429 and answer.status < 500:
        return None
    text = answer.headers.get("retry-after", "")
    if not text.isdecimal() or int(text) > RETRY_AFTER_LIMIT_SECONDS:
        return None
    return max(float(text), FIRST_PAUSE_SECONDS)
