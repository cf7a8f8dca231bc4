"""What encryption counts, under upstream's names. Keys and the server appear as hashes only.

Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
"""

import base64
import hashlib
import socket
from collections import OrderedDict
from collections.abc import Iterator

from kybern.base.clock import Clock
from kybern.metrics.family import COUNTER, GAUGE, Family
from kybern.metrics.series import Counter, Gauge, Histogram

FROM_STORAGE, TO_STORAGE = "from_storage", "to_storage"
KEYS_LIMIT = 100
"""Keys told of; older ones are forgotten."""
_KMS_BOUNDS = tuple(0.0001 * 2**step for step in range(20))
_PREFIX = "apiserver_envelope_encryption_"
_RELOADS = "apiserver_encryption_config_controller_"


class EncryptionMetrics:
    """Of one server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: OrderedDict[tuple[str, str, str], tuple[int, float]] = OrderedDict()
        """(transformation, provider, key id) -> how often, and when last."""
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._operations = Histogram(
            _PREFIX + "kms_operations_latency_seconds", "KMS operation duration with gRPC error code status total.",
            _KMS_BOUNDS, "provider_name", "method_name", "grpc_status_code",
        )  # fmt: skip
        self._invalid = Counter(
            _PREFIX + "invalid_key_id_from_status_total",
            "Number of times an invalid keyID is returned by the Status RPC call split by error.",
            "provider_name", "error",
        )  # fmt: skip
        self._kept = Gauge(
            _PREFIX + "dek_source_cache_size", "Number of records in data encryption key (DEK) source cache.",
            "provider_name",
        )  # fmt: skip
        self._misses = Counter(
            "apiserver_storage_envelope_transformation_cache_misses_total",
            "Total number of cache misses while accessing key decryption key(KEK).",
        )
        self._reloads = Counter(
            _RELOADS + "automatic_reloads_total",
            "Total number of reload successes and failures of encryption configuration split by apiserver identity.",
            "status", "apiserver_id_hash",
        )  # fmt: skip
        self._reloaded = Gauge(
            _RELOADS + "automatic_reload_last_timestamp_seconds",
            "Timestamp of the last automatic reload of encryption configuration split by apiserver identity.",
            "status", "apiserver_id_hash",
        )  # fmt: skip
        self._config = Gauge(
            _RELOADS + "last_config_info", "Information about the last applied encryption configuration.",
            "apiserver_id_hash", "hash",
        )  # fmt: skip
        self._server = _hash(_server_id())

    def used(self, transformation: str, provider: str, key_id: str, now: float) -> None:
        """A value was sealed or opened; `now` in seconds since the epoch."""
        key = transformation, provider, key_id
        self._used[key] = self._used.get(key, (0, now))[0] + 1, now
        if len(self._used) > KEYS_LIMIT:
            self._used.popitem(last=False)

    def key_told(self, provider: str, key_id: str, now: float) -> None:
        """The plugin's Status named its key."""
        self._told[provider, key_id] = now
        if len(self._told) > KEYS_LIMIT:
            self._told.popitem(last=False)

    def bad_key_id(self, provider: str, code: str) -> None:
        self._invalid.count(provider, code)

    def called(self, provider: str, method: str, code: str, seconds: float) -> None:
        """A call of a plugin has ended."""
        self._operations.observe(seconds, provider, method, code)

    def kept(self, provider: str, count: int) -> None:
        self._kept.set(count, provider)

    def missed(self) -> None:
        self._misses.count()

    def reloaded(self, status: str) -> None:
        """success or failure."""
        self._reloads.count(status, self._server)
        self._reloaded.set(self._clock.now(), status, self._server)

    def configured(self, content: bytes) -> None:
        """A file is in use."""
        self._config.clear()
        self._config.set(1, self._server, f"sha256:{hashlib.sha256(content).hexdigest()}")

    def families(self) -> Iterator[Family]:
        total = Family(_PREFIX + "key_id_hash_total", COUNTER, "Number of times a keyID is used.")
        last = Family(_PREFIX + "key_id_hash_last_timestamp_seconds", GAUGE, "The last time when a keyID was used.")
        for (transformation, provider, key_id), (count, when) in self._used.items():
            labels = {
                "transformation_type": transformation, "provider_name": provider,
                "key_id_hash": _hash(key_id), "apiserver_id_hash": self._server,
            }  # fmt: skip
            total.add(count, **labels)
            last.add(when, **labels)
        told = Family(
            _PREFIX + "key_id_hash_status_last_timestamp_seconds", GAUGE,
            "The last time in seconds when a keyID was returned by the Status RPC call.",
        )  # fmt: skip
        for (provider, key_id), when in self._told.items():
            told.add(when, provider_name=provider, key_id_hash=_hash(key_id), apiserver_id_hash=self._server)
        yield from (total, last, told)
        counted = (self._operations, self._invalid, self._kept, self._misses)
        yield from (each.family() for each in (*counted, self._reloads, self._reloaded, self._config))


def _hash(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" if text else ""


def _server_id() -> str:
    """The identity that upstream's API servers derive from the name of their machine."""
    parts = (socket.gethostname().encode(), b"kube-apiserver")
    told = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    return f"apiserver-{base64.b32encode(hashlib.sha256(told).digest()[:16]).decode().rstrip('=').lower()}"
