"""The HTTP probe: one GET, redirects on the same host followed, certificates not checked; upstream's messages."""

import asyncio
import os
import ssl
from collections.abc import Sequence
from functools import cache
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import httptools

from kybern.api.types.core_v1 import HTTPGetAction
from kybern.kubelet.probes.outcome import Outcome, Verdict

USER_AGENT: Final = "kube-probe/1.36"
REDIRECTS: Final = 10
BODY_BYTES: Final = 10 << 10
"""What is read of a body (upstream's maxRespBodyLength)."""
HEAD_BYTES: Final = 64 << 10
READ_BYTES: Final = 16 << 10
MOVED: Final = (301, 302, 303, 307, 308)
TIMED_OUT: Final = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


class _Failed(Exception):
    """No whole answer; the text is what Go's client would say after `Get "url": `."""


class _Answer:
    """Filled by the parser."""

    def __init__(self) -> None:
        self.status = 0
        self.location = ""
        self.body = bytearray()
        self.has_head = self.is_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"location":
            self.location = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.is_whole = True


async def probe_http(action: HTTPGetAction, host: str, port: int, timeout_seconds: float) -> Outcome:
    """Never raises."""
    name = f"[{host}]" if ":" in host else host
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    url = f"{(action.scheme or 'HTTP').lower()}://{name}:{port}{path}"
    headers = _headers(action)
    try:
        async with asyncio.timeout(timeout_seconds):
            for _ in range(REDIRECTS):
                try:
                    answer = await _get(urlsplit(url), headers)
                except _Failed as error:
                    return Outcome(Verdict.FAILURE, f'Get "{url}": {error}')
                target = urljoin(url, answer.location)
                if answer.status not in MOVED or not answer.location or not _same_host(url, target):
                    return _judge(answer)
                url = target
    except TimeoutError:
        return Outcome(Verdict.FAILURE, f'Get "{url}": {TIMED_OUT}')
    return Outcome(Verdict.FAILURE, f'Get "{url}": stopped after {REDIRECTS} redirects')


def _judge(answer: _Answer) -> Outcome:
    body = bytes(answer.body[:BODY_BYTES]).decode(errors="replace")
    if 300 <= answer.status < 400:
        return Outcome(Verdict.WARNING, f"Probe terminated redirects, Response body: {body}")
    if 200 <= answer.status < 300:
        return Outcome(Verdict.SUCCESS, body)
    return Outcome(Verdict.FAILURE, f"HTTP probe failed with statuscode: {answer.status}")


def _same_host(url: str, target: str) -> bool:
    """Whether the probe follows: a redirect must not lead it to another machine."""
    there = urlsplit(target)
    return there.scheme in ("http", "https") and there.hostname == urlsplit(url).hostname


def _headers(action: HTTPGetAction) -> list[tuple[str, str]]:
    """The action's own and the defaults; an own one that is empty takes its default away."""
    own = [(header.name, header.value) for header in action.http_headers]
    names = {name.lower() for name, _ in own}
    defaults = [("User-Agent", USER_AGENT), ("Accept", "*/*")]
    kept = [(name, value) for name, value in own if value or name.lower() not in ("user-agent", "accept")]
    return [(name, value) for name, value in defaults if name.lower() not in names] + kept


async def _get(url: SplitResult, headers: Sequence[tuple[str, str]]) -> _Answer:
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    context = _unchecked() if url.scheme == "https" else None
    try:
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLError as error:
        if error.reason in NOT_TLS:
            raise _Failed("http: server gave HTTP response to HTTPS client") from error
        raise _Failed(f"tls: {(error.reason or 'handshake failure').replace('_', ' ').lower()}") from error
    except OSError as error:
        raise _Failed(dial_error(host, port, error)) from error
    try:
        return await _exchange(reader, writer, url, headers)
    finally:
        writer.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: SplitResult, headers: Sequence[tuple[str, str]]
) -> _Answer:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "Connection: close"]
    if not any(name.lower() == "host" for name, _ in headers):
        lines.insert(1, f"Host: {url.netloc}")
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    taken = 0
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
        while not answer.is_whole and len(answer.body) < BODY_BYTES and (taken < HEAD_BYTES or answer.has_head):
            data = await reader.read(READ_BYTES)
            if not data:
                break
            taken += len(data)
            parser.feed_data(data)
    except httptools.HttpParserError as error:
        raise _Failed("net/http: HTTP/1.x transport connection broken: malformed HTTP response") from error
    except OSError as error:
        here, there = (writer.get_extra_info(name) or ("", 0) for name in ("sockname", "peername"))
        ends = f"{here[0]}:{here[1]}->{there[0]}:{there[1]}"
        raise _Failed(f"read tcp {ends}: read: {_words(error)}") from error
    if not answer.has_head:
        raise _Failed("EOF")
    answer.status = parser.get_status_code()
    return answer


def dial_error(host: str, port: int, error: OSError) -> str:
    """As Go words a connection that was not made."""
    name = f"[{host}]" if ":" in host else host
    return f"dial tcp {name}:{port}: connect: {_words(error)}"


def _words(error: OSError) -> str:
    """The kernel's words for the number: asyncio has its own."""
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error).lower()


@cache
def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
