"""How one value is sealed and opened, in upstream's formats: a store can change hands between the two.

A value is bound to its key in the store (authenticated data), so that one Secret's bytes cannot be put in another's
place; CBC and secretbox have no room for that, as upstream's documentation warns.
"""

import hashlib
import os
from collections.abc import Awaitable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as Machine
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kybern.base.errors import KybernError

GCM_NONCE_BYTES = 12
BLOCK_BYTES = 16


class Undecipherable(KybernError):
    """The bytes were not sealed with this key, or not for this place, or are damaged."""


class Unsealable(KybernError):
    """Nothing can be sealed now: the key that would do it is not to be had, or no longer to be used."""


class PluginUnavailable(KybernError):
    """The key is with a plugin that does not answer; it may do so later."""


class Cipher(Protocol):
    """One provider's key, or what stands for it."""

    @property
    def mark(self) -> str:
        """Which key seals now, told in a way that does not give it away; another key has another mark."""
        ...

    def seal(self, value: bytes, place: bytes) -> bytes:
        """Raises Unsealable."""
        ...

    def open(self, sealed: bytes, place: bytes) -> tuple[bytes, str]:
        """The value, and the mark of the key that had sealed it. Raises Undecipherable."""
        ...

    def missing(self, sealed: bytes) -> Awaitable[None] | None:
        """What has to be waited for before `open`; None: nothing. It raises Undecipherable, PluginUnavailable."""
        ...


class _FixedKey:
    """A key out of the configuration."""

    def __init__(self, secret: bytes) -> None:
        self.mark = hashlib.sha256(b"mark" + secret).hexdigest()[:16]

    def missing(self, sealed: bytes) -> None:
        return None


class AesGcm(_FixedKey):
    """AES-GCM with a random nonce: keys want changing before 2^32 writes."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self._machine = AESGCM(secret)

    def seal(self, value: bytes, place: bytes) -> bytes:
        nonce = os.urandom(GCM_NONCE_BYTES)
        return nonce + self._machine.encrypt(nonce, value, place)

    def open(self, sealed: bytes, place: bytes) -> tuple[bytes, str]:
        try:
            return self._machine.decrypt(sealed[:GCM_NONCE_BYTES], sealed[GCM_NONCE_BYTES:], place), self.mark
        except (InvalidTag, ValueError):
            raise Undecipherable("cipher: message authentication failed") from None


class AesCbc(_FixedKey):
    """AES-CBC with PKCS#7 padding, without authentication: upstream calls it weak, and keeps it."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self._key = algorithms.AES(secret)

    def seal(self, value: bytes, place: bytes) -> bytes:
        start = os.urandom(BLOCK_BYTES)
        missing = BLOCK_BYTES - len(value) % BLOCK_BYTES
        machine = Machine(self._key, modes.CBC(start)).encryptor()
        return start + machine.update(value + bytes([missing]) * missing) + machine.finalize()

    def open(self, sealed: bytes, place: bytes) -> tuple[bytes, str]:
        if len(sealed) < 2 * BLOCK_BYTES or len(sealed) % BLOCK_BYTES:
            raise Undecipherable("the stored data is not a multiple of the block size")
        machine = Machine(self._key, modes.CBC(sealed[:BLOCK_BYTES])).decryptor()
        padded = machine.update(sealed[BLOCK_BYTES:]) + machine.finalize()
        count = padded[-1]
        if not 0 < count <= BLOCK_BYTES or padded[-count:] != bytes([count]) * count:
            raise Undecipherable("invalid padding on input")
        return padded[:-count], self.mark


class Secretbox(_FixedKey):
    """XSalsa20 with Poly1305, from PyNaCl."""

    def __init__(self, secret: bytes) -> None:
        from nacl.secret import SecretBox

        super().__init__(secret)
        self._box = SecretBox(secret)

    def seal(self, value: bytes, place: bytes) -> bytes:
        return bytes(self._box.encrypt(value))

    def open(self, sealed: bytes, place: bytes) -> tuple[bytes, str]:
        from nacl.exceptions import CryptoError

        try:
            return bytes(self._box.decrypt(sealed)), self.mark
        except (CryptoError, ValueError):
            raise Undecipherable("output array was not large enough for encryption") from None


KINDS: dict[str, type[AesGcm] | type[AesCbc] | type[Secretbox]] = {
    "aesgcm": AesGcm, "aescbc": AesCbc, "secretbox": Secretbox
}  # fmt: skip
