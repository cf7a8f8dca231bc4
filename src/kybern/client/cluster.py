"""What one reconcile may look at and do: the caches, the time, and one way to act."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kybern.api.types.meta_v1 import LabelSelector
from kybern.base.clock import Clock
from kybern.base.errors import KybernError
from kybern.base.ids import Ids
from kybern.client.apply import Applier, Written
from kybern.client.cache import CONTROLLER_INDEX, orphan_of
from kybern.client.client import Client
from kybern.client.events import EventRecorder
from kybern.client.informer import Informer
from kybern.client.objects import Key, KubeObject, Objects, T
from kybern.client.plan import Outcome, Plan
from kybern.client.selectors import matches


class Failed(KybernError):
    """Writes of a plan failed; `errors` holds every cause."""

    def __init__(self, errors: Sequence[KybernError]) -> None:
        super().__init__("; ".join(dict.fromkeys(str(error) or type(error).__name__ for error in errors)))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class World:
    """What all reconciles of one controller share."""

    component: str
    client: Client
    informers: dict[type[Any], Informer[Any]]
    events: EventRecorder
    clock: Clock
    ids: Ids

    def informer(self, kind: type[Any]) -> Informer[Any]:
        assert kind in self.informers, f"{self.component} does not watch {kind.__name__}"
        return self.informers[kind]


class Cluster:
    """The view of one reconcile; it remembers what was written, for the cache has to show it before the next."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.written: list[Written] = []

    @property
    def client(self) -> Client:
        """For what caches do not hold."""
        return self._world.client

    @property
    def events(self) -> EventRecorder:
        return self._world.events

    @property
    def ids(self) -> Ids:
        return self._world.ids

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._world.clock.now()

    def monotonic(self) -> float:
        """Seconds of a clock that nobody sets."""
        return self._world.clock.monotonic()

    def get(self, kind: type[T], key: Key) -> T | None:
        """An object as the cache has it. It is shared: never change it."""
        return self._world.informer(kind).get(key)

    def list(self, kind: type[T], namespace: str = "", selector: LabelSelector | None = None) -> Objects[T]:
        """The objects of a namespace or of all; with a selector those that match."""
        found: Objects[T] = self._world.informer(kind).list(namespace)
        return found if selector is None else [each for each in found if matches(selector, each.metadata.labels)]

    def owned_by(self, owner: KubeObject, kind: type[T]) -> Objects[T]:
        """The objects that `owner` controls."""
        return self._world.informer(kind).by_index(CONTROLLER_INDEX, owner.metadata.uid)

    def orphans(self, kind: type[T], namespace: str) -> Objects[T]:
        """The objects of a namespace that nobody controls."""
        return self._world.informer(kind).by_index(CONTROLLER_INDEX, orphan_of(namespace))

    def by_index(self, kind: type[T], index: str, value: str) -> Objects[T]:
        """The objects for which an index that WATCHES declared gives `value`."""
        return self._world.informer(kind).by_index(index, value)

    async def try_apply(self, plan: Plan) -> Sequence[KybernError]:
        """Carry the plan out as far as it goes; the errors."""
        applier = Applier(self._world.client, self._world.events, self._world.component)
        errors = await applier.apply(plan)
        self.written += applier.written
        return errors

    async def apply(self, plan: Plan) -> Outcome:
        """Carry the plan out. Raises the write's error, or Failed where several failed."""
        errors = await self.try_apply(plan)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise Failed(errors)
        return plan.outcome
