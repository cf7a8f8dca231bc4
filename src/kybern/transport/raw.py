"""The raw connection after a switch of protocols, with back-pressure both ways."""

import asyncio
from collections.abc import Callable
from typing import Final

READ_BUFFER_BYTES: Final = 256 << 10
"""What may wait to be read before the client is held."""


class Flow:
    """Whether the client takes what is sent to it, and those who wait until it does."""

    def __init__(self) -> None:
        self.paused = False
        self.lost = False
        self.changed: Callable[[], None] | None = None
        """Called whenever one of these changes."""
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def free(self) -> bool:
        """The client is there and keeps up."""
        return not (self.paused or self.lost)

    def pause(self) -> None:
        self.paused = True
        self._tell()

    def resume(self) -> None:
        self.paused = False
        self._tell()
        self._wake()

    def lose(self) -> None:
        """The connection is gone."""
        self.lost = True
        self._tell()
        self._wake()

    async def ready(self) -> None:
        """Return once the client keeps up. Raises ConnectionResetError when it is gone."""
        while self.paused and not self.lost:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        if self.lost:
            raise ConnectionResetError("the client has closed the connection")

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class RawConnection:
    """Keeps the contract of `exchange.Connection` over an asyncio transport."""

    def __init__(self, transport: asyncio.Transport, flow: Flow, first: bytes) -> None:
        self._transport = transport
        self._flow = flow
        self._buffer = bytearray(first)
        self._ended = False
        self._held = False
        self._reader: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        if not self._buffer and not self._ended:
            assert self._reader is None, "one reader at a time"
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._held and not self._ended:
            self._held = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        if self._flow.lost or self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._transport.write(data)
        await self._flow.ready()

    async def close(self) -> None:
        self._transport.close()

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        self._buffer += data
        if len(self._buffer) > READ_BUFFER_BYTES and not self._held:
            self._held = True
            self._transport.pause_reading()
        self._wake()

    def end(self) -> None:
        """The other side sends no more."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
