"""What a write of one kind does beside writing the object: a Service takes and gives back addresses and ports."""

from typing import Protocol

from kybern.api.resource import Object


class Effect(Protocol):
    """Called around commits. `undo` runs when the write failed after `begin` succeeded."""

    async def begin(self, new: Object, old: Object | None, *, dry_run: bool) -> None:
        """Just before the commit; may change `new`. Raises StatusError."""
        ...

    async def done(self, new: Object | None, old: Object | None) -> None:
        """The write is durable; `new` is None after a deletion."""
        ...

    async def undo(self, new: Object, old: Object | None) -> None:
        """The write failed: give back what `begin` took."""
        ...
