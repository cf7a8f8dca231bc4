"""DNS messages as bytes (RFC 1035, EDNS of RFC 6891). Pure; knows nothing of the cluster.

A name is a lower-case text without the last dot; "" is the root.
"""

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass

A, NS, CNAME, SOA, PTR, TXT, AAAA, SRV, OPT, ANY = 1, 2, 5, 6, 12, 16, 28, 33, 41, 255
CLASS_IN = 1
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
TYPE_NAMES = {
    A: "A",
    NS: "NS",
    CNAME: "CNAME",
    SOA: "SOA",
    PTR: "PTR",
    TXT: "TXT",
    AAAA: "AAAA",
    SRV: "SRV",
    ANY: "ANY",
}
HEADER = struct.Struct("!HHHHHH")
RESPONSE, AUTHORITATIVE, TRUNCATED, RECURSION_DESIRED, RECURSION_AVAILABLE = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
PLAIN_LIMIT = 512
"""Bytes of a UDP answer to a client without EDNS."""
UDP_LIMIT = 1232
"""Bytes of the largest UDP answer, whatever the client takes: it passes every path unfragmented (DNS flag day 2020)."""
POINTERS_LIMIT = 64
"""Compression pointers followed in one name; more is an attack."""


class BadMessage(ValueError):
    """The bytes are no DNS message that can be answered."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question."""

    id: int
    flags: int
    name: str
    type: int
    question: bytes
    """The question section as it came, with the client's upper and lower case."""
    edns: bool
    limit: int
    """Bytes that the client takes in one UDP answer."""


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record, its data encoded without compression."""

    name: str
    type: int
    ttl: int
    data: bytes

    def encode(self) -> bytes:
        return encode_name(self.name) + struct.pack("!HHIH", self.type, CLASS_IN, self.ttl, len(self.data)) + self.data


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: a code and three sections."""

    code: int = NOERROR
    answers: Sequence[Record] = ()
    authority: Sequence[Record] = ()
    additional: Sequence[Record] = ()
    authoritative: bool = True


def parse_query(message: bytes) -> Query:
    """Read a query. Raises BadMessage for what is not a query with exactly one question of class IN."""
    if len(message) < HEADER.size:
        raise BadMessage("shorter than a header")
    identifier, flags, questions, _answers, _authority, additional = HEADER.unpack_from(message)
    if flags & RESPONSE or flags >> 11 & 0xF or questions != 1:
        raise BadMessage("no standard query with one question")
    name, end = decode_name(message, HEADER.size)
    if len(message) < end + 4:
        raise BadMessage("question cut off")
    kind, class_ = struct.unpack_from("!HH", message, end)
    end += 4
    if class_ not in (CLASS_IN, ANY):
        raise BadMessage(f"class {class_}")
    edns, limit = False, PLAIN_LIMIT
    # The OPT record is the only one that clients send; its owner is the root.
    if additional and len(message) >= end + 11 and message[end] == 0:
        kind_more, size = struct.unpack_from("!HH", message, end + 1)
        if kind_more == OPT:
            edns, limit = True, max(PLAIN_LIMIT, min(size, UDP_LIMIT))
    return Query(identifier, flags, name.lower(), kind, message[HEADER.size : end], edns, limit)


def encode_reply(query: Query, reply: Reply, limit: int) -> bytes:
    """The answer in at most `limit` bytes: what does not fit is left out, and the answer marked as truncated."""
    opt = b"\0" + struct.pack("!HHIH", OPT, UDP_LIMIT, 0, 0) if query.edns else b""
    room = limit - HEADER.size - len(query.question) - len(opt)
    names = {query.name: 0xC000 | HEADER.size}
    sections: list[list[bytes]] = []
    flags = RESPONSE | RECURSION_AVAILABLE | (query.flags & RECURSION_DESIRED) | reply.code
    flags |= AUTHORITATIVE if reply.authoritative else 0
    for number, records in enumerate((reply.answers, reply.authority, reply.additional)):
        section: list[bytes] = []
        for record in records:
            data = _compressed(record, names)
            if len(data) > room:
                # Hints may be missing; an answer or its reason may not, unless the client is told.
                flags |= TRUNCATED if number < 2 else 0
                break
            room -= len(data)
            section.append(data)
        sections.append(section)
        if flags & TRUNCATED:
            sections += [[]] * (2 - number)
            break
    counts = [len(section) for section in sections]
    head = HEADER.pack(query.id, flags, 1, counts[0], counts[1], counts[2] + bool(opt))
    return head + query.question + b"".join(b"".join(section) for section in sections) + opt


