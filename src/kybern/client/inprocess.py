"""Requests without a socket: the same bytes go straight to an API server's handler in this process.

For tests, the simulator and a cluster in one process. The handler's types are the API server's, which the client
does not know: they come in as arguments.
"""

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

from kybern.base.errors import Unreachable
from kybern.client.transport import NOTHING, HttpAnswer, HttpRequest, HttpStream, WholeStream


class InProcessTransport:
    """`handler` and `request_type` are `Handler` and `Request` of `kybern.transport.exchange`.

    `headers` go with every request (`{"Authorization": "Bearer …"}`): the server authenticates as ever.
    `context` is what a request's context starts with.
    """

    def __init__(
        self,
        handler: Callable[[Any], Any],
        request_type: Callable[..., Any],
        *,
        headers: Mapping[str, str] = NOTHING,
        client_certificate: bytes | None = None,
        user_agent: str = "kybern",
        context: Mapping[str, Any] = NOTHING,
    ) -> None:
        self._handler = handler
        self._request_type = request_type
        self._headers = {"Host": "in-process", "User-Agent": user_agent, "Accept": "application/json", **headers}
        self._client_certificate = client_certificate
        self._context = context

    async def request(self, request: HttpRequest) -> HttpAnswer:
        """See Transport.request."""
        answer = await self._ask(request)
        if hasattr(answer, "pieces"):
            whole = b"".join([piece async for piece in answer.pieces])
            return HttpAnswer(answer.status, _lower(answer), whole)
        return HttpAnswer(answer.status, _lower(answer), _joined(answer.body))

    async def stream(self, request: HttpRequest) -> HttpStream:
        """See Transport.stream."""
        answer = await self._ask(request)
        if hasattr(answer, "pieces"):
            return _PiecesStream(answer.status, _lower(answer), answer.pieces)
        return WholeStream(answer.status, _lower(answer), _joined(answer.body))

    async def close(self) -> None:
        """Nothing is open."""

    async def _ask(self, asked: HttpRequest) -> Any:
        sent = {name.lower(): value for name, value in {**self._headers, **asked.headers}.items()}
        if asked.body:
            sent.setdefault("content-type", "application/json")
            sent["content-length"] = str(len(asked.body))
        request = self._request_type(
            method=asked.method,
            path=asked.path,
            query={name: [value] for name, value in asked.query.items()},
            headers=sent,
            body=asked.body,
            peer="127.0.0.1:0",
            raw_path=quote(asked.path),
            raw_query=urlencode(asked.query),
            client_certificate=self._client_certificate,
            context=dict(self._context),
        )
        answer = self._handler(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if hasattr(answer, "run"):
            raise Unreachable("a switch of protocols needs a socket")
        return answer


class _PiecesStream:
    """The pieces that the handler makes, one at a time."""

    def __init__(self, status: int, headers: Mapping[str, str], pieces: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces

    async def read(self) -> bytes:
        async for piece in self._pieces:
            if piece:
                return piece
        return b""

    def close(self) -> None:
        """A generator ends when it is collected; other iterators (watches) are told that nobody reads on."""
        if not isinstance(self._pieces, AsyncGenerator):
            with suppress(StopIteration):
                self._pieces.aclose().send(None)  # type: ignore[attr-defined]  # It suspends nobody.


def _lower(answer: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in (("Content-Type", answer.content_type), *answer.headers)}


def _joined(body: Any) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)
