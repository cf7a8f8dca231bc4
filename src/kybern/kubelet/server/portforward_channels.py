"""Port forwarding over the older WebSocket protocol: each port has a channel for data and one for its error.

The ports are in the query; each is one connection, which lasts as long as the WebSocket. The first message on every
channel is the port, two bytes, the low one first. Source: k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from kybern.kubelet.server.channels import V4, V4_BASE64, ProtocolError, from_text, to_text
from kybern.kubelet.server.network import NotConnected
from kybern.kubelet.server.plain import plain
from kybern.transport.exchange import Answer, Request
from kybern.transport.websocket import WebSocket, accept

READ_BYTES: Final = 32 << 10
PORTS_LIMIT: Final = 64
"""A channel's number is one byte, and each port has two."""

Dial = Callable[[int], Awaitable[socket.socket]]
"""Opens a connection to a port of the Pod. Raises NotConnected."""


def forward_channels(request: Request, dial: Dial, pod: str, uid: str) -> Answer:
    """The answer to a request to forward. `pod` is the name in messages."""
    try:
        numbers = ports_of(request)
    except ValueError as error:
        return plain(400, f"{error}\n")

    async def serve(websocket: WebSocket) -> None:
        ports = [_Port(websocket, 2 * index, number) for index, number in enumerate(numbers)]
        listening = asyncio.create_task(_listen(websocket, ports))
        forwarding = asyncio.gather(*(port.forward(dial, f"pod {pod}, uid {uid}") for port in ports))
        try:
            await asyncio.wait((listening, forwarding), return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            forwarding.cancel()
            await asyncio.gather(listening, forwarding, return_exceptions=True)

    offered = bool(request.headers.get("sec-websocket-protocol"))
    return accept(request, (V4, V4_BASE64), serve, required=offered)


def ports_of(request: Request) -> list[int]:
    """The ports in the query, several in one parameter or in many. Raises ValueError."""
    texts = request.query.get("port", ())
    if not texts:
        raise ValueError('query parameter "port" is required')
    ports = []
    for text in texts:
        if not text:
            raise ValueError('query parameter "port" cannot be empty')
        for each in text.split(","):
            if not each.isdecimal() or int(each) >= 1 << 16:
                raise ValueError(
                    f'unable to parse "{text}" as a port: strconv.ParseUint: parsing "{each}": invalid syntax'
                )
            if int(each) < 1:
                raise ValueError(f'port "{text}" must be > 0')
            ports.append(int(each))
    if len(ports) > PORTS_LIMIT:
        raise ValueError(f"at most {PORTS_LIMIT} ports can be forwarded at once")
    return ports


class _Port:
    """One port, its two channels and its connection."""

    def __init__(self, websocket: WebSocket, channel: int, number: int) -> None:
        self._websocket = websocket
        self._channel = channel
        self._number = number
        self._writer: asyncio.StreamWriter | None = None
        self._settled = asyncio.Event()
        """It is known whether there is a connection."""

    async def forward(self, dial: Dial, who: str) -> None:
        """Until the Pod's side has ended. Raises ConnectionError when the client has left."""
        for channel in (self._channel, self._channel + 1):
            await self._send(channel, self._number.to_bytes(2, "little"))
        try:
            reader, self._writer = await asyncio.open_connection(sock=await dial(self._number))
        except NotConnected as error:
            await self._send(self._channel + 1, f"error forwarding port {self._number} to {who}: {error}".encode())
            return
        finally:
            self._settled.set()
        try:
            while data := await reader.read(READ_BYTES):
                await self._send(self._channel, data)
        except ConnectionResetError as error:
            await self._send(self._channel + 1, str(error).encode())
        finally:
            self._writer.close()

    async def take(self, data: bytes) -> None:
        """From the client; what nobody reads any more is thrown away."""
        await self._settled.wait()
        if self._writer is None or self._writer.is_closing():
            return
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            self._writer.close()

    async def _send(self, channel: int, data: bytes) -> None:
        base64 = self._websocket.subprotocol == V4_BASE64
        await self._websocket.send(to_text(channel, data) if base64 else bytes((channel,)) + data)


async def _listen(websocket: WebSocket, ports: Sequence[_Port]) -> None:
    """Until the client leaves, or says what the protocol does not know."""
    while (message := await websocket.receive()) is not None:
        data = message.encode() if isinstance(message, str) else message
        try:
            plain_message = from_text(data) if websocket.subprotocol == V4_BASE64 else data
        except ProtocolError:
            return
        if plain_message:
            index, is_error = divmod(plain_message[0], 2)
            if is_error or index >= len(ports):
                return
            await ports[index].take(plain_message[1:])
