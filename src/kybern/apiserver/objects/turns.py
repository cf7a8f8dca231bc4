"""Writers of one object take turns once they have met: else of n that try at once n - 1 work in vain, each time anew.

An object that nobody writes to twice at once costs one look into an empty dict. The store's compare-and-swap decides
in any case: turns only spare work, so other processes need not know of them.
"""

from asyncio import Lock
from collections.abc import Hashable
from types import TracebackType


class Turns:
    """Locks of the objects that writers have met at."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, _Contended] = {}

    def of(self, key: Hashable) -> "Turn":
        return Turn(self._locks, key)


class _Contended:
    """A lock, and how many hold it or wait for it."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = Lock()
        self.users = 0


class Turn:
    """One writer's: waits where others wait already, and from its first conflict on (`contend`). A context manager."""

    __slots__ = ("_held", "_key", "_locks")

    def __init__(self, locks: dict[Hashable, _Contended], key: Hashable) -> None:
        self._locks = locks
        self._key = key
        self._held = False

    async def __aenter__(self) -> "Turn":
        if self._key in self._locks:
            await self.contend()
        return self

    async def contend(self) -> None:
        """Wait for the turn, unless it is held."""
        if self._held:
            return
        contended = self._locks.setdefault(self._key, _Contended())
        contended.users += 1
        try:
            await contended.lock.acquire()
        except BaseException:
            self._leave(contended)
            raise
        self._held = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            contended = self._locks[self._key]
            contended.lock.release()
            self._leave(contended)

    def _leave(self, contended: _Contended) -> None:
        contended.users -= 1
        if not contended.users:
            del self._locks[self._key]
