"""The client's side of WebSocket: how the API server reaches a kubelet's exec, attach and port-forward."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final, cast

from websockets.client import ClientProtocol
from websockets.datastructures import Headers as WireHeaders
from websockets.exceptions import InvalidStatus, NegotiationError
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from kybern.base.errors import KybernError, Unreachable
from kybern.transport.exchange import Headers
from kybern.transport.websocket import MESSAGE_BYTES, WebSocket, names_in

CONNECT_SECONDS: Final = 10.0
"""For the connection and the handshake together."""

READ_BYTES: Final = 64 << 10


class UpgradeRefused(KybernError):
    """The server answered the handshake with something else than a switch of protocols."""

    def __init__(self, status: int, body: bytes, content_type: str) -> None:
        super().__init__(f"the server answered {status}: {body[:200].decode('utf-8', 'replace')}")
        self.status = status
        self.body = body
        self.content_type = content_type


class StreamConnection:
    """Keeps the contract of `exchange.Connection` over asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        try:
            return await self._reader.read(READ_BYTES)
        except (ConnectionError, ssl.SSLError):
            return b""

    async def write(self, data: bytes) -> None:
        if self._writer.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()


class _ClientProtocol(ClientProtocol):
    def process_subprotocol(self, headers: WireHeaders) -> Subprotocol | None:
        agreed = names_in(headers)
        if not agreed:
            return None
        if len(agreed) > 1 or agreed[0] not in (self.available_subprotocols or ()):
            raise NegotiationError(f"unsupported subprotocol: {', '.join(agreed)}")
        return agreed[0]


async def connect(
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    headers: Headers = (),
    tls: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    message_bytes: int = MESSAGE_BYTES,
    timeout_seconds: float = CONNECT_SECONDS,
) -> WebSocket:
    """Open a WebSocket to `ws://…` or `wss://…` (with `tls`, which holds our client certificate).

    Raises UpgradeRefused, Unreachable, ValueError (no such URL).
    """
    uri = parse_uri(url)
    if uri.secure and tls is None:
        raise ValueError("wss:// needs a TLS context")
    offered = [cast(Subprotocol, name) for name in subprotocols] or None
    protocol = _ClientProtocol(uri, subprotocols=offered, max_size=message_bytes)
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(
                uri.host,
                uri.port,
                ssl=tls if uri.secure else None,
                server_hostname=(server_hostname or uri.host) if uri.secure else None,
            )
            connection = StreamConnection(reader, writer)
            try:
                return await _shake_hands(connection, protocol, headers)
            except BaseException:
                await connection.close()
                raise
    except (OSError, TimeoutError) as error:
        raise Unreachable(f"{uri.host}:{uri.port}: {error or 'timed out'}") from error


async def _shake_hands(connection: StreamConnection, protocol: ClientProtocol, headers: Headers) -> WebSocket:
    request = protocol.connect()
    for name, value in headers:
        request.headers[name] = value
    protocol.send_request(request)
    for data in protocol.data_to_send():
        await connection.write(data)
    agreed = None
    while agreed is None and protocol.handshake_exc is None:
        data = await connection.read()
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
        # Not only OPEN: messages and even the end may have come in one piece with the answer.
        if protocol.handshake_exc is None and protocol.state is not State.CONNECTING:
            agreed = protocol.subprotocol or ""
        elif not data and protocol.handshake_exc is None:
            raise ConnectionResetError("the server closed the connection during the handshake")
    failure = protocol.handshake_exc
    if isinstance(failure, InvalidStatus):
        answer = failure.response
        raise UpgradeRefused(answer.status_code, bytes(answer.body or b""), answer.headers.get("Content-Type", ""))
    if failure is not None:
        raise ConnectionResetError(f"no WebSocket handshake: {failure}")
    websocket = WebSocket(connection, protocol, agreed or "")
    await websocket.take_in()
    return websocket
