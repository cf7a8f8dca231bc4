"""Port forwarding: SPDY streams in pairs (error, data), each pair one connection to a port of the Pod.

Invariants: a pair's error stream ends when its connection has ended, and holds the reason if that was a failure; one
pair's failure touches no other; what waits for a slow Pod is bounded.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from kybern.kubelet.server.network import NotConnected
from kybern.kubelet.server.portforward_channels import Dial, forward_channels
from kybern.kubelet.server.spdy import (
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    Data,
    Decoder,
    Encoder,
    Frame,
    GoAway,
    Ping,
    RstStream,
    SpdyError,
    SynReply,
    SynStream,
)
from kybern.kubelet.server.spdy_upgrade import spdy_upgrade
from kybern.transport.exchange import Answer, Connection, Request
from kybern.transport.websocket import WebSocket, accept

PROTOCOL: Final = "portforward.k8s.io"
TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
"""The WebSocket subprotocol whose messages carry SPDY (KEP-4006)."""

PAIR_SECONDS: Final = 30.0
"""How long the second stream of a pair may take (upstream's streamCreationTimeout)."""
REQUESTS_LIMIT: Final = 256
"""Pairs at once on one connection."""
READ_BYTES: Final = 32 << 10
WAITING_BYTES: Final = 256 << 10
"""What may wait for one connection in the Pod before the client is held."""

Send = Callable[[bytes], Awaitable[None]]
Receive = Callable[[], Awaitable[bytes]]


def port_forward(request: Request, dial: Dial, pod: str, uid: str) -> Answer:
    """The answer to a request to forward: SPDY itself or over a WebSocket. `pod` is the name in messages."""
    if request.headers.get("upgrade", "").lower() == "websocket":
        if TUNNEL not in request.headers.get("sec-websocket-protocol", ""):
            return forward_channels(request, dial, pod, uid)

        async def over_websocket(websocket: WebSocket) -> None:
            async def receive() -> bytes:
                while (message := await websocket.receive()) is not None:
                    if message:
                        return message.encode() if isinstance(message, str) else message
                return b""

            await Session(websocket.send, dial, pod, uid).run(receive)

        return accept(request, (TUNNEL,), over_websocket, required=True)

    async def over_spdy(connection: Connection, protocol: str) -> None:
        await Session(connection.write, dial, pod, uid).run(connection.read)

    return spdy_upgrade(request, (PROTOCOL,), over_spdy)


class _Inbox:
    """Bytes from the client for one connection."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._bytes = 0
        self._ended = self._closed = False
        self._changed = asyncio.Event()

    async def put(self, data: bytes, fin: bool) -> None:
        """Returns once there is room; what nobody will read any more is thrown away."""
        while self._bytes > WAITING_BYTES and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        if data and not self._closed:
            self._pieces.append(data)
            self._bytes += len(data)
        self._ended = self._ended or fin
        self._changed.set()

    async def get(self) -> bytes:
        """The next piece; b"" at the end."""
        while not self._pieces and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        self._bytes -= len(piece)
        self._changed.set()
        return piece

    def close(self) -> None:
        self._closed = True
        self._pieces.clear()
        self._changed.set()


class _Pair:
    """One request: its two streams and its task."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: dict[str, int] = {}
        """By type, `error` and `data`."""
        self.inbox = _Inbox()
        self.complete = asyncio.Event()
        self.task: asyncio.Task[None]


class Session:
    """One client's connection."""

    def __init__(self, send: Send, dial: Dial, pod: str, uid: str) -> None:
        self._send_bytes = send
        self._dial = dial
        self._pod = pod
        self._uid = uid
        self._encoder = Encoder()
        self._sending = asyncio.Lock()
        self._pairs: dict[str, _Pair] = {}
        """By request id."""
        self._streams: dict[int, tuple[str, _Pair]] = {}

    async def run(self, receive: Receive) -> None:
        """Until the client leaves or breaks the protocol."""
        decoder = Decoder()
        try:
            while data := await receive():
                for frame in decoder.feed(data):
                    await self._take(frame)
        except SpdyError:
            await self._send_quietly(GoAway(0, PROTOCOL_ERROR))
        except ConnectionError:
            pass  # The client has left while it was answered.
        finally:
            tasks = [pair.task for pair in self._pairs.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, frame: Frame) -> None:
        match frame:
            case SynStream():
                await self._open(frame)
            case Data(stream, data, fin):
                type, pair = self._streams.get(stream, ("", None))
                if pair is not None and type == "data":
                    await pair.inbox.put(data, fin)
            case RstStream(stream):
                type, pair = self._streams.pop(stream, ("", None))
                if pair is not None and type == "data":
                    pair.task.cancel()
            case Ping(id) if id % 2:
                await self._send(frame)
            case _:
                pass  # Answers to what was never asked, windows, and a client's GOAWAY: it ends its connection itself.

    async def _open(self, frame: SynStream) -> None:
        headers, stream = frame.headers, frame.stream
        type, port = headers.get("streamtype", ""), headers.get("port", "")
        if type not in ("error", "data") or not port.isdecimal() or not 0 < int(port) < 1 << 16 or stream % 2 == 0:
            await self._send(RstStream(stream, PROTOCOL_ERROR))
            return
        # Clients before Kubernetes 1.2 sent no request id; their data stream is the next after its error stream.
        request = headers.get("requestid") or str(stream if type == "error" else stream - 2)
        pair = self._pairs.get(request)
        if stream in self._streams or (pair is not None and type in pair.streams):
            await self._send(RstStream(stream, PROTOCOL_ERROR))
            return
        if pair is None and len(self._pairs) >= REQUESTS_LIMIT:
            await self._send(RstStream(stream, REFUSED_STREAM))
            return
        if pair is None:
            pair = self._pairs[request] = _Pair(int(port))
            pair.task = asyncio.create_task(self._serve(request, pair))
        pair.streams[type] = stream
        self._streams[stream] = (type, pair)
        await self._send(SynReply(stream))
        if type == "data" and frame.fin:
            await pair.inbox.put(b"", True)
        if len(pair.streams) == 2:
            pair.complete.set()

    async def _serve(self, request: str, pair: _Pair) -> None:
        """One pair, from its first stream to its end."""
        try:
            reason = await self._forward(pair)
            if reason and "error" in pair.streams:
                text = f"error forwarding port {pair.port} to pod {self._pod}, uid {self._uid}: {reason}"
                await self._send(Data(pair.streams["error"], text.encode()))
            for stream in pair.streams.values():
                await self._send(Data(stream, b"", fin=True))
        except ConnectionError:
            pass  # The client has left.
        finally:
            pair.inbox.close()
            self._pairs.pop(request, None)
            for stream in pair.streams.values():
                self._streams.pop(stream, None)

    async def _forward(self, pair: _Pair) -> str:
        """Carry bytes both ways until the Pod's side has ended; what went wrong, or ""."""
        try:
            async with asyncio.timeout(PAIR_SECONDS):
                await pair.complete.wait()
        except TimeoutError:
            return "timed out waiting for streams"
        try:
            opened = await self._dial(pair.port)
        except NotConnected as error:
            return str(error)
        reader, writer = await asyncio.open_connection(sock=opened)
        outward = asyncio.create_task(_carry(pair.inbox, writer))
        try:
            while data := await reader.read(READ_BYTES):
                await self._send(Data(pair.streams["data"], data))
        except ConnectionResetError as error:
            return f"read tcp: {(error.strerror or 'connection reset by peer').lower()}"
        finally:
            outward.cancel()
            writer.close()
        return ""

    async def _send(self, frame: Frame) -> None:
        async with self._sending:
            await self._send_bytes(self._encoder.encode(frame))

    async def _send_quietly(self, frame: Frame) -> None:
        try:
            await self._send(frame)
        except ConnectionError:
            pass  # It has left already.


async def _carry(inbox: _Inbox, writer: asyncio.StreamWriter) -> None:
    """From the client to the Pod, the end of input included."""
    try:
        while data := await inbox.get():
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        inbox.close()  # The Pod takes no more; what it still says is read by the other side.
