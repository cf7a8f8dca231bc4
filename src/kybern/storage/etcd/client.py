"""Calls to etcd: the only gRPC of the stores. It knows members and errors, and nothing of the contract.

A member that does not answer is left for the next one; the call that found out fails with StoreUnavailable, for what it
did there is not known.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
import grpc.aio

from kybern.storage.backend import StoreUnavailable, TooLarge
from kybern.storage.etcd.messages import MESSAGES, PACKAGE

log = logging.getLogger(__name__)

MESSAGE_LIMIT_BYTES: Final = 2**31 - 1
"""A page of large objects is one message."""
CALL_TIMEOUT_SECONDS: Final = 20.0
_OPTIONS: Final = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]
_TRANSIENT: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
)


class HistoryGone(Exception):
    """The revision that was asked for is compacted."""


class InTheFuture(Exception):
    """The revision that was asked for is not written yet."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files (--etcd-cafile, --etcd-certfile, --etcd-keyfile)."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class EtcdClient:
    """Raises OSError when made with files that cannot be read, ValueError for a URL that is none."""

    def __init__(self, urls: Sequence[str], tls: TlsFiles | None = None) -> None:
        if not urls:
            raise ValueError("no etcd servers are given")
        self._urls = [url.strip() for url in urls]
        self._credentials = _credentials(tls or TlsFiles())
        self._turn = 0
        self._channel = self._open()
        self._old: list[grpc.aio.Channel] = []
        self.closed = False

    async def close(self) -> None:
        """End all calls; they fail with StoreUnavailable."""
        self.closed = True
        for channel in (self._channel, *self._old):
            await channel.close()

    async def call(self, method: str, request: Any, answer: str) -> Any:
        """A unary call `KV/Range`. Raises StoreUnavailable, TooLarge, HistoryGone, InTheFuture."""
        self.check_open()
        channel = self._channel
        ask = channel.unary_unary(
            f"/{PACKAGE}.{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=MESSAGES[answer].FromString,
        )
        try:
            return await ask(request, timeout=CALL_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise self._failure(error, channel) from None
        except grpc.aio.UsageError:
            raise StoreUnavailable("the store is closed") from None

    async def watch(self, request: Any) -> AsyncIterator[Any]:
        """WatchResponses, until the stream ends or breaks. Raises StoreUnavailable."""
        self.check_open()
        channel = self._channel
        method = channel.stream_stream(
            f"/{PACKAGE}.Watch/Watch",
            request_serializer=type(request).SerializeToString,
            response_deserializer=MESSAGES["WatchResponse"].FromString,
        )
        stream = method()
        try:
            await _begin(stream, request)
            while (answer := await stream.read()) is not grpc.aio.EOF:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise self._failure(error, channel) from None
        except (grpc.aio.UsageError, asyncio.InvalidStateError):
            raise StoreUnavailable("the store is closed") from None
        except asyncio.CancelledError:
            if self.closed and not _is_cancelled_by_others():
                raise StoreUnavailable("the store is closed") from None
            raise
        finally:
            stream.cancel()

    def check_open(self) -> None:
        """Raises StoreUnavailable after close."""
        if self.closed:
            raise StoreUnavailable("the store is closed")

    def _failure(self, error: grpc.aio.AioRpcError, channel: grpc.aio.Channel) -> Exception:
        code, text = error.code(), error.details() or ""
        if "has been compacted" in text:
            return HistoryGone()
        if "future revision" in text:
            return InTheFuture()
        if "request is too large" in text:
            return TooLarge(text)
        if code in _TRANSIENT and channel is self._channel and len(self._urls) > 1 and not self.closed:
            self._turn += 1
            self._old.append(self._channel)
            del self._old[:-4]
            self._channel = self._open()
            log.warning("etcd: %s: %s; asking the next member", code.name, text)
        return StoreUnavailable("the store is closed" if self.closed else f"etcd: {code.name}: {text}")

    def _open(self) -> grpc.aio.Channel:
        url = urlsplit(self._urls[self._turn % len(self._urls)])
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"{url.geturl()!r} is no URL of an etcd: http://HOST:PORT or https://HOST:PORT")
        target = f"{url.hostname}:{url.port or 2379}"
        if url.scheme == "http":
            return grpc.aio.insecure_channel(target, options=_OPTIONS)
        return grpc.aio.secure_channel(target, self._credentials, options=_OPTIONS)


async def _begin(stream: "grpc.aio.StreamStreamCall[Any, Any]", request: Any) -> None:
    """Send the first message. grpc lets who writes wait for ever for a call that ends before it has begun; reading then
    tells why it ended."""
    ended = asyncio.Event()
    stream.add_done_callback(lambda call: ended.set())
    writing, over = asyncio.ensure_future(stream.write(request)), asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait((writing, over), return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            await writing
    finally:
        writing.cancel()
        over.cancel()


def _is_cancelled_by_others() -> bool:
    """Whether the task itself was told to stop, rather than the call."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _credentials(tls: TlsFiles) -> grpc.ChannelCredentials:
    ca, certificate, key = (
        path.read_bytes() if path is not None else None for path in (tls.ca, tls.certificate, tls.key)
    )
    made: grpc.ChannelCredentials = grpc.ssl_channel_credentials(ca, key, certificate)  # type: ignore[no-untyped-call]
    return made
