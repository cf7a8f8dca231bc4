"""The provider `kms` (v2): a plugin keeps the key, this keeps seeds that the plugin has sealed, and derives keys from them.

One seed seals for as long as the plugin's Status names the same key. What is read needs each seed once: the plugin opens
it, and it is kept. Invariant: nothing is sealed later than `SEAL_SECONDS` after the plugin was last seen well.
Timings and words are upstream's: https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/
"""

import asyncio
import logging
import os
import uuid
from dataclasses import dataclass, replace

from kybern.apiserver.encryption import envelope
from kybern.apiserver.encryption.ciphers import PluginUnavailable, Undecipherable, Unsealable
from kybern.apiserver.encryption.data_keys import SEED_BYTES, DataKey, PlainKey, SeedKey
from kybern.apiserver.encryption.envelope import CacheKey, Source, digest
from kybern.apiserver.encryption.metrics import FROM_STORAGE, TO_STORAGE, EncryptionMetrics
from kybern.apiserver.encryption.plugin import Plugin, PluginFailed
from kybern.base.clock import Clock, format_time

log = logging.getLogger(__name__)

VERSIONS = ("v2", "v2beta1")
PROBE_SECONDS, SICK_PROBE_SECONDS = 60.0, 10.0
"""How often the plugin is asked how it is, and which key it has."""
SEAL_SECONDS = 180.0
WELL_TTL_SECONDS, SICK_TTL_SECONDS = 20.0, 3.0
"""How long an answer about the plugin's health is given again."""
KEEP_SECONDS = 24 * 3600.0
"""How long a key is kept that nobody uses."""
KEYS_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class State:
    """What seals now."""

    key: SeedKey
    source: Source
    expires: float
    """Seconds since the epoch after which it seals no more, unless the plugin is seen well before."""


