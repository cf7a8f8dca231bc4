"""The configuration's file: read at the start, and again when it changes, as upstream's automatic reload."""

import logging
from pathlib import Path

from kybern.apiserver.cache.cache import ROOT
from kybern.apiserver.encryption.configuration import ConfigurationError, parse_configuration
from kybern.apiserver.encryption.encrypted_backend import EncryptedBackend
from kybern.apiserver.encryption.keyring import Keyrings
from kybern.base.clock import Clock
from kybern.storage.backend import Backend

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


def encrypted(inner: Backend, path: Path) -> EncryptedBackend:
    """A store encrypted as the file says. Raises ConfigurationError."""
    return EncryptedBackend(inner, _read(path), resource_of)


def resource_of(key: str) -> str:
    """`secrets` of `/registry/secrets/default/x`."""
    return key[len(ROOT) :].partition("/")[0]


async def keep_fresh(backend: EncryptedBackend, path: Path, clock: Clock) -> None:
    """Follow the file; a new one that cannot be used changes nothing. Endless.

    Values are written with the new first key from then on; nothing is lost, for what is sealed stays readable as long
    as its key is in the file.
    """
    before = _bytes(path)
    while True:
        await clock.sleep(LOOK_SECONDS)
        try:
            now = _bytes(path)
            if now != before:
                backend.keyrings = _read(path)
                before = now
                log.info("%s: the encryption configuration is read again", path)
        except (OSError, ConfigurationError) as error:
            log.error("the encryption configuration stays as it is: %s", error)


def _read(path: Path) -> Keyrings:
    try:
        return Keyrings(parse_configuration(_bytes(path)))
    except OSError as error:
        raise ConfigurationError(f"--encryption-provider-config: {error}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _bytes(path: Path) -> bytes:
    return path.read_bytes()
