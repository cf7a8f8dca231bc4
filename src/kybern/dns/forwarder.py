"""Other people's names, from the node's own resolvers."""

import asyncio
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from kybern.dns import wire
from kybern.dns.responder import Forward
from kybern.dns.wire import Rcode

PORT = 53
ATTEMPT_SECONDS = 2.0
"""For one resolver; after that the next one is asked."""

OUTSTANDING_LIMIT = 1000
"""Questions under way at once; more are answered SERVFAIL at once."""


def nameservers(resolv_conf: Path) -> list[str]:
    """The addresses in a resolv.conf; none where there is no such file."""
    try:
        lines = resolv_conf.read_text().splitlines()
    except OSError:
        return []
    words = (line.split() for line in lines)
    return [parts[1] for parts in words if len(parts) > 1 and parts[0] == "nameserver"]


class Forwarder:
    """Asks each resolver in turn until one answers. With none, every answer is SERVFAIL."""

    def __init__(self, servers: Sequence[tuple[str, int]], source: random.Random) -> None:
        self._servers = servers
        self._random = source
        self._outstanding = 0

    async def resolve(self, forward: Forward, *, tcp: bool = False) -> bytes:
        """The answer for whoever asked."""
        query = forward.query
        if self._outstanding >= OUTSTANDING_LIMIT:
            return wire.respond(query, Rcode.SERVFAIL, forward.prefix, authoritative=False)
        self._outstanding += 1
        try:
            # An alias that leaves the zone is told as it is; the client's resolver goes on from there.
            if forward.prefix:
                return wire.respond(query, Rcode.NOERROR, forward.prefix)
            for server in self._servers:
                answer = await self._ask(server, forward.message, tcp=tcp)
                if answer is not None:
                    return forward.message[:2] + answer[2:]
            return wire.respond(query, Rcode.SERVFAIL, authoritative=False)
        finally:
            self._outstanding -= 1

    async def _ask(self, server: tuple[str, int], message: bytes, *, tcp: bool) -> bytes | None:
        # A fresh identifier and a fresh port for each question: what an attacker would have to guess.
        own = self._random.getrandbits(16).to_bytes(2, "big")
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                ask = _ask_tcp if tcp else _ask_udp
                return await ask(server, own + message[2:])
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return None


async def _ask_udp(server: tuple[str, int], message: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as own:
        own.connect(server)
        await loop.sock_sendall(own, message)
        while True:
            answer = await loop.sock_recv(own, 65535)
            if answer[:2] == message[:2] and len(answer) >= wire.HEADER.size:
                return answer


async def _ask_tcp(server: tuple[str, int], message: bytes) -> bytes | None:
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(len(message).to_bytes(2, "big") + message)
        length = int.from_bytes(await reader.readexactly(2), "big")
        answer = await reader.readexactly(length)
        return answer if answer[:2] == message[:2] else None
    finally:
        writer.close()
