"""SPDY/3.1 frames, as far as Kubernetes' clients use them: bytes to frames and back. Pure.

Windows are read and not kept: the library that all Kubernetes clients use never opens one, so that a sender who waited
for it would stop at 64 KiB. TCP holds a fast sender back.
Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

VERSION: Final = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
FIN: Final = 1
STREAM_MASK: Final = 0x7FFFFFFF

PROTOCOL_ERROR, INVALID_STREAM, REFUSED_STREAM, CANCEL, INTERNAL_ERROR = 1, 2, 3, 5, 6
"""Statuses of RST_STREAM."""

FRAME_BYTES: Final = 1 << 20
"""The largest frame that is taken; clients send at most 32 KiB."""
HEADER_BYTES: Final = 64 << 10
"""The largest header block, unpacked."""
HEADER_COUNT: Final = 64

_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow"
    " authorization cache-control connection content-base content-encoding content-language content-length"
    " content-location content-md5 content-range content-type date etag expect expires from host if-match"
    " if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma"
    " proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade"
    " user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie"
    " keep-alive origin"
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _dictionary() -> bytes:
    words = [word.replace("_", " ").encode() for word in _WORDS.split()]
    return b"".join(len(word).to_bytes(4) + word for word in words) + _TAIL.encode()


DICTIONARY: Final = _dictionary()
"""What both sides' header compression starts from (2.6.10.1 of the draft)."""


class SpdyError(Exception):
    """The other side broke the protocol; the connection must end."""


@dataclass(frozen=True, slots=True)
class SynStream:
    """A new stream; names of headers are in lower case."""

    stream: int
    headers: Mapping[str, str] = field(default_factory=dict)
    fin: bool = False


@dataclass(frozen=True, slots=True)
class SynReply:
    stream: int
    headers: Mapping[str, str] = field(default_factory=dict)
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream; `fin`: its sender sends no more."""

    stream: int
    data: bytes
    fin: bool = False


@dataclass(frozen=True, slots=True)
class RstStream:
    stream: int
    status: int


@dataclass(frozen=True, slots=True)
class Ping:
    id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    last_stream: int
    status: int = 0


@dataclass(frozen=True, slots=True)
class WindowUpdate:
    stream: int
    delta: int


@dataclass(frozen=True, slots=True)
class Headers:
    stream: int
    headers: Mapping[str, str] = field(default_factory=dict)
    fin: bool = False


Frame = SynStream | SynReply | Data | RstStream | Ping | GoAway | WindowUpdate | Headers


_NUMBERS: Final[Mapping[int, Callable[[int, int], Frame]]] = {
    RST_STREAM: RstStream,
    GOAWAY: GoAway,
    WINDOW_UPDATE: WindowUpdate,
}
"""Frames of a stream and one number."""


class Decoder:
    """Bytes as they come to whole frames. SETTINGS and unknown control frames are passed over, as the draft wants."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now. Raises SpdyError; nothing may be fed after that."""
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            flags, length = second >> 24, second & 0xFFFFFF
            if length > FRAME_BYTES:
                raise SpdyError(f"a frame of {length} bytes")
            if len(self._buffer) < 8 + length:
                return
            payload = bytes(self._buffer[8 : 8 + length])
            del self._buffer[: 8 + length]
            if not first >> 31:
                yield Data(first, payload, bool(flags & FIN))
                continue
            if first >> 16 & 0x7FFF != VERSION:
                raise SpdyError(f"version {first >> 16 & 0x7FFF}")
            frame = self._control(first & 0xFFFF, flags, payload)
            if frame is not None:
                yield frame

    def _control(self, kind: int, flags: int, payload: bytes) -> Frame | None:
        try:
            if kind == SYN_STREAM:
                stream, _, _ = struct.unpack_from(">IIH", payload)
                return SynStream(stream & STREAM_MASK, self._headers(payload[10:]), bool(flags & FIN))
            if kind == SYN_REPLY:
                (stream,) = struct.unpack_from(">I", payload)
                return SynReply(stream & STREAM_MASK, self._headers(payload[4:]), bool(flags & FIN))
            if kind == HEADERS:
                (stream,) = struct.unpack_from(">I", payload)
                return Headers(stream & STREAM_MASK, self._headers(payload[4:]), bool(flags & FIN))
            if kind == PING:
                return Ping(*struct.unpack(">I", payload))
            if kind in (RST_STREAM, GOAWAY, WINDOW_UPDATE):
                stream, value = struct.unpack(">II", payload)
                return _NUMBERS[kind](stream & STREAM_MASK, value)
        except struct.error as error:
            raise SpdyError(f"a frame of type {kind} with {len(payload)} bytes") from error
        return None

    def _headers(self, packed: bytes) -> dict[str, str]:
        try:
            block = self._inflate.decompress(packed, HEADER_BYTES)
        except zlib.error as error:
            raise SpdyError(f"headers that cannot be unpacked: {error}") from error
        if self._inflate.unconsumed_tail:
            raise SpdyError("a header block that is too large")
        (count,) = struct.unpack_from(">I", block)
        if count > HEADER_COUNT:
            raise SpdyError(f"{count} headers")
        found, position = {}, 4
        for _ in range(count):
            name, position = _text(block, position)
            value, position = _text(block, position)
            found[name.lower()] = value
        return found


class Encoder:
    """Frames to bytes. They must be sent in the order in which they were encoded: headers share one compression."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def encode(self, frame: Frame) -> bytes:
        match frame:
            case Data(stream, data, fin):
                return struct.pack(">II", stream, (FIN if fin else 0) << 24 | len(data)) + data
            case SynStream(stream, headers, fin):
                return _control(SYN_STREAM, fin, struct.pack(">IIH", stream, 0, 0) + self._pack(headers))
            case SynReply(stream, headers, fin):
                return _control(SYN_REPLY, fin, struct.pack(">I", stream) + self._pack(headers))
            case Headers(stream, headers, fin):
                return _control(HEADERS, fin, struct.pack(">I", stream) + self._pack(headers))
            case RstStream(stream, status):
                return _control(RST_STREAM, False, struct.pack(">II", stream, status))
            case Ping(id):
                return _control(PING, False, struct.pack(">I", id))
            case GoAway(stream, status):
                return _control(GOAWAY, False, struct.pack(">II", stream, status))
            case WindowUpdate(stream, delta):
                return _control(WINDOW_UPDATE, False, struct.pack(">II", stream, delta))

    def _pack(self, headers: Mapping[str, str]) -> bytes:
        block = [struct.pack(">I", len(headers))]
        for name, value in headers.items():
            for text in (name.lower().encode("latin-1"), value.encode("latin-1")):
                block.append(struct.pack(">I", len(text)) + text)
        return self._deflate.compress(b"".join(block)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def _control(kind: int, fin: bool, payload: bytes) -> bytes:
    first = 1 << 31 | VERSION << 16 | kind
    return struct.pack(">II", first, (FIN if fin else 0) << 24 | len(payload)) + payload


def _text(block: bytes, position: int) -> tuple[str, int]:
    """A text with its length before it, and where the next one begins."""
    (length,) = struct.unpack_from(">I", block, position)
    end = position + 4 + length
    if end > len(block):
        raise SpdyError("a header block that is cut short")
    return block[position + 4 : end].decode("latin-1"), end
