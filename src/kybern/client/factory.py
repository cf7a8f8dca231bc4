"""Informers shared by all controllers of a process: one LIST and WATCH for each resource, whoever asks."""

import asyncio
import random
from typing import Any

from kybern.api.types import ResourceName, resource_of
from kybern.base.clock import Clock
from kybern.client.client import Client
from kybern.client.informer import Informer
from kybern.client.objects import PartialObjectMetadata, T

_Selection = tuple[ResourceName, str, str, str]


class InformerFactory:
    """Makes informers and runs them. One that is asked for while the factory runs starts at once."""

    def __init__(self, client: Client, *, clock: Clock, source: random.Random) -> None:
        self._client = client
        self._clock = clock
        self._random = source
        self._informers: dict[_Selection, Informer[Any]] = {}
        self._tasks: dict[_Selection, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def informer(
        self, kind: type[T], *, namespace: str = "", field_selector: str = "", label_selector: str = ""
    ) -> Informer[T]:
        """The informer of a kind, of all its objects or of those selected."""
        selection = (resource_of(kind), namespace, field_selector, label_selector)
        return self._shared(
            selection,
            Informer(
                self._client,
                kind,
                clock=self._clock,
                source=self._random,
                namespace=namespace,
                field_selector=field_selector,
                label_selector=label_selector,
            ),
        )

    def metadata_informer(self, resource: ResourceName) -> Informer[Any]:
        """An informer of a resource known by name only. Its objects have at least `metadata`: where the kind's own
        informer exists it is this one."""
        return self._shared(
            (resource, "", "", ""),
            Informer(self._client, PartialObjectMetadata, clock=self._clock, source=self._random, resource=resource),
        )

    def stop(self, resource: ResourceName) -> None:
        """End the informer of a resource that the server no longer has."""
        selection = (resource, "", "", "")
        self._informers.pop(selection, None)
        task = self._tasks.pop(selection, None)
        if task is not None:
            task.cancel()

    async def synced(self) -> None:
        """Return once every informer made so far has its first list."""
        for informer in [*self._informers.values()]:
            await informer.synced()

    async def run(self) -> None:
        """Run all informers until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for selection in [*self._informers]:
                self._start(selection)
            await asyncio.Event().wait()

    def _shared(self, selection: _Selection, fresh: Informer[Any]) -> Informer[Any]:
        known = self._informers.setdefault(selection, fresh)
        if known is fresh and self._group is not None:
            self._start(selection)
        return known

    def _start(self, selection: _Selection) -> None:
        assert self._group is not None
        self._tasks[selection] = self._group.create_task(self._informers[selection].run())
