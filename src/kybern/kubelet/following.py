"""Follows by watch what running Pods refer to, one object each: a node may read only what its own Pods name.

A watch begins with the first Pod that names its object and ends with the last one.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kybern.api.types.core_v1 import ConfigMap, Secret
from kybern.base.clock import Clock
from kybern.client.client import Client
from kybern.client.informer import Informer
from kybern.client.objects import Key

Kind = type[ConfigMap] | type[Secret]


class Followed(NamedTuple):
    """One object."""

    kind: Kind
    namespace: str
    name: str


@dataclass
class _Watch:
    informer: Informer[Any]
    task: asyncio.Task[None]
    pods: set[str] = field(default_factory=set)


class Following:
    """The watches of one node. `changed` is called with the uid of each Pod that names what has changed."""

    def __init__(self, client: Client, clock: Clock, source: random.Random, changed: Callable[[str], None]) -> None:
        self._client, self._clock, self._source, self._changed = client, clock, source, changed
        self._watches: dict[Followed, _Watch] = {}

    def follow(self, uid: str, objects: Iterable[Followed]) -> None:
        """The Pod names these now, and no others."""
        wanted = set(objects)
        for each in [each for each, watch in self._watches.items() if uid in watch.pods and each not in wanted]:
            self._leave(each, uid)
        for each in wanted:
            watch = self._watches.get(each) or self._begin(each)
            watch.pods.add(uid)

    def forget(self, uid: str) -> None:
        """The Pod is gone."""
        self.follow(uid, ())

    def has(self, each: Followed) -> bool:
        """Whether `get` knows."""
        watch = self._watches.get(each)
        return watch is not None and watch.informer.has_synced

    def get(self, each: Followed) -> ConfigMap | Secret | None:
        """The object as last seen; None: it is not there."""
        watch = self._watches.get(each)
        found: ConfigMap | Secret | None = watch.informer.get(Key(each.namespace, each.name)) if watch else None
        return found

    async def close(self) -> None:
        """End all watches."""
        tasks = [watch.task for watch in self._watches.values()]
        self._watches.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, each: Followed) -> _Watch:
        informer: Informer[Any] = Informer(
            self._client,
            each.kind,
            clock=self._clock,
            source=self._source,
            namespace=each.namespace,
            field_selector=f"metadata.name={each.name}",
        )
        informer.subscribe(lambda *_: self._tell(each))
        watch = _Watch(informer, asyncio.create_task(informer.run(), name=f"following {each.namespace}/{each.name}"))
        self._watches[each] = watch
        return watch

    def _tell(self, each: Followed) -> None:
        watch = self._watches.get(each)
        for uid in sorted(watch.pods) if watch else ():
            self._changed(uid)

    def _leave(self, each: Followed, uid: str) -> None:
        watch = self._watches[each]
        watch.pods.discard(uid)
        if not watch.pods:
            watch.task.cancel()
            del self._watches[each]
