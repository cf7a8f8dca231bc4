"""Bytes to requests. llhttp (strict) reads the syntax; here stand the bounds and the rules against smuggling.

A request whose end two servers could see at different places is refused: Content-Length with Transfer-Encoding,
several of either, any coding but `chunked`, a body on a request that asks for an upgrade (RFC 9112, 6.1 to 6.3).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import httptools

from kybern.transport.exchange import Request
from kybern.transport.limits import Limits
from kybern.transport.target import BadTarget, parse_target

FRAMING_FACTOR: Final = 8
"""Bytes on the wire for one byte of a chunked body: chunks of one byte are legal and cost six."""


class Refused(NamedTuple):
    """What came is no request that can be answered otherwise; the connection ends after this answer."""

    status: int
    message: str


class Received(NamedTuple):
    """A whole request."""

    request: Request
    keep_alive: bool
    upgrade: bool
    """It asks for another protocol; parsing has stopped behind it."""
    http10: bool


@lru_cache(512)
def _header_name(name: bytes) -> str:
    return name.decode("latin-1").lower()


class RequestParser:
    """The parser of one connection. Feed it; take `received` and `refused`."""

    def __init__(self, limits: Limits, peer: str, certificate: bytes | None) -> None:
        self._limits = limits
        self._peer = peer
        self._certificate = certificate
        self._parser = httptools.HttpRequestParser(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._url = b""
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._fed_bytes = 0
        self._request: Request | None = None
        self._upgrade = False
        self._http10 = False
        self._keep_alive = True
        self.received: list[Received] = []
        self.refused: Refused | None = None
        self.begun = 0
        """How many requests have begun."""
        self.started = False
        """A request has begun and is not complete."""
        self.rest: bytes | None = None
        """What followed a request for an upgrade; None: parsing has not stopped."""
        self.expects_continue = False
        """The client waits for `100 Continue` before it sends the body."""

    @property
    def in_body(self) -> bool:
        """The headers are complete, the body is not."""
        return self._request is not None

    @property
    def stopped(self) -> bool:
        """Nothing more will be understood: refused, or the last request of the connection has come."""
        return self.refused is not None or self.rest is not None or not self._keep_alive

    def feed(self, data: bytes) -> Sequence[Received]:
        """The requests that are complete now. After a refusal, or behind an upgrade or a last request, bytes are not
        looked at (those behind an upgrade are kept in `rest`)."""
        if self.rest is not None:
            self.rest += data
            return ()
        if self.stopped:
            return ()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.refused is None:
                self.rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            if self.refused is None and self._keep_alive:
                self.refused = Refused(400, f"malformed request: {error}")
        if self.started and self.refused is None:
            self._fed_bytes += len(data)
            self._check_size()
        done, self.received = self.received, []
        return done

    def resume(self) -> Sequence[Received]:
        """The upgrade was not taken: what came behind the request is HTTP after all."""
        rest, self.rest = self.rest or b"", None
        self._parser = httptools.HttpRequestParser(self)
        return self.feed(rest) if rest else ()

    def on_message_begin(self) -> None:
        self._fields = []
        self._url = b""
        self._body = []
        self._body_bytes = self._fed_bytes = 0
        self._request = None
        self.started = True
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._request is None:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self.refused is not None:
            return
        parser = self._parser
        version = parser.get_http_version()
        self._http10 = version == "1.0"
        if len(self._fields) > self._limits.header_count:
            self.refused = Refused(431, "Request Header Fields Too Large")
            return
        try:
            target = parse_target(self._url)
        except BadTarget as error:
            self.refused = Refused(400, str(error))
            return
        headers: dict[str, str] = {}
        repeated: dict[str, list[str]] = {}
        for field, value in self._fields:
            name, text = _header_name(field), value.decode("latin-1")
            if name in headers:
                repeated.setdefault(name, [headers[name]]).append(text)
                text = f"{headers[name]}, {text}"
            headers[name] = text
        self._upgrade = parser.should_upgrade()
        self.refused = self._refuse_head(version, headers)
        if target.authority:
            headers["host"] = target.authority
        method = parser.get_method().decode("latin-1")
        self._request = Request(
            method, target.path, target.query, headers, b"", self._peer,
            target.raw_path, target.raw_query, self._certificate, repeated=repeated,
        )  # fmt: skip

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > self._limits.body_bytes:
            self._too_large()
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        self.started = self.expects_continue = False
        if self.refused is not None:
            return
        assert self._request is not None, "headers come before the end"
        request, self._request = self._request, None
        if self._body:
            request.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body = []
        self._keep_alive = self._parser.should_keep_alive() or self._upgrade
        self.received.append(Received(request, self._keep_alive, self._upgrade, self._http10))

    def _refuse_head(self, version: str, headers: dict[str, str]) -> Refused | None:
        """What is wrong with the head, if anything."""
        if version not in ("1.1", "1.0"):
            return Refused(505, "HTTP Version Not Supported")
        if "host" not in headers and version == "1.1":
            return Refused(400, "missing required Host header")
        hosts = sum(name.lower() == b"host" for name, _ in self._fields) if "," in headers.get("host", "") else 1
        if hosts > 1:
            return Refused(400, "too many Host headers")
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if coding is None and length is None:
            return None
        if coding is not None:
            if length is not None or self._http10:
                return Refused(400, "ambiguous message length")
            if coding.lower() != "chunked":
                return Refused(501, f"Unsupported transfer encoding: {coding[:64]!r}")
        elif not (length or "").isdecimal():
            return Refused(400, "malformed Content-Length")
        size = int(length or 0)
        if self._upgrade and (coding is not None or size):
            return Refused(400, "a request for an upgrade cannot have a body")
        if size > self._limits.body_bytes:
            return self._size_refusal()
        return self._expectation(headers, bool(size or coding))

    def _expectation(self, headers: dict[str, str], has_body: bool) -> Refused | None:
        expected = headers.get("expect")
        if expected is None or self._http10:
            return None
        if expected.lower() != "100-continue":
            return Refused(417, "Expectation Failed")
        self.expects_continue = has_body
        return None

    def _check_size(self) -> None:
        """Bounds for what the parser has taken in without an event: endless heads, chunk extensions, trailers."""
        allowed = self._limits.head_bytes
        if self._request is not None:
            allowed += FRAMING_FACTOR * (self._body_bytes + 64)
        if self._fed_bytes > allowed + (self._body_bytes if self._request is not None else 0):
            self.refused = Refused(431, "Request Header Fields Too Large")

    def _too_large(self) -> None:
        if self.refused is None:
            self.refused = self._size_refusal()
        self._body = []

    def _size_refusal(self) -> Refused:
        # The words are upstream's: clients show them.
        return Refused(413, f"Request entity too large: limit is {self._limits.body_bytes}")
