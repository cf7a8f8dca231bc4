"""One keep-alive connection over TLS that carries one exchange at a time."""

import asyncio
import ssl
from collections.abc import Mapping

import httptools

READ_BYTES = 64 << 10
ANSWER_LIMIT = 16 << 20
"""Bytes of an answer; more is no webhook's."""
HEAD_LIMIT = 10 << 20
"""Bytes of an answer's head, as Go bounds it."""
_READING = "unexpected error when reading response body. Please retry. Original error: "


class Broken(Exception):
    """The exchange failed; the text is what Go's client would say."""


class BrokenBody(Exception):
    """The answer began and did not come whole; the text is client-go's."""


class _Answer:
    """What the parser has seen."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.begun = False
        """Whether its head is whole."""
        self.complete = False
        self.ends_with_connection = True
        """Nothing in the head tells where the body ends."""

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self.ends_with_connection = False

    def on_headers_complete(self) -> None:
        self.begun = True

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.used = False
        """Whether it has carried an exchange: the other side may have ended it since."""

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext, server_name: str) -> "Connection":
        """Raises Broken."""
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=server_name)
        except ssl.SSLCertVerificationError as error:
            raise Broken(f"tls: failed to verify certificate: x509: {_certificate_fault(error, server_name)}") from None
        except ssl.SSLError as error:
            raise Broken(f"remote error: tls: {(error.reason or str(error)).lower().replace('_', ' ')}") from None
        except ConnectionRefusedError:
            raise Broken(f"dial tcp {where}: connect: connection refused") from None
        except OSError as error:
            raise Broken(f"dial tcp {where}: {_dial_fault(error, host)}") from None
        return cls(reader, writer)

    async def post(self, target: str, host: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """(status, body). Raises Broken, BrokenBody; then the connection is of no more use."""
        self.used = True
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        lines = [f"POST {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            await self._writer.drain()
            await self._read(parser, answer)
        except httptools.HttpParserError as error:
            if answer.begun:
                raise BrokenBody(_READING + _malformed(error)) from None
            raise Broken(f"net/http: HTTP/1.x transport connection broken: malformed HTTP response: {error}") from None
        except OSError as error:
            raise Broken(f"read: {error.strerror or error}") from None
        if not parser.should_keep_alive():
            self.close()
        return parser.get_status_code(), bytes(answer.body)

    async def _read(self, parser: httptools.HttpResponseParser, answer: _Answer) -> None:
        """Until the answer is whole. Raises Broken, BrokenBody, HttpParserError."""
        head = 0
        while not answer.complete:
            data = await self._reader.read(READ_BYTES)
            if not data and answer.begun and answer.ends_with_connection:
                self.close()
                return
            if not data:
                raise BrokenBody(f"{_READING}unexpected EOF") if answer.begun else Broken("EOF")
            parser.feed_data(data)
            head += 0 if answer.begun else len(data)
            if head > HEAD_LIMIT:
                told = f"net/http: server response headers exceeded {HEAD_LIMIT} bytes; aborted"
                raise Broken(f"net/http: HTTP/1.x transport connection broken: {told}")
            if len(answer.body) > ANSWER_LIMIT:
                raise BrokenBody(f"{_READING}the answer is longer than {ANSWER_LIMIT} bytes")

    @property
    def open_still(self) -> bool:
        return not self._writer.is_closing() and not self._reader.at_eof()

    def close(self) -> None:
        self._writer.close()


def _malformed(error: httptools.HttpParserError) -> str:
    return "invalid byte in chunk length" if "chunk size" in str(error) else str(error)


_SELF_SIGNED_OR_UNKNOWN = frozenset((2, 18, 19, 20, 21, 27))
_EXPIRED = frozenset((9, 10))
_WRONG_NAME = frozenset((62, 64))
"""X509_V_ERR_…, openssl's x509_vfy.h."""


def _certificate_fault(error: ssl.SSLCertVerificationError, server_name: str) -> str:
    if error.verify_code in _SELF_SIGNED_OR_UNKNOWN:
        return "certificate signed by unknown authority"
    if error.verify_code in _EXPIRED:
        return f"certificate has expired or is not yet valid: {error.verify_message}"
    if error.verify_code in _WRONG_NAME:
        return f"certificate is not valid for any names, but wanted to match {server_name}"
    return str(error.verify_message)


def _dial_fault(error: OSError, host: str) -> str:
    if error.strerror and "Name or service not known" in error.strerror:
        return f"lookup {host}: no such host"
    return f"connect: {(error.strerror or str(error)).lower()}"
