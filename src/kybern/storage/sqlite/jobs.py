"""What waits for the next transaction: writes with the futures that their callers await."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass

from kybern.storage.sqlite.ledger import Ledger
from kybern.storage.window import Change


@dataclass(slots=True)
class Job(ABC):
    """One write that waits. `answer` gets its revision, or Mismatch, or StoreUnavailable."""

    key: str
    expected: int
    answer: asyncio.Future[int]

    @property
    def size_bytes(self) -> int:
        """What the job holds in memory, about."""
        return 200 + len(self.key)

    @abstractmethod
    def apply(self, ledger: Ledger, now: float) -> Change:
        """Do it within the open transaction. Raises Mismatch, sqlite3.Error."""


@dataclass(slots=True)
class Put(Job):
    value: bytes = b""
    ttl_seconds: int = 0
    trail: bool = True

    @property
    def size_bytes(self) -> int:
        return 200 + len(self.key) + len(self.value)

    def apply(self, ledger: Ledger, now: float) -> Change:
        expires = now + self.ttl_seconds if self.ttl_seconds else None
        return ledger.put(self.key, self.value, expected=self.expected, expires=expires, trail=self.trail, now=now)


@dataclass(slots=True)
class Delete(Job):
    def apply(self, ledger: Ledger, now: float) -> Change:
        return ledger.delete(self.key, expected=self.expected, now=now)
