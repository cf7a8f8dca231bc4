"""Answers to bytes: status line, headers, chunks, compression."""

import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from kybern.base.clock import Clock
from kybern.transport.exchange import Headers, Response

Refuse = Callable[[int, str], Response]
"""`(status, message)` -> the answer for a request that the transport refuses; knows how errors look."""

LAST_CHUNK: Final = b"0\r\n\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
BODILESS: Final = frozenset({204, 304})
GZIP_LEVEL: Final = 1
"""Upstream's defaultGzipContentEncodingLevel."""

_GZIP_FORMAT: Final = 31


def plain_refusal(status: int, message: str) -> Response:
    """An error as Go's server words it: plain text."""
    return Response(status, f"{status} {message}\n".encode(), "text/plain; charset=utf-8")


class Heads:
    """Makes heads of answers; the Date is made once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._date = b""

    def make(self, status: int, content_type: str, headers: Headers, framing: bytes) -> bytes:
        """A head, its blank line included. `framing` holds whole lines on length and connection.

        Raises ValueError for a header that would break the head apart.
        """
        second = int(self._clock.now())
        if second != self._second:
            self._second = second
            self._date = f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
        if headers:
            return b"".join((_opening(status, content_type), self._date, framing, _lines(headers), b"\r\n"))
        return b"".join((_opening(status, content_type), self._date, framing, b"\r\n"))


def switching(protocol: str, headers: Headers) -> bytes:
    """The head of `101 Switching Protocols`."""
    fields = (("Upgrade", protocol), ("Connection", "Upgrade"), *headers)
    return b"HTTP/1.1 101 Switching Protocols\r\n" + _lines(fields) + b"\r\n"


def chunk(piece: bytes) -> bytes:
    """A piece of a chunked body; it must not be empty: that would be the end."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def connection_line(keep_alive: bool, http10: bool) -> bytes:
    """The Connection header, where it has to say something."""
    if not keep_alive:
        return b"Connection: close\r\n"
    return b"Connection: keep-alive\r\n" if http10 else b""


@lru_cache(256)
def accepts_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip, and not with a weight of zero."""
    for part in accepted.lower().split(","):
        coding, _, parameters = part.strip().partition(";")
        if coding.strip() == "gzip":
            weight = parameters.replace(" ", "").removeprefix("q=")
            return not weight or weight.strip("0.") != ""
    return False


def slices(body: bytes | Sequence[bytes], slice_bytes: int) -> Iterator[bytes]:
    """A body in parts of about `slice_bytes`, none over twice that. Never the whole at once: a hundred clients that list
    a large collection share its objects' bytes, and each holds one part of its own."""
    batch: list[bytes] = []
    size = 0
    for piece in (body,) if isinstance(body, bytes) else body:
        if len(piece) > slice_bytes:
            if batch:
                yield b"".join(batch)
                batch, size = [], 0
            for start in range(0, len(piece), slice_bytes):
                yield piece[start : start + slice_bytes]
            continue
        batch.append(piece)
        size += len(piece)
        if size >= slice_bytes:
            yield b"".join(batch)
            batch, size = [], 0
    if batch:
        yield b"".join(batch)


def compress(parts: Iterable[bytes]) -> Generator[None, None, bytes]:
    """Gzip, part by part: yields between them, returns the whole."""
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
    pieces = []
    for part in parts:
        pieces.append(compressor.compress(part))
        yield
    pieces.append(compressor.flush())
    return b"".join(pieces)


@lru_cache(512)
def _opening(status: int, content_type: str) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    line = f"HTTP/1.1 {status} {phrase}\r\n".encode()
    return line + _lines((("Content-Type", content_type),)) if content_type and status not in BODILESS else line


def _lines(headers: Headers) -> bytes:
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    count = len(headers)
    if text.count("\r") != count or text.count("\n") != count or "\0" in text:
        raise ValueError(f"a line break in a header: {headers!r}")
    return text.encode("latin-1", "replace")
