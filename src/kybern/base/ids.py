"""Randomness and identifiers as arguments: a seed makes a whole cluster repeatable."""

import random
import uuid
from typing import Protocol

NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Characters of generated name suffixes: upstream leaves out vowels and 0, 1, 3 so that no bad word appears
(k8s.io/apimachinery/pkg/util/rand)."""

SUFFIX_LENGTH = 5


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
        return str(uuid.UUID(int=self._source.getrandbits(128), version=4))

    def suffix(self) -> str:
        return "".join(self._source.choices(NAME_ALPHABET, k=SUFFIX_LENGTH))
