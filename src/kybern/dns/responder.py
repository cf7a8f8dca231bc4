"""From a query's bytes to the answer's: the zone's answers, with a cache of ready bytes. No sockets.

One thread answers while another calls `change`: the zone is read and changed under the lock, and a change replaces the
whole cache, so that an answer made from the zone before it is not kept.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from kybern.dns import wire
from kybern.dns.wire import BadMessage, Query, Record, Reply
from kybern.dns.zone import Zone

CACHE_LIMIT = 10_000
"""Answers kept as bytes; at about 300 bytes each, 3 MB. When full it starts anew."""
ROTATIONS_LIMIT = 16
"""Orders of the addresses of one name that are kept; clients mostly take the first address."""
TCP_LIMIT = 65535


@dataclass(frozen=True, slots=True)
class Forward:
    """The question is for someone else."""

    query: Query
    message: bytes
    prefix: tuple[Record, ...] = ()
    """An alias of this zone that led to `target`; it comes before the other's answer."""
    target: str = ""


class Responder:
    """Answers queries for one zone, and counts them."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._lock = threading.Lock()
        self._cache: dict[tuple[bytes, int, bool], tuple[int, list[bytes]]] = {}
        self._turn = 0
        self.requests: Counter[int] = Counter()
        """Queries by type."""
        self.responses: Counter[int] = Counter()
        """Answers by code; those of others are counted by whoever fetched them."""
        self.hits = 0

    def change(self, edit: Callable[[Zone], None]) -> None:
        """Change the zone; no answer of before is given any more."""
        with self._lock:
            edit(self._zone)
            self._cache = {}

    def answer(self, message: bytes, *, tcp: bool = False) -> bytes | Forward | None:
        """The answer; a Forward where the zone has none to give; None for what deserves no answer."""
        try:
            query = wire.parse_query(message)
        except BadMessage:
            self.responses[wire.FORMERR] += 1
            is_other = len(message) > 2 and message[2] & 0x78
            return wire.error_reply(message, wire.NOTIMP if is_other else wire.FORMERR)
        self.requests[query.type] += 1
        limit = TCP_LIMIT if tcp else query.limit
        key = (query.question, limit, query.edns)
        cache = self._cache
        cached = cache.get(key)
        if cached is None:
            made = self._make(query, message, limit)
            if isinstance(made, Forward):
                return made
            cached = made
            if len(cache) < CACHE_LIMIT:
                cache[key] = made
            else:
                self._cache = {}
        else:
            self.hits += 1
        code, variants = cached
        self.responses[code] += 1
        self._turn += 1
        chosen = variants[self._turn % len(variants)]
        # The identifier and the wish for recursion are the client's own.
        return message[:2] + bytes((chosen[2] & 0xFE | message[2] & 0x01,)) + chosen[3:]

    def _make(self, query: Query, message: bytes, limit: int) -> tuple[int, list[bytes]] | Forward:
        with self._lock:
            if not self._zone.serves(query.name):
                return Forward(query, message)
            reply = self._zone.answer(query.name, query.type)
            if len(reply.answers) == 1 and reply.answers[0].type == wire.CNAME and query.type != wire.CNAME:
                target = wire.decode_name(reply.answers[0].data, 0)[0]
                if not self._zone.serves(target):
                    return Forward(query, message, tuple(reply.answers), target)
        return reply.code, [wire.encode_reply(query, each, limit) for each in rotations(reply)]


def rotations(reply: Reply) -> list[Reply]:
    """The reply with each of its addresses first once; aliases stay in front."""
    front = [record for record in reply.answers if record.type == wire.CNAME]
    rest = [record for record in reply.answers if record.type != wire.CNAME]
    turns = range(min(len(rest), ROTATIONS_LIMIT) or 1)
    return [
        Reply(reply.code, [*front, *rest[turn:], *rest[:turn]], reply.authority, reply.additional) for turn in turns
    ]
