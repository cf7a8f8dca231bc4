"""Randomness and identifiers as arguments: a seed makes a whole cluster repeatable."""

import random
from typing import Final, Protocol

NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Characters of generated name suffixes: upstream leaves out vowels and 0, 1, 3 so that no bad word appears
(k8s.io/apimachinery/pkg/util/rand)."""

SUFFIX_LENGTH = 5
_SUFFIXES: Final = len(NAME_ALPHABET) ** SUFFIX_LENGTH

_UUID_BITS: Final = ~(0xF000 << 64 | 0xC000 << 48)
_UUID_MARKS: Final = 0x4000 << 64 | 0x8000 << 48
"""Version 4 and the variant of RFC 9562, section 5.4."""


class Ids(Protocol):
    """Where names and UIDs come from."""

    def uid(self) -> str:
        """A new UUID, version 4."""
        ...

    def suffix(self) -> str:
        """Five characters of NAME_ALPHABET, for `generateName`."""
        ...


class RandomIds:
    """Identifiers from a `random.Random` (pass `random.SystemRandom()` in production, a seeded one in tests)."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def uid(self) -> str:
        digits = f"{self._source.getrandbits(128) & _UUID_BITS | _UUID_MARKS:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def suffix(self) -> str:
        """From one draw of 64 bits: a draw for each character asks the kernel five times."""
        number = self._source.getrandbits(64) * _SUFFIXES >> 64
        characters = ""
        for _ in range(SUFFIX_LENGTH):
            number, index = divmod(number, len(NAME_ALPHABET))
            characters += NAME_ALPHABET[index]
        return characters
