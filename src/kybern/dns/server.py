"""The sockets: UDP in a thread of its own (14 µs a query, and no query waits for the loop), TCP and forwarding on the
loop."""

import asyncio
import logging
import socket
import threading
from types import TracebackType
from typing import Self

from kybern.dns.forwarder import Forwarder
from kybern.dns.responder import Forward, Responder

log = logging.getLogger(__name__)

TCP_CONNECTIONS_LIMIT = 200
TCP_IDLE_SECONDS = 10.0
"""A client that asks nothing for so long is disconnected (RFC 7766)."""

UDP_MESSAGE_BYTES = 4096
RECEIVE_BUFFER_BYTES = 1 << 20


class DnsServer:
    """Serves at one address until left: `async with DnsServer(…) as server`. Raises OSError when it is taken."""

    def __init__(self, responder: Responder, forwarder: Forwarder, address: str, port: int) -> None:
        self._responder = responder
        self._forwarder = forwarder
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0
        self._stopping = False
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._udp = socket.socket(family, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        try:
            self._udp.bind((address, port))
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"{address}:{port}") from None
        self.address = address
        self.port: int = self._udp.getsockname()[1]
        self._thread = threading.Thread(target=self._serve_udp, name="dns-udp", daemon=True)
        self._tcp: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._tcp = await asyncio.start_server(self._serve_tcp, self.address, self.port)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._wake()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tcp is not None:
            self._tcp.close()
        await asyncio.to_thread(self._thread.join)
        self._udp.close()

    def _wake(self) -> None:
        """Have the thread look at `_stopping`: an empty datagram to itself, for nothing else ends a `recvfrom`."""
        with socket.socket(self._udp.family, socket.SOCK_DGRAM) as other:
            other.sendto(b"", self._udp.getsockname())

    def _serve_udp(self) -> None:
        receive, send, answer = self._udp.recvfrom, self._udp.sendto, self._responder.answer
        while True:
            try:
                message, client = receive(UDP_MESSAGE_BYTES)
            except OSError:
                return
            if self._stopping:
                return
            answered = answer(message)
            if isinstance(answered, bytes):
                try:
                    send(answered, client)
                except OSError as error:
                    log.debug("answer to %s is lost: %s", client, error)
            elif answered is not None:
                self._loop.call_soon_threadsafe(self._forward, answered, client)

    def _forward(self, forward: Forward, client: tuple[str, int]) -> None:
        task = self._loop.create_task(self._forward_udp(forward, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward_udp(self, forward: Forward, client: tuple[str, int]) -> None:
        answer = await self._forwarder.resolve(forward, client=client[0])
        try:
            self._udp.sendto(answer, client)
        except OSError as error:
            log.debug("answer to %s is lost: %s", client, error)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            while self._connections <= TCP_CONNECTIONS_LIMIT:
                async with asyncio.timeout(TCP_IDLE_SECONDS):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    message = await reader.readexactly(length)
                answer = self._responder.answer(message, tcp=True)
                if isinstance(answer, Forward):
                    answer = await self._forwarder.resolve(answer, tcp=True)
                if answer is None:
                    return
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return
        finally:
            self._connections -= 1
            writer.close()
