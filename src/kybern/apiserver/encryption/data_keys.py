"""The keys that a KMS plugin guards: each value has one of its own, derived from a seed that the plugin has sealed.

Pure. Formats: https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/ and KEP-3299.
"""

import hmac
import os
from typing import Protocol

from kybern.apiserver.encryption.ciphers import AesGcm, Undecipherable, Unsealable

SEED_BYTES = 32
INFO_BYTES = 32
"""Random bytes before each sealed value, from which with the seed its key is derived."""


class DataKey(Protocol):
    """Seals values, each bound to its place."""

    def seal(self, value: bytes, place: bytes) -> bytes: ...

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Raises Undecipherable."""
        ...


class SeedKey:
    """A seed: no derived key seals twice, so that the seed never wears out. Raises Undecipherable for a short one."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) < SEED_BYTES:
            raise Undecipherable(f"invalid seed length {len(seed)} used for key generation")
        self._seed = seed

    def seal(self, value: bytes, place: bytes) -> bytes:
        info = os.urandom(INFO_BYTES)
        return info + self._derived(info).seal(value, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        if len(sealed) < INFO_BYTES:
            raise Undecipherable("the stored data was shorter than the required size")
        return self._derived(sealed[:INFO_BYTES]).open(sealed[INFO_BYTES:], place)[0]

    def _derived(self, info: bytes) -> AesGcm:
        """HKDF's expansion (RFC 5869, 2.3) to 32 bytes, which is its first block."""
        return AesGcm(hmac.digest(self._seed, info + b"\1", "sha256"))


class PlainKey:
    """A key that sealed values itself, before there were seeds (KMS v2 until v1.28): read, written no more."""

    def __init__(self, key: bytes) -> None:
        try:
            self._cipher = AesGcm(key)
        except ValueError:
            raise Undecipherable(f"crypto/aes: invalid key size {len(key)}") from None

    def seal(self, value: bytes, place: bytes) -> bytes:
        raise Unsealable("a key without a seed seals no more")

    def open(self, sealed: bytes, place: bytes) -> bytes:
        return self._cipher.open(sealed, place)[0]
