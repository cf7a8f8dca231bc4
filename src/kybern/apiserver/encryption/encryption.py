"""Encryption at rest of one server: the configuration's file, the store behind it, the plugins, and their health."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kybern.apiserver.cache.cache import ROOT
from kybern.apiserver.encryption.ciphers import Cipher
from kybern.apiserver.encryption.configuration import ConfigurationError, parse_configuration
from kybern.apiserver.encryption.encrypted_backend import REQUEST_PATIENCE_SECONDS, EncryptedBackend
from kybern.apiserver.encryption.keyring import Keyrings
from kybern.apiserver.encryption.kms_configuration import KmsEndpoint
from kybern.apiserver.encryption.metrics import EncryptionMetrics
from kybern.base.clock import Clock
from kybern.storage.backend import Backend

if TYPE_CHECKING:
    from kybern.apiserver.encryption.kms import Kms

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often the file is looked at."""
HEALTH_PATIENCE_SECONDS = 10.0
"""How long plugins of a new configuration may take to be well, at least."""
HEALTH_POLL_SECONDS = 0.1
CHECK = "kms-providers"


class _Loaded:
    """A configuration in use: its keys, and its plugins with the tasks that look after them."""

    def __init__(self, content: bytes, clock: Clock, metrics: EncryptionMetrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self.content = content
        self.kms: list[Kms] = []
        self.grace_seconds = 0.0
        """How long calls of its plugins may still be under way once it is used no more."""
        self.keyrings = Keyrings(parse_configuration(content), self._connect)
        self._tasks: list[asyncio.Task[None]] = []

    def _connect(self, endpoint: KmsEndpoint) -> Cipher:
        # gRPC takes a quarter of a second to import: only where there are plugins.
        from kybern.apiserver.encryption.kms import Kms
        from kybern.apiserver.encryption.plugin import Plugin

        def observe(method: str, code: str, seconds: float) -> None:
            self._metrics.called(endpoint.name, method, code, seconds)

        plugin = Plugin(endpoint.endpoint, endpoint.timeout_seconds, self._clock, observe)
        made = Kms(endpoint.name, plugin, self._clock, self._metrics)
        self.kms.append(made)
        self.grace_seconds += 2 * endpoint.timeout_seconds
        return made

    async def start(self) -> None:
        """Ask each plugin once; one that is not well yet is asked again in the background."""
        await asyncio.gather(*(each.probe() for each in self.kms))
        self._tasks = [asyncio.create_task(each.run()) for each in self.kms]

    async def check(self) -> str:
        """What is wrong with the plugins; "" for nothing."""
        told = [(index, await each.check()) for index, each in enumerate(self.kms)]
        faults = [f"kms-provider-{index}: {fault}" for index, fault in told if fault]
        return faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]" if faults else ""

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in self.kms:
            await each.close()


class Encryption:
    """Made with the server: `start` before the store is read, `close` when all is over. Raises ConfigurationError."""

    def __init__(
        self, inner: Backend, path: Path, clock: Clock, *, reloads: bool, place_of: Callable[[str], bytes] = str.encode
    ) -> None:
        self._path = path
        self._clock = clock
        self._reloads = reloads
        self.metrics = EncryptionMetrics(clock)
        self._loaded = self._read()
        self.backend = EncryptedBackend(inner, self._loaded.keyrings, resource_of, clock=clock, place_of=place_of)
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def checks(self) -> Mapping[str, Callable[[], Awaitable[str]]]:
        """Health checks by their names."""
        return {CHECK: lambda: self._loaded.check()} if self._reloads or self._loaded.kms else {}

    async def start(self) -> None:
        """Until the store has been read, whoever reads waits for plugins that are not there yet."""
        self.backend.patience_seconds = math.inf
        await self._loaded.start()
        self.metrics.configured(self._loaded.content)

    def store_is_read(self) -> None:
        """From now on requests are what reads, and they do not wait for ever."""
        self.backend.patience_seconds = REQUEST_PATIENCE_SECONDS

    @property
    def loops(self) -> Sequence[Coroutine[None, None, None]]:
        """What runs beside the server, endlessly."""
        return (self._follow(),) if self._reloads else ()

    async def _follow(self) -> None:
        """Follow the file; a new one that cannot be used changes nothing.

        Values are written with the new first key from then on; nothing is lost, for what is sealed stays readable as
        long as its key is in the file.
        """
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            try:
                if self._path.read_bytes() != self._loaded.content:
                    await self._reload()
                    self.metrics.reloaded("success")
            except (OSError, ConfigurationError) as error:
                self.metrics.reloaded("failure")
                log.error("the encryption configuration stays as it is: %s", error)

    async def close(self) -> None:
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._loaded.close()

    async def _reload(self) -> None:
        """Raises ConfigurationError, also when plugins of the new configuration are not well."""
        new = self._read()
        try:
            await new.start()
            await self._wait_until_well(new)
        except BaseException:
            await new.close()
            raise
        old, self._loaded = self._loaded, new
        self.backend.keyrings = new.keyrings
        self.metrics.configured(new.content)
        task = asyncio.create_task(self._close_later(old))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        log.info("%s: the encryption configuration is read again", self._path)

    async def _wait_until_well(self, new: _Loaded) -> None:
        until = self._clock.monotonic() + max(new.grace_seconds, HEALTH_PATIENCE_SECONDS)
        while fault := await new.check():
            if self._clock.monotonic() >= until:
                raise ConfigurationError(f"health check for new transformers failed: {fault}")
            await self._clock.sleep(HEALTH_POLL_SECONDS)

    async def _close_later(self, old: _Loaded) -> None:
        """Once no call of its plugins can be under way."""
        try:
            await self._clock.sleep(old.grace_seconds)
        finally:
            await old.close()

    def _read(self) -> _Loaded:
        try:
            return _Loaded(self._path.read_bytes(), self._clock, self.metrics)
        except OSError as error:
            raise ConfigurationError(f"--encryption-provider-config: {error}") from None
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._path}: {error}") from None


def resource_of(key: str) -> str:
    """`secrets` of `/registry/secrets/default/x`."""
    return key[len(ROOT) :].partition("/")[0]
