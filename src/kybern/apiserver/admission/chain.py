"""The list of plugins, run in order: all that mutate before validation, all that validate after it."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes


class Plugin:
    """Overrides what it needs. A refusal is a StatusError. A plugin that must wait returns an awaitable."""

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> Awaitable[None] | None:
        """Change `obj` in place; before validation. Not called for deletions."""
        return None

    def mutate_deletion(self, attributes: Attributes, old: Object) -> Awaitable[None] | None:
        """What may look at a deletion before all that validate it; it can only refuse."""
        return None

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> Awaitable[None] | None:
        """Refuse; `obj` is None for a deletion, `old` for a creation."""
        return None


class Admission(Protocol):
    """What the objects' life cycle needs of admission."""

    async def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None: ...

    async def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None: ...


class Chain:
    """Plugins, each only where it overrides something."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self._mutating = [each for each in plugins if type(each).mutate is not Plugin.mutate]
        self._deleting = [each for each in plugins if type(each).mutate_deletion is not Plugin.mutate_deletion]
        self._validating = [each for each in plugins if type(each).validate is not Plugin.validate]

    async def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        for plugin in self._mutating:
            waiting = plugin.mutate(attributes, obj, old)
            if waiting is not None:
                await waiting
        turn = attributes.reinvocation
        if turn is None:
            return
        if turn.wanted:
            turn.round = 1
            for plugin in self._mutating:
                waiting = plugin.mutate(attributes, obj, old)
                if waiting is not None:
                    await waiting
        attributes.reinvocation = None

    async def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if obj is None and old is not None:
            for plugin in self._deleting:
                waiting = plugin.mutate_deletion(attributes, old)
                if waiting is not None:
                    await waiting
        for plugin in self._validating:
            waiting = plugin.validate(attributes, obj, old)
            if waiting is not None:
                await waiting
