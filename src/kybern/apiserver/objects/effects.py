"""What a write of one kind does beside writing the object: a Service takes and gives back addresses and ports."""

from typing import Protocol

from kybern.api.resource import Object


class Taken(Protocol):
    """What a write took before it was made; one of the two is called, once."""

    async def keep(self) -> None:
        """The write is durable: give back what only the old object held."""
        ...

    async def undo(self) -> None:
        """The write failed: give back what was taken for it."""
        ...


class Effect(Protocol):
    """Begins before the kind's own rules judge an object, as upstream's BeginCreate and BeginUpdate do."""

    async def begin(self, new: Object, old: Object | None, *, dry_run: bool) -> Taken:
        """May change `new`; a dry run takes nothing. Raises StatusError, nothing is held then."""
        ...

    async def deleted(self, old: Object) -> None:
        """A deletion is durable."""
        ...
