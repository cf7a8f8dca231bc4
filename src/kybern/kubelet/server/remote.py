"""Exec and attach as whoever serves them sees the client: one conversation, whatever carries it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import orjson

from kybern.kubelet.server.channels import (
    SPDY_PROTOCOLS,
    WEBSOCKET_PROTOCOLS,
    WITH_STATUS,
    Channel,
    Close,
    Data,
    Message,
    ProtocolError,
    decode,
    encode,
    from_text,
    resize,
    to_text,
)
from kybern.kubelet.server.command import Streams
from kybern.kubelet.server.outcome import Status
from kybern.kubelet.server.spdy import SpdyError
from kybern.kubelet.server.spdy_channels import SpdyChannels
from kybern.kubelet.server.spdy_upgrade import spdy_upgrade
from kybern.transport.exchange import Answer, Connection, Request
from kybern.transport.websocket import WebSocket, accept

STREAMS_SECONDS: Final = 30.0
"""How long a client may take to open its streams (upstream's streamCreationTimeout)."""
LEAVE_SECONDS: Final = 2.0
"""How long a client may take to close after it was told the end."""
SIZE_BYTES: Final = 1 << 10
"""The longest message of a terminal's size."""


class Caller(Protocol):
    """The client."""

    async def receive(self) -> Message | None:
        """What it says next; None: it has left, or says what the protocol does not know."""
        ...

    async def send(self, channel: Channel, data: bytes) -> None:
        """Raises ConnectionError."""
        ...

    async def finish(self, status: Status) -> None:
        """Tell how it ended; nothing is sent after that. Raises ConnectionError."""
        ...


Serve = Callable[[Caller], Awaitable[None]]


def answer(request: Request, streams: Streams, serve: Serve) -> Answer:
    """The answer to a request that wants these streams: WebSocket or SPDY/3.1, or a refusal."""

    async def quietly(caller: Caller) -> None:
        try:
            await serve(caller)
        except ConnectionError:
            return  # A client that leaves is no error.

    if request.headers.get("upgrade", "").lower() == "websocket":

        async def over_websocket(websocket: WebSocket) -> None:
            caller = WebSocketCaller(websocket)
            await caller.greet(_lowest(streams))
            await quietly(caller)

        offered = bool(request.headers.get("sec-websocket-protocol"))
        return accept(request, WEBSOCKET_PROTOCOLS, over_websocket, required=offered)

    async def over_spdy(connection: Connection, protocol: str) -> None:
        channels = SpdyChannels(connection)
        try:
            async with asyncio.timeout(STREAMS_SECONDS):
                await channels.accept(wanted(streams))
        except (SpdyError, TimeoutError, ConnectionError):
            return
        await quietly(SpdyCaller(channels, protocol))

    return spdy_upgrade(request, SPDY_PROTOCOLS, over_spdy)


def wanted(streams: Streams) -> list[Channel]:
    """The channels of these streams, in the order in which clients open them."""
    rows = (
        (Channel.ERROR, True),
        (Channel.STDIN, streams.stdin),
        (Channel.STDOUT, streams.stdout),
        (Channel.STDERR, streams.stderr),
        (Channel.RESIZE, streams.tty),
    )
    return [channel for channel, is_wanted in rows if is_wanted]


def _lowest(streams: Streams) -> Channel:
    return Channel.STDOUT if streams.stdout else Channel.STDERR if streams.stderr else Channel.ERROR


class WebSocketCaller:
    """Keeps the contract of `Caller` over a WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._base64 = "base64" in websocket.subprotocol

    async def greet(self, channel: Channel) -> None:
        """Clients learn from an empty message that the streams are open."""
        try:
            await self.send(channel, b"")
        except ConnectionError:
            return  # It is noticed again where it matters.

    async def receive(self) -> Message | None:
        said = None
        while said is None:
            message = await self._websocket.receive()
            if message is None:
                return None
            data = message.encode() if isinstance(message, str) else message
            try:
                said = decode(from_text(data) if self._base64 else data, self._websocket.subprotocol)
            except ProtocolError:
                return None
        return said

    async def send(self, channel: Channel, data: bytes) -> None:
        await self._websocket.send(to_text(channel, data) if self._base64 else encode(channel, data))

    async def finish(self, status: Status) -> None:
        told = _told(status, self._websocket.subprotocol)
        if told:
            await self.send(Channel.ERROR, told)


class SpdyCaller:
    """Keeps the contract of `Caller` over SPDY."""

    def __init__(self, channels: SpdyChannels, protocol: str) -> None:
        self._channels = channels
        self._protocol = protocol
        self._size = b""

    async def receive(self) -> Message | None:
        try:
            while (said := await self._channels.receive()) is not None:
                match said:
                    case Data(Channel.RESIZE, data):
                        # The sizes are JSON, one after the other; only the last one counts.
                        sizes, ended, self._size = (self._size + data).rpartition(b"}")
                        if len(self._size) > SIZE_BYTES:
                            return None
                        if ended:
                            return resize(b"{" + sizes.rpartition(b"{")[2] + b"}")
                    case Data(Channel.STDIN) | Close(Channel.STDIN):
                        return said
        except (SpdyError, ProtocolError):
            return None
        return None

    async def send(self, channel: Channel, data: bytes) -> None:
        await self._channels.send(channel, data)

    async def finish(self, status: Status) -> None:
        """Ends every stream, then gives the client a moment to leave: a connection that is cut loses what is under way."""
        for channel in (Channel.STDOUT, Channel.STDERR):
            await self._channels.end(channel)
        told = _told(status, self._protocol)
        if told:
            await self._channels.send(Channel.ERROR, told)
        for channel in (Channel.ERROR, Channel.STDIN, Channel.RESIZE):
            await self._channels.end(channel)
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                while await self._channels.receive() is not None:
                    pass
        except (SpdyError, TimeoutError):
            return


def _told(status: Status, protocol: str) -> bytes:
    """What the error channel holds at the end."""
    if protocol in WITH_STATUS:
        return orjson.dumps(status)
    return b"" if status["status"] == "Success" else str(status["message"]).encode()
