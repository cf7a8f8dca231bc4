"""Listens, counts connections, and ends gracefully."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from kybern.base.clock import Clock, SystemClock
from kybern.transport.connection import Connection
from kybern.transport.exchange import Handler
from kybern.transport.limits import Limits
from kybern.transport.pace import Pace
from kybern.transport.response import Heads, Refuse, plain_refusal
from kybern.transport.secure import Seal, Secure
from kybern.transport.tls import Tls

BACKLOG: Final = 1024

ABORT_SECONDS: Final = 2.0
"""How long `stop` waits for tasks that it has cancelled."""

_log = logging.getLogger(__name__)


class Server:
    """Serves a handler on any number of addresses. `start`, then `stop`."""

    def __init__(
        self,
        handler: Handler,
        *,
        tls: Tls | None = None,
        limits: Limits | None = None,
        refuse: Refuse = plain_refusal,
        clock: Clock | None = None,
    ) -> None:
        self.handler = handler
        self.limits = limits or Limits()
        self.refuse = refuse
        self.heads = Heads(clock or SystemClock())
        self.loop: asyncio.AbstractEventLoop
        self.pace: Pace
        self._clock = clock or SystemClock()
        self._tls = tls
        self._listeners: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._reloading: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens: host and port."""
        return [listening.getsockname()[:2] for listener in self._listeners for listening in listener.sockets]

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def start(self, addresses: Sequence[tuple[str, int]]) -> None:
        """Listen on all of `addresses` (port 0: any free one) or on none. Raises OSError."""
        self.loop = asyncio.get_running_loop()
        self.pace = Pace(self.loop, self.limits.begun_answers)
        tls = self._tls
        accept = self._accept if tls is None else self._secured(tls)
        try:
            for host, port in addresses:
                self._listeners.append(await self.loop.create_server(accept, host, port, backlog=BACKLOG))
        except BaseException:
            self._stop_listening()
            raise
        if tls is not None:
            self._reloading = self.loop.create_task(tls.keep_fresh(self._clock))

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Accept nothing more, answer what has been asked, end streams; after `grace_seconds` close what is left."""
        self._stop_listening()
        if self._reloading is not None:
            self._reloading.cancel()
        for connection in list(self._connections):
            connection.drain()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._empty.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            try:
                async with asyncio.timeout(ABORT_SECONDS):
                    await self._empty.wait()
            except TimeoutError:
                _log.error("%d connections have not ended: a handler ignores its cancellation", self.connections)

    def opened(self, connection: Connection) -> bool:
        self._connections.add(connection)
        self._empty.clear()
        return len(self._connections) <= self.limits.connections

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def certificate(self, transport: asyncio.BaseTransport) -> bytes | None:
        return None if self._tls is None else self._tls.client_certificate(transport)

    def _accept(self) -> Connection:
        return Connection(self)

    def _secured(self, tls: Tls) -> Callable[[], Secure]:
        """What accepts over TLS."""
        limits = self.limits
        seal = Seal(
            tls.context, self.loop,
            handshake_seconds=limits.handshake_seconds, linger_seconds=limits.linger_seconds,
        )  # fmt: skip
        return lambda: Secure(seal, Connection(self))

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
