"""Other people's names, from the node's own resolvers, kept for a short while."""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from kybern.dns import wire
from kybern.dns.responder import TCP_LIMIT, Forward
from kybern.dns.wire import BadMessage, Record, Reply

PORT = 53
ATTEMPT_SECONDS = 2.0
"""For one resolver; after that the next one is asked."""
SILENCE_SECONDS = 5.0
"""A resolver that gave no answer is not asked for so long: a client with no way out hears so at once, not after its own
time limit. The first question after that tries it again."""
OUTSTANDING_LIMIT = 1000
"""Questions under way at once; more are answered SERVFAIL at once."""
CACHE_SECONDS = 30.0
"""Longest that another's answer is kept (kubeadm's CoreDNS)."""
CACHE_LIMIT = 5000
SYSTEMD_STUB = "127.0.0.53"
SYSTEMD_UPSTREAM = Path("/run/systemd/resolve/resolv.conf")


def nameservers(resolv_conf: Path, own: Sequence[str] = ()) -> list[str]:
    """The addresses in a resolv.conf but our own: a resolver that is this server would send questions round for ever.

    Where the file names only systemd's stub, what systemd asks is taken instead: a node in a network namespace of its
    own cannot reach the stub.
    """
    found = [address for address in _read(resolv_conf) if address not in own]
    if found == [SYSTEMD_STUB] and SYSTEMD_UPSTREAM.exists():
        return [address for address in _read(SYSTEMD_UPSTREAM) if address not in own]
    return found


def _read(resolv_conf: Path) -> list[str]:
    try:
        lines = resolv_conf.read_text().splitlines()
    except OSError:
        return []
    words = (line.split() for line in lines)
    return [parts[1] for parts in words if len(parts) > 1 and parts[0] == "nameserver"]


class Forwarder:
    """Asks each resolver in turn until one answers. With none, every answer is SERVFAIL."""

    def __init__(
        self, servers: Sequence[tuple[str, int]], source: random.Random, monotonic: Callable[[], float]
    ) -> None:
        self._servers = servers
        self._random = source
        self._monotonic = monotonic
        self._outstanding = 0
        self._silent_until: dict[tuple[str, int], float] = {}
        self._cache: dict[tuple[bytes, bool, bool], tuple[float, bytes]] = {}
        self.responses: Counter[int] = Counter()

    async def resolve(self, forward: Forward, *, tcp: bool = False, client: str = "") -> bytes:
        """The answer for whoever asked. A question that comes from one of our resolvers is a loop, and refused."""
        if any(client == server for server, _ in self._servers):
            return self._counted(wire.encode_reply(forward.query, Reply(wire.REFUSED, authoritative=False), TCP_LIMIT))
        if self._outstanding >= OUTSTANDING_LIMIT:
            return self._counted(self._failure(forward))
        self._outstanding += 1
        try:
            if forward.prefix:
                return self._counted(await self._follow(forward, tcp=tcp))
            return self._counted(await self._fetch(forward.message, forward, tcp=tcp))
        finally:
            self._outstanding -= 1

    def _counted(self, answer: bytes) -> bytes:
        self.responses[answer[3] & 0xF] += 1
        return answer

    def _failure(self, forward: Forward) -> bytes:
        return wire.encode_reply(forward.query, Reply(wire.SERVFAIL, authoritative=False), TCP_LIMIT)

    async def _fetch(self, message: bytes, forward: Forward, *, tcp: bool) -> bytes:
        key = (message[wire.HEADER.size :], tcp, bool(message[2] & 1))
        kept = self._cache.get(key)
        if kept is not None and kept[0] > self._monotonic():
            return message[:2] + kept[1][2:]
        for server in self._servers:
            if self._silent_until.get(server, 0.0) > self._monotonic():
                continue
            answer = await self._ask(server, message, tcp=tcp)
            if answer is not None:
                self._silent_until.pop(server, None)
                self._keep(key, answer)
                return message[:2] + answer[2:]
            self._silent_until[server] = self._monotonic() + SILENCE_SECONDS
        return self._failure(forward)

    def _keep(self, key: tuple[bytes, bool, bool], answer: bytes) -> None:
        try:
            code, records = wire.parse_answers(answer)
        except BadMessage:
            return
        seconds = min([CACHE_SECONDS, *(record.ttl for record in records)])
        if code == wire.NOERROR and records and seconds > 0:
            if len(self._cache) >= CACHE_LIMIT:
                self._cache = {}
            self._cache[key] = (self._monotonic() + seconds, answer)

    async def _follow(self, forward: Forward, *, tcp: bool) -> bytes:
        """The alias, and what the others say about where it leads: stub resolvers do not follow aliases themselves."""
        question = wire.encode_name(forward.target) + struct.pack("!HH", forward.query.type, wire.CLASS_IN)
        head = wire.HEADER.pack(forward.query.id, wire.RECURSION_DESIRED, 1, 0, 0, 0)
        answer = await self._fetch(head + question, forward, tcp=tcp)
        records: list[Record] = []
        try:
            records = wire.parse_answers(answer)[1]
        except BadMessage:
            pass  # The alias alone is still true.
        limit = TCP_LIMIT if tcp else forward.query.limit
        return wire.encode_reply(forward.query, Reply(answers=[*forward.prefix, *records]), limit)

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
            answer = await loop.sock_recv(own, TCP_LIMIT)
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
