"""The list of plugins, run in order: all that mutate before validation, all that validate after it."""

from collections.abc import Awaitable, Container, Sequence
from typing import NamedTuple, Protocol

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.metrics import ADMIT, VALIDATE, AdmissionMetrics


class Plugin:
    """Overrides what it needs. A refusal is a StatusError. A plugin that must wait returns an awaitable."""

    about: Container[str] | None = None
    """The group_resources that it looks at; None is all."""

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


class _Links(NamedTuple):
    """What of the chain a resource meets."""

    mutating: list[Plugin]
    deleting: list[Plugin]
    validating: list[Plugin]


class Chain:
    """Plugins, each only where it overrides something, and only for the resources that it is about."""

    def __init__(self, plugins: Sequence[Plugin], metrics: AdmissionMetrics) -> None:
        self.plugins = tuple(plugins)
        self._metrics = metrics
        self._links: dict[str, _Links] = {}

    async def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        started, rejected = self._metrics.now(), True
        mutating = self._of(attributes.resource.group_resource).mutating
        try:
            for plugin in mutating:
                waiting = plugin.mutate(attributes, obj, old)
                if waiting is not None:
                    await waiting
            turn = attributes.reinvocation
            if turn is not None:
                if turn.wanted:
                    turn.round = 1
                    for plugin in mutating:
                        waiting = plugin.mutate(attributes, obj, old)
                        if waiting is not None:
                            await waiting
                attributes.reinvocation = None
            rejected = False
        finally:
            self._metrics.step(started, ADMIT, attributes.operation, rejected)

    async def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        links = self._of(attributes.resource.group_resource)
        if obj is None and old is not None:
            await self._mutate_deletion(links.deleting, attributes, old)
        started, rejected = self._metrics.now(), True
        try:
            for plugin in links.validating:
                waiting = plugin.validate(attributes, obj, old)
                if waiting is not None:
                    await waiting
            rejected = False
        finally:
            self._metrics.step(started, VALIDATE, attributes.operation, rejected)

    async def _mutate_deletion(self, plugins: Sequence[Plugin], attributes: Attributes, old: Object) -> None:
        started, rejected = self._metrics.now(), True
        try:
            for plugin in plugins:
                waiting = plugin.mutate_deletion(attributes, old)
                if waiting is not None:
                    await waiting
            rejected = False
        finally:
            self._metrics.step(started, ADMIT, attributes.operation, rejected)

    def _of(self, group_resource: str) -> _Links:
        links = self._links.get(group_resource)
        if links is None:
            found = [each for each in self.plugins if each.about is None or group_resource in each.about]
            links = self._links[group_resource] = _Links(
                [each for each in found if type(each).mutate is not Plugin.mutate],
                [each for each in found if type(each).mutate_deletion is not Plugin.mutate_deletion],
                [each for each in found if type(each).validate is not Plugin.validate],
            )
        return links
