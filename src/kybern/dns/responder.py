"""From a query's bytes to the answer's: the zone's answers with a cache of ready bytes. No sockets.

Thread-safe in one direction: one thread answers while another calls `forget` and changes the zone under `lock`.
"""

import threading
from dataclasses import dataclass

from kybern.dns import wire
from kybern.dns.wire import Malformed, Query, Rcode, Record, Type
from kybern.dns.zone import Answer, Zone

CACHE_LIMIT = 10_000
"""Answers kept as bytes; at about 300 bytes each, 3 MB. When full it starts anew."""

ROTATIONS_LIMIT = 16
"""Orders of the addresses of one name that are cached; clients mostly take the first address."""


@dataclass(frozen=True, slots=True)
class Forward:
    """The question is for someone else."""

    query: Query
    message: bytes
    name: str
    """What to ask for: the query's own name, or where an alias of this zone led."""
    prefix: tuple[Record, ...] = ()
    """Records of this zone that come before the other's answer."""


class Responder:
    """Answers queries for one zone."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.lock = threading.Lock()
        """Held while the zone is read or changed."""
        self._cache: dict[tuple[bytes, int, bool], list[bytes]] = {}
        self._turn = 0

    def forget(self) -> None:
        """The zone has changed: no answer of before may be given any more."""
        self._cache = {}

    def answer(self, message: bytes, *, tcp: bool = False) -> bytes | Forward | None:
        """The answer; a Forward where the zone has none to give; None for what deserves no answer."""
        try:
            query = wire.parse_query(message)
        except Malformed:
            rcode = Rcode.NOTIMP if len(message) > 2 and message[2] & 0x78 else Rcode.FORMERR
            return wire.refuse(message, rcode)
        limit = 65535 if tcp else query.size
        key = (query.question, limit, query.edns)
        cached = self._cache.get(key)
        if cached is None:
            made = self._make(query, message, limit)
            if isinstance(made, Forward):
                return made
            cached = made
            if len(self._cache) >= CACHE_LIMIT:
                self._cache = {}
            self._cache[key] = cached
        self._turn += 1
        chosen = cached[self._turn % len(cached)]
        desired = chosen[2] | 0x01 if query.recursion_desired else chosen[2] & 0xFE
        return message[:2] + bytes((desired,)) + chosen[3:]

    def _make(self, query: Query, message: bytes, limit: int) -> list[bytes] | Forward:
        with self.lock:
            if not self.zone.contains(query.name):
                return Forward(query, message, query.name)
            answer = self.zone.answer(query.name, query.type)
            soa = self.zone.soa()
        if answer.alias:
            return Forward(query, message, answer.alias, tuple(answer.answers))
        authority = () if answer.answers else (soa,)
        return [
            wire.respond(query, answer.rcode, records, authority, answer.additional, limit=limit)
            for records in rotations(answer)
        ]


def rotations(answer: Answer) -> list[list[Record]]:
    """The answer's records with each of its addresses first once; aliases stay in front."""
    front = [record for record in answer.answers if record.type is Type.CNAME]
    rest = [record for record in answer.answers if record.type is not Type.CNAME]
    turns = range(min(len(rest), ROTATIONS_LIMIT) or 1)
    return [[*front, *rest[turn:], *rest[:turn]] for turn in turns]