def _compressed(record: Record, names: dict[str, int]) -> bytes:
    pointer = names.get(record.name)
    if pointer is None:
        return record.encode()
    return struct.pack("!HHHIH", pointer, record.type, CLASS_IN, record.ttl, len(record.data)) + record.data


def encode_name(name: str) -> bytes:
    """A name without compression. Raises BadMessage for labels that no name has."""
    if not name:
        return b"\0"
    out = bytearray()
    for label in name.split("."):
        raw = label.encode("utf-8", "surrogateescape")
        if not 0 < len(raw) < 64:
            raise BadMessage(f"label {label!r}")
        out.append(len(raw))
        out += raw
    out.append(0)
    return bytes(out)


def decode_name(message: bytes, offset: int) -> tuple[str, int]:
    """A name, compressed or not, and the offset behind it. Raises BadMessage."""
    labels: list[str] = []
    end = -1
    jumps = 0
    try:
        while length := message[offset]:
            if length & 0xC0 == 0xC0:
                end = offset + 2 if end < 0 else end
                offset = (length & 0x3F) << 8 | message[offset + 1]
                jumps += 1
                if jumps > POINTERS_LIMIT:
                    raise BadMessage("compression without end")
                continue
            if length & 0xC0 or offset + 1 + length > len(message):
                raise BadMessage("label without end")
            labels.append(message[offset + 1 : offset + 1 + length].decode("utf-8", "surrogateescape"))
            offset += 1 + length
    except IndexError as error:
        raise BadMessage("name without end") from error
    name = ".".join(labels)
    if len(name) > 254:
        raise BadMessage("name too long")
    return name, offset + 1 if end < 0 else end


def parse_answers(message: bytes) -> tuple[int, list[Record]]:
    """Code and answer section of a response. Raises BadMessage."""
    try:
        _id, flags, questions, answers, _authority, _additional = HEADER.unpack_from(message)
        offset = HEADER.size
        for _ in range(questions):
            offset = decode_name(message, offset)[1] + 4
        records = []
        for _ in range(answers):
            name, offset = decode_name(message, offset)
            kind, _class, ttl, length = struct.unpack_from("!HHIH", message, offset)
            offset += 10
            data = message[offset : offset + length]
            if kind == CNAME:
                data = encode_name(decode_name(message, offset)[0])
            offset += length
            records.append(Record(name, kind, ttl, data))
    except struct.error as error:
        raise BadMessage("response cut off") from error
    return flags & 0xF, records


def error_reply(message: bytes, code: int) -> bytes | None:
    """The shortest answer to a message that could not be read; None when it has not even a header, or is an answer."""
    if len(message) < HEADER.size:
        return None
    identifier, flags, *_ = HEADER.unpack_from(message)
    if flags & RESPONSE:
        return None
    return HEADER.pack(identifier, RESPONSE | flags & 0x7900 | code, 0, 0, 0, 0)


def address_data(text: str) -> bytes:
    """Data of an A record."""
    return ipaddress.IPv4Address(text).packed


def srv_data(port: int, target: str) -> bytes:
    """Data of an SRV record with priority 0 and weight 100, as CoreDNS sends it for one target."""
    return struct.pack("!HHH", 0, 100, port) + encode_name(target)


def soa_data(zone: str, serial: int, negative_ttl: int) -> bytes:
    """Data of the zone's SOA record."""
    names = encode_name(f"ns.dns.{zone}") + encode_name(f"hostmaster.{zone}")
    return names + struct.pack("!IIIII", serial, 7200, 1800, 86400, negative_ttl)


def text_data(text: str) -> bytes:
    """Data of a TXT record with one string."""
    raw = text.encode()
    return bytes((len(raw),)) + raw
