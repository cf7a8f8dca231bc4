"""A creation whose answer waits, for a moment, until a loop of this server has told the new object's conditions.

Upstream's loops are mostly quicker than the client's next read; here the client need not be lucky.
"""

import asyncio

from kybern.api.resource import Object

PATIENCE_SECONDS = 0.2


class Settling:
    """The effect (`objects/effects.py`) of a kind whose conditions a loop tells, and what it took: nothing."""

    def __init__(self) -> None:
        self._settled = asyncio.Event()

    def disturb(self) -> None:
        """The loop has something to look at."""
        self._settled.clear()

    def settle(self) -> None:
        """The loop has told all there is to tell."""
        self._settled.set()

    async def begin(self, new: Object, old: Object | None, *, dry_run: bool) -> "Settling":
        return self if old is None else _AT_ONCE

    async def keep(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._settled.wait()
        except TimeoutError:
            return  # The loop has much to do; the object is there all the same.

    async def undo(self) -> None:
        """Nothing was taken."""

    async def deleted(self, old: Object) -> None:
        """Nothing was taken."""


_AT_ONCE = Settling()
_AT_ONCE.settle()
