"""The streams of exec and attach over one SPDY connection, from either side."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

from kybern.kubelet.server import spdy
from kybern.kubelet.server.channels import Channel, Close, Data
from kybern.kubelet.server.spdy import (
    PROTOCOL_ERROR,
    Decoder,
    Encoder,
    Frame,
    Headers,
    Ping,
    RstStream,
    SpdyError,
    SynReply,
    SynStream,
)
from kybern.transport.exchange import Connection

TYPES: Final = {
    "error": Channel.ERROR,
    "stdin": Channel.STDIN,
    "stdout": Channel.STDOUT,
    "stderr": Channel.STDERR,
    "resize": Channel.RESIZE,
}
"""By the header `streamType` with which a stream is opened."""


class SpdyChannels:
    """One task receives, any may send. TCP is what holds a fast sender back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._sending = asyncio.Lock()
        self._streams: dict[Channel, int] = {}
        self._channels: dict[int, Channel] = {}
        self._said: deque[Data | Close] = deque()
        self._over = False
        self._opens = False
        """Streams are ours to open."""

    async def open(self, channels: Iterable[Channel]) -> None:
        """As a client: open these streams. Raises ConnectionError."""
        self._opens = True
        names = {channel: name for name, channel in TYPES.items()}
        for index, channel in enumerate(channels):
            stream = 2 * index + 1
            self._streams[channel], self._channels[stream] = stream, channel
            await self._send(SynStream(stream, {"streamtype": names[channel]}))

    async def accept(self, channels: Iterable[Channel]) -> None:
        """As a server: until the client has opened these streams. Raises SpdyError, ConnectionError."""
        missing = set(channels)
        while not missing <= self._streams.keys():
            if self._over:
                raise SpdyError("the client has left before its streams were open")
            await self._read()

    async def receive(self) -> Data | Close | None:
        """What comes next on any stream; None: the other side has left. Raises SpdyError."""
        while not self._said and not self._over:
            await self._read()
        return self._said.popleft() if self._said else None

    async def send(self, channel: Channel, data: bytes) -> None:
        """Nothing happens on a channel that was not opened. Raises ConnectionError."""
        if channel in self._streams and data:
            await self._send(spdy.Data(self._streams[channel], data))

    async def end(self, channel: Channel) -> None:
        """No more will be sent on this channel. Raises ConnectionError."""
        if channel in self._streams:
            await self._send(spdy.Data(self._streams[channel], b"", fin=True))

    async def close(self) -> None:
        await self._connection.close()

    async def _read(self) -> None:
        data = await self._connection.read()
        self._over = not data
        for frame in self._decoder.feed(data):
            await self._take(frame)

    async def _take(self, frame: Frame) -> None:
        match frame:
            case SynStream():
                await self._opened(frame)
            case spdy.Data(stream, data, fin):
                channel = self._channels.get(stream)
                if channel is not None and data:
                    self._said.append(Data(channel, data))
                if fin:
                    self._ended(stream)
            case RstStream(stream) | SynReply(stream, _, True) | Headers(stream, _, True):
                self._ended(stream)
            case Ping(id) if id % 2 != self._opens:
                await self._send(frame)
            case _:
                pass  # Agreement to a stream, windows, and a GOAWAY: who says it ends the connection itself.

    async def _opened(self, frame: SynStream) -> None:
        channel = TYPES.get(frame.headers.get("streamtype", ""))
        if channel is None or channel in self._streams or self._opens or frame.stream % 2 == 0:
            await self._send(RstStream(frame.stream, PROTOCOL_ERROR))
            return
        self._streams[channel], self._channels[frame.stream] = frame.stream, channel
        await self._send(SynReply(frame.stream))
        if frame.fin:
            self._ended(frame.stream)

    def _ended(self, stream: int) -> None:
        channel = self._channels.pop(stream, None)
        if channel is not None:
            self._said.append(Close(channel))

    async def _send(self, frame: Frame) -> None:
        async with self._sending:
            await self._connection.write(self._encoder.encode(frame))
