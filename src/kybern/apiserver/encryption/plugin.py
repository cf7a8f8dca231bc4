"""A KMS v2 plugin behind its Unix socket: the only gRPC of the API server but for etcd's.

It never decides: answers leave as they came, failures as PluginFailed or PluginUnavailable in the
words of Go's gRPC.
Source: https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/#kms-v2
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
import grpc.aio

from kybern.apiserver.encryption.ciphers import PluginUnavailable
from kybern.apiserver.encryption.envelope import MESSAGES, SEED, SERVICE, Source
from kybern.base.clock import Clock
from kybern.base.errors import KybernError

RECONNECT_LIMIT_MILLISECONDS = 2_000
_OPTIONS: Final = [
    ("grpc.default_authority", "localhost"),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", RECONNECT_LIMIT_MILLISECONDS),
    ("grpc.use_local_subchannel_pool", 1),
]
_UNAVAILABLE: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

Observe = Callable[[str, str, float], None]
"""(method's path, gRPC code in Go's spelling, seconds)."""


class PluginFailed(KybernError):
    """The plugin has refused."""


class Plugin:
    """Connects when first called, and anew whenever it must."""

    def __init__(self, endpoint: str, timeout_seconds: float, clock: Clock, observe: Observe) -> None:
        self._target = _target(endpoint)
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._observe = observe
        self._channel: grpc.aio.Channel | None = None

    async def status(self) -> tuple[str, str, str]:
        """(version, healthz, key id). Raises PluginFailed, PluginUnavailable."""
        answer = await self._call("Status", {})
        return answer.version, answer.healthz, answer.key_id

    async def encrypt(self, uid: str, seed: bytes) -> Source:
        """The seed, sealed. Raises PluginFailed, PluginUnavailable."""
        answer = await self._call("Encrypt", {"plaintext": seed, "uid": uid})
        return Source(SEED, answer.key_id, answer.ciphertext, dict(answer.annotations))

    async def decrypt(self, uid: str, source: Source) -> bytes:
        """A seed or key that was sealed. Raises PluginFailed, PluginUnavailable."""
        request = {
            "ciphertext": source.sealed, "uid": uid, "key_id": source.key_id, "annotations": source.annotations
        }  # fmt: skip
        answer = await self._call("Decrypt", request)
        plain: bytes = answer.plaintext
        return plain

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def _call(self, method: str, request: Mapping[str, Any]) -> Any:
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
        path = f"/{SERVICE}/{method}"
        call: Any = self._channel.unary_unary(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=MESSAGES[f"{method}Response"].FromString,
        )
        started, code = self._clock.monotonic(), "OK"
        try:
            return await call(
                MESSAGES[f"{method}Request"](**request), timeout=self._timeout_seconds, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            code = _go_name(error.code())
            kind = PluginUnavailable if error.code() in _UNAVAILABLE else PluginFailed
            raise kind(f"rpc error: code = {code} desc = {error.details()}") from None
        except grpc.aio.UsageError:
            code = "Canceled"
            raise PluginFailed("rpc error: code = Canceled desc = grpc: the client connection is closing") from None
        finally:
            self._observe(path, code, self._clock.monotonic() - started)


def _target(endpoint: str) -> str:
    """gRPC's name of `unix:///run/kms.sock`; `unix:///@kms` is a socket without a file."""
    path = urlsplit(endpoint).path
    return f"unix-abstract:{path[2:]}" if path.startswith("/@") else f"unix:{path}"


def _go_name(code: grpc.StatusCode) -> str:
    """`DeadlineExceeded`: how Go spells it, in messages and metrics."""
    if code is grpc.StatusCode.CANCELLED:
        return "Canceled"
    return "".join(part.capitalize() for part in code.name.split("_"))
