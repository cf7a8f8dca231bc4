"""Streams for clients that ask for them over a WebSocket: logs and watches, as browsers read them.

Source: k8s.io/streaming wsstream.Reader and the watch handler of k8s.io/apiserver.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable

from kybern.transport.exchange import Answer, Request, Stream
from kybern.transport.websocket import WebSocket, accept

BINARY, BASE64 = "binary.k8s.io", "base64.binary.k8s.io"
"""What the bytes of a log may be sent as; BINARY where the client names nothing."""


def asks_for_websocket(request: Request) -> bool:
    return request.headers.get("upgrade", "").lower() == "websocket"


def log_messages(request: Request, stream: Stream) -> Answer:
    """A log, piece by piece, after an empty message that says that it begins."""

    async def send(websocket: WebSocket) -> None:
        await websocket.send(b"")
        async for piece in stream.pieces:
            await websocket.send(b64encode(piece).decode() if websocket.subprotocol == BASE64 else piece)

    return _answer(request, (BINARY, BASE64), stream, send)


def watch_messages(request: Request, stream: Stream) -> Answer:
    """A watch, one event a message."""

    async def send(websocket: WebSocket) -> None:
        async for line in _lines(stream.pieces):
            await websocket.send(line.decode())

    return _answer(request, (), stream, send)


def _answer(
    request: Request, protocols: tuple[str, ...], stream: Stream, send: Callable[[WebSocket], Awaitable[None]]
) -> Answer:
    async def serve(websocket: WebSocket) -> None:
        sending = asyncio.create_task(_quietly(send(websocket)))
        leaving = asyncio.create_task(_until_closed(websocket))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            close = getattr(stream.pieces, "aclose", None)
            if close is not None:
                await close()

    offered = bool(protocols) and bool(request.headers.get("sec-websocket-protocol"))
    return accept(request, protocols, serve, required=offered)


async def _until_closed(websocket: WebSocket) -> None:
    while await websocket.receive() is not None:
        pass  # Nothing that the client could say means anything here.


async def _quietly(sending: Awaitable[None]) -> None:
    try:
        await sending
    except ConnectionError:
        return  # The client has left.


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line + b"\n"