class Kms:
    """A Cipher. Run `prime` before use and `run` beside it."""

    def __init__(self, name: str, plugin: Plugin, clock: Clock, metrics: EncryptionMetrics) -> None:
        self.name = name
        self._plugin = plugin
        self._clock = clock
        self._metrics = metrics
        self._state: State | None = None
        self._version = ""
        self._keys: dict[CacheKey, tuple[DataKey, float]] = {}
        """Opened keys, and until when they are kept."""
        self._opening: dict[CacheKey, asyncio.Task[None]] = {}
        self._lock = asyncio.Lock()
        self._told: tuple[float, str] = (float("-inf"), "")
        """Until when `check` says the same again (monotonic seconds), and what."""

    @property
    def mark(self) -> str:
        return self._state.source.key_id if self._state is not None else ""

    def seal(self, value: bytes, place: bytes) -> bytes:
        state = self._state
        if state is None:
            raise Unsealable("got unexpected nil transformer")
        now = self._clock.now()
        if now > state.expires:
            raise Unsealable(
                f'encryptedDEKSource with keyID hash "{digest(state.source.key_id)}" expired at '
                f"{format_time(state.expires)} (current time is {format_time(now)})"
            )
        self._metrics.used(TO_STORAGE, self.name, state.source.key_id, now)
        return envelope.encode(state.source, state.key.seal(value, place))

    def open(self, sealed: bytes, place: bytes) -> tuple[bytes, str]:
        source, data = envelope.decode(sealed)
        kept = self._keys.get(source.cache_key)
        if kept is None:
            raise Undecipherable("failed to decrypt DEK, error: it has not been opened")
        self._metrics.used(FROM_STORAGE, self.name, source.key_id, self._clock.now())
        return kept[0].open(data, place), source.key_id if source.type == envelope.SEED else f"plain {source.key_id}"

    def missing(self, sealed: bytes) -> asyncio.Task[None] | None:
        """Ask the plugin for a key that is not here; those who miss the same wait for one call."""
        source, _ = envelope.decode(sealed)
        key = source.cache_key
        if key in self._keys:
            return None
        task = self._opening.get(key)
        if task is None:
            task = self._opening[key] = asyncio.ensure_future(self._fetch(source))
            task.add_done_callback(lambda _: self._opening.pop(key))
        return task

    async def _fetch(self, source: Source) -> None:
        """Raises Undecipherable, PluginUnavailable."""
        self._metrics.missed()
        try:
            opened = await self._plugin.decrypt(str(uuid.uuid4()), source)
        except PluginUnavailable as error:
            raise PluginUnavailable(f"failed to decrypt DEK, error: {error}") from None
        except PluginFailed as error:
            raise Undecipherable(f"failed to decrypt DEK, error: {error}") from None
        self._keep(source, SeedKey(opened) if source.type == envelope.SEED else PlainKey(opened))

    def _keep(self, source: Source, key: DataKey) -> None:
        now = self._clock.monotonic()
        for each in [each for each, (_, until) in self._keys.items() if until < now]:
            del self._keys[each]
        while len(self._keys) >= KEYS_LIMIT:
            del self._keys[next(iter(self._keys))]
        self._keys[source.cache_key] = key, now + KEEP_SECONDS
        self._metrics.kept(self.name, len(self._keys))

    async def run(self) -> None:
        """Look after the plugin. Endless."""
        while True:
            await self._clock.sleep(SICK_PROBE_SECONDS if self._told[1] else PROBE_SECONDS)
            await self.probe()

    async def probe(self) -> str:
        """Ask the plugin now; what is wrong, "" for nothing."""
        self._told = float("-inf"), self._told[1]
        fault = await self.check()
        if fault:
            log.error("KMS plugin %s: %s", self.name, fault)
        return fault

    async def check(self) -> str:
        """What is wrong with the plugin, asked anew where the last answer is old; "" for nothing."""
        async with self._lock:
            until, fault = self._told
            if self._clock.monotonic() < until:
                return fault
            fault = await self._ask()
            seconds = SICK_TTL_SECONDS if fault else WELL_TTL_SECONDS
            self._told = self._clock.monotonic() + seconds, fault
            return fault

    async def _ask(self) -> str:
        try:
            version, healthz, key_id = await self._plugin.status()
        except (PluginFailed, PluginUnavailable) as error:
            return f"failed to perform status section of the healthz check for KMS Provider {self.name}, error: {error}"
        faults = []
        if healthz != "ok":
            faults.append(f"got unexpected healthz status: {healthz}")
        faults.append(self._version_fault(version))
        code, fault = envelope.key_id_fault(key_id)
        if fault:
            self._metrics.bad_key_id(self.name, code)
            faults.append(f'got invalid KMSv2 KeyID hash "{digest(key_id)}": {fault}')
        else:
            self._metrics.key_told(self.name, key_id, self._clock.now())
            faults.append(await self._rotate(key_id))
        faults = [each for each in faults if each]
        if not faults:
            return ""
        told = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
        return f"kmsv2 Provider {self.name} is not healthy, error: {told}"

    def _version_fault(self, version: str) -> str:
        if version not in VERSIONS:
            return f"expected KMSv2 API version {VERSIONS[0]}, got {version}"
        self._version = self._version or version
        if version != self._version:
            return (
                "KMSv2 API version should not change after the initial status response version "
                f"{self._version}, got {version}"
            )
        return ""

    async def _rotate(self, key_id: str) -> str:
        """Seal with a new seed if the plugin has another key now; what keeps it from that."""
        state, expires = self._state, self._clock.now() + SEAL_SECONDS
        if state is not None and state.source.key_id == key_id:
            self._state = replace(state, expires=expires)
            self._keep(state.source, state.key)
            return ""
        uid, seed = str(uuid.uuid4()), os.urandom(SEED_BYTES)
        source, fault = None, "<nil>"
        try:
            source = await self._plugin.encrypt(uid, seed)
            fault = source.fault or fault
        except (PluginFailed, PluginUnavailable) as error:
            fault = f"failed to encrypt DEK, error: {error}"
        if source is not None and not source.fault and source.key_id == key_id:
            key = SeedKey(seed)
            self._state = State(key, source, expires)
            self._keep(source, key)
            log.info("KMS plugin %s: a new seed, of the key %s", self.name, digest(key_id))
            return ""
        sealed_with = source.key_id if source is not None and not source.fault else ""
        return (
            f'failed to rotate DEK uid="{uid}", useSeed=true, '
            f"errState={'got unexpected nil transformer' if state is None else '<nil>'}, errGen={fault}, "
            f'statusKeyIDHash="{digest(key_id)}", encryptKeyIDHash="{digest(sealed_with)}", '
            f'stateKeyIDHash="{digest(self.mark)}", '
            f"expirationTimestamp={'0001-01-01T00:00:00Z' if state is None else format_time(state.expires)}"
        )

    async def close(self) -> None:
        for task in list(self._opening.values()):
            task.cancel()
        await self._plugin.close()
