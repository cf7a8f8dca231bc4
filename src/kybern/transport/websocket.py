"""WebSocket connections (RFC 6455), both sides: messages over the `websockets` sans-IO core.

Pings are answered and fragments joined here; compression is not offered.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Final, cast

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as WireRequest
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from kybern.transport.exchange import Connection, Request, Response, Upgrade

MESSAGE_BYTES: Final = 8 << 20
"""The largest message that is taken; a larger one ends the connection with code 1009."""

CLOSE_SECONDS: Final = 5.0
"""How long the other side may take to answer a close."""

_DATA: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class WebSocketClosed(ConnectionError):
    """The connection is over; nothing can be sent."""


class WebSocket:
    """An open connection. One task receives; any may send."""

    def __init__(self, connection: Connection, protocol: Protocol, subprotocol: str) -> None:
        self._connection = connection
        self._protocol = protocol
        self.subprotocol = subprotocol
        """What was agreed on; "" for none."""
        self._messages: deque[bytes | str] = deque()
        self._fragments: list[bytes] = []
        self._text = False
        self._sending = asyncio.Lock()
        self._receiving = False
        self._over = asyncio.Event()
        """Nothing more will come."""

    @property
    def close_code(self) -> int | None:
        """The code with which it was closed (1006: with none); None while it is open."""
        if not self._over.is_set():
            return None
        close = self._protocol.close_rcvd or self._protocol.close_sent
        return close.code if close is not None else 1006

    @property
    def close_reason(self) -> str:
        """The words that came with the code."""
        close = self._protocol.close_rcvd or self._protocol.close_sent
        return close.reason if close is not None and self._over.is_set() else ""

    async def receive(self) -> bytes | str | None:
        """The next message: `str` for a text, `bytes` for a binary one; None: closed."""
        assert not self._receiving, "one task receives"
        self._receiving = True
        try:
            while not self._messages and not self._over.is_set():
                await self._read()
        finally:
            self._receiving = False
        return self._messages.popleft() if self._messages else None

    async def send(self, message: bytes | str) -> None:
        """Send one message; returns once the other side keeps up. Raises WebSocketClosed."""
        if self._protocol.state is not State.OPEN:
            raise WebSocketClosed("the WebSocket is closed")
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        try:
            await self._flush()
        except ConnectionError as error:
            raise WebSocketClosed(str(error)) from error

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close: say so, wait a moment for the other side to agree. Messages that come meanwhile are lost."""
        try:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(code, reason)
                await self._flush()
                async with asyncio.timeout(CLOSE_SECONDS):
                    if self._receiving:
                        await self._over.wait()
                    while not self._over.is_set():
                        await self._read()
        except (ConnectionError, TimeoutError):
            pass  # It is gone already, or does not answer: closed all the same.
        finally:
            self._over.set()
            await self._connection.close()

    async def _read(self) -> None:
        """Take in what comes next."""
        data = await self._connection.read()
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        await self.take_in()
        if not data:
            self._over.set()

    async def take_in(self) -> None:
        """Take what the core has understood so far: what came in one piece with a handshake's answer, too."""
        self._collect()
        try:
            await self._flush()
        except ConnectionError:
            self._over.set()
        if self._protocol.close_rcvd is not None or self._protocol.parser_exc is not None:
            self._over.set()

    def _collect(self) -> None:
        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in _DATA:
                continue
            if event.opcode is not Opcode.CONT:
                self._text = event.opcode is Opcode.TEXT
            self._fragments.append(bytes(event.data))
            if event.fin:
                data = b"".join(self._fragments)
                self._fragments = []
                try:
                    self._messages.append(data.decode() if self._text else data)
                except UnicodeDecodeError:
                    self._protocol.fail(1007, "invalid UTF-8")
                    self._over.set()
                    return

    async def _flush(self) -> None:
        """Write what the core wants written, in order."""
        async with self._sending:
            for data in self._protocol.data_to_send():
                if data:
                    await self._connection.write(data)


def names_in(headers: Headers) -> list[Subprotocol]:
    """The subprotocols of a handshake. Kubernetes' `SPDY/3.1+portforward.k8s.io` is no token of RFC 6455 (KEP-4006),
    so that the core's own reader refuses it."""
    values = ",".join(headers.get_all("Sec-WebSocket-Protocol")).split(",")
    return [cast(Subprotocol, value.strip()) for value in values if value.strip()]


class _ServerProtocol(ServerProtocol):
    def parse(self) -> Generator[None, None, None]:
        # The core would wait for the handshake's request, which the transport has read already.
        return Protocol.parse(self)

    def process_subprotocol(self, headers: Headers) -> Subprotocol | None:
        return self.select_subprotocol(names_in(headers))


def accept(
    request: Request,
    subprotocols: Sequence[str],
    serve: Callable[[WebSocket], Awaitable[None]],
    *,
    required: bool = False,
    message_bytes: int = MESSAGE_BYTES,
) -> Upgrade | Response:
    """Answer a WebSocket handshake: an Upgrade that runs `serve`, or the Response that refuses it.

    `subprotocols` are ours, best first. The first of ours that the client offers is agreed on; if there is none, none
    is, or with `required` the handshake is refused with 400. After `serve` the WebSocket is closed (1011 if it raised).
    """

    def select(protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((cast(Subprotocol, name) for name in subprotocols if name in offered), None)

    protocol = _ServerProtocol(select_subprotocol=select, max_size=message_bytes)
    wire = WireRequest(request.raw_path or request.path, Headers(list(request.headers.items())), method=request.method)
    answer = protocol.accept(wire)
    if answer.status_code != 101:
        kept = [(name, value) for name, value in answer.headers.raw_items() if name in ("Upgrade", "Allow")]
        return Response(answer.status_code, bytes(answer.body or b""), "text/plain; charset=utf-8", kept)
    agreed = answer.headers.get("Sec-WebSocket-Protocol", "")
    if required and not agreed:
        offered = request.headers.get("sec-websocket-protocol", "")
        message = f"unable to upgrade: none of the protocols are supported: {offered}\n"
        return Response(400, message.encode(), "text/plain; charset=utf-8")

    async def run(connection: Connection) -> None:
        protocol.send_response(answer)
        protocol.data_to_send()  # The transport has sent this head already.
        websocket = WebSocket(connection, protocol, agreed)
        try:
            await serve(websocket)
        except Exception:
            await websocket.close(1011, "internal error")
            raise
        await websocket.close()

    headers = [(name, value) for name, value in answer.headers.raw_items() if name.startswith("Sec-")]
    return Upgrade("websocket", run, headers)
