"""The scheduler's I/O: caches in, verdicts out. Deciding is `state.py`'s, writing `writer.py`'s."""

import asyncio
import logging
from random import Random

from kybern.api.types.core_v1 import Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod
from kybern.api.types.policy_v1 import PodDisruptionBudget
from kybern.api.types.storage_v1 import StorageClass
from kybern.base.clock import Clock
from kybern.client.client import Client
from kybern.client.factory import InformerFactory
from kybern.client.objects import Key
from kybern.scheduler.config import SchedulerConfig
from kybern.scheduler.events import SchedulerEvents
from kybern.scheduler.metrics import Attempt, SchedulerMetrics
from kybern.scheduler.preemption import Budget
from kybern.scheduler.selectors import from_label_selector
from kybern.scheduler.shape import PodRequest
from kybern.scheduler.state import Placement, SchedulerState
from kybern.scheduler.volumes import VolumeView
from kybern.scheduler.writer import BindingFailed, Writer

IDLE_SECONDS = 30.0
"""How long to sleep at most when nothing waits for a back-off."""

log = logging.getLogger(__name__)


class Scheduler:
    """Wires caches, state and writers together."""

    def __init__(self, config: SchedulerConfig, client: Client, clock: Clock, random: Random) -> None:
        self._config = config
        self._clock = clock
        self._factory = InformerFactory(client, clock=clock, source=random)
        self._pods = self._factory.informer(Pod, field_selector="status.phase!=Succeeded,status.phase!=Failed")
        self._nodes = self._factory.informer(Node)
        self._namespaces = self._factory.informer(Namespace)
        self._claims = self._factory.informer(PersistentVolumeClaim)
        self._volumes = self._factory.informer(PersistentVolume)
        self._classes = self._factory.informer(StorageClass)
        self._budget_objects = self._factory.informer(PodDisruptionBudget)
        view = VolumeView(self._claim, self._volume, self._volumes.list, self._class)
        self.state = SchedulerState(config, random, view, self._budgets)
        self._events = SchedulerEvents(client, clock, config.profiles[0].scheduler_name, config.host)
        self._writer = Writer(client, clock, self._events, self._claim)
        self.metrics = SchedulerMetrics(clock, self.state)
        self.synced = False
        """Whether all that was there at the start has been seen."""
        self._work: asyncio.Queue[Attempt | PodRequest] = asyncio.Queue(config.parallel_bindings)
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        self._subscribe()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._factory.run())
            for informer in (self._nodes, self._namespaces, self._claims, self._volumes, self._classes, self._pods):
                await informer.synced()
            self.synced = True
            group.create_task(self._events.run())
            for _ in range(self._config.parallel_bindings):
                group.create_task(self._carry_out())
            group.create_task(self._decide())

    async def _decide(self) -> None:
        """A batch of Pods each time, then the event loop's other tasks."""
        while True:
            self._wake.clear()
            for _ in range(self._config.batch_limit):
                began = self._clock.monotonic()
                verdict = self.state.decide(began)
                if verdict is None:
                    break
                self._events.calm.clear()
                await self._work.put(self.metrics.decided(verdict, began))
            else:
                await asyncio.sleep(0)
                continue
            self._events.calm.set()
            await self._wait()

    async def _wait(self) -> None:
        """For news, or for the next back-off to end."""
        tick = self.state.queue.next_tick()
        seconds = IDLE_SECONDS if tick is None else min(max(tick - self._clock.monotonic(), 0.0), IDLE_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _carry_out(self) -> None:
        while True:
            work = await self._work.get()
            if isinstance(work, PodRequest):
                await self._writer.gated(work)
            elif isinstance(work.verdict, Placement):
                await self._place(work, work.verdict)
            else:
                await self._writer.postpone(work.verdict)

    async def _place(self, attempt: Attempt, placement: Placement) -> None:
        try:
            await self._writer.place(placement)
        except BindingFailed as error:
            log.warning("%s: %s", placement.request.subject, error)
            self.metrics.failed(attempt)
            self.state.failed(placement.request, self._clock.monotonic())
            self._wake.set()
        else:
            self.metrics.placed(attempt)

    # Caches

    def _claim(self, namespace: str, name: str) -> PersistentVolumeClaim | None:
        return self._claims.get(Key(namespace, name))

    def _volume(self, name: str) -> PersistentVolume | None:
        return self._volumes.get(Key("", name))

    def _class(self, name: str) -> StorageClass | None:
        return self._classes.get(Key("", name))

    def _budgets(self) -> list[Budget]:
        return [
            Budget(
                budget.metadata.namespace,
                from_label_selector(budget.spec.selector),
                budget.status.disruptions_allowed or 0,
                frozenset(budget.status.disrupted_pods),
            )
            for budget in self._budget_objects.list()
        ]

    def _subscribe(self) -> None:
        self._pods.subscribe(self._on_pod)
        self._nodes.subscribe(self._on_node)
        self._namespaces.subscribe(self._on_namespace)
        self._claims.subscribe(self._on_volume)
        self._volumes.subscribe(self._on_volume)
        self._classes.subscribe(self._on_volume)

    def _on_pod(self, kind: str, new: Pod | None, old: Pod | None) -> None:
        now = self._clock.monotonic()
        if kind == "DELETED" or new is None:
            gone = new or old
            assert gone is not None
            self.state.remove_pod(gone, now)
        else:
            self.state.set_pod(new, now, old)
            if new.spec.scheduling_gates and not _says_gated(new):
                self._tell_gated(new)
        self._wake.set()

    def _tell_gated(self, pod: Pod) -> None:
        """The API server sets this condition on creation; another API server may not."""
        waiting = self.state.queue.request_of((pod.metadata.namespace, pod.metadata.name))
        if waiting is not None and not self._work.full():
            self._work.put_nowait(waiting)

    def _on_node(self, kind: str, new: Node | None, old: Node | None) -> None:
        if kind == "DELETED" or new is None:
            gone = new or old
            assert gone is not None
            self.state.remove_node(gone)
        else:
            self.state.set_node(new, self._clock.monotonic())
        self._wake.set()

    def _on_namespace(self, kind: str, new: Namespace | None, old: Namespace | None) -> None:
        namespace = new or old
        assert namespace is not None
        labels = None if kind == "DELETED" else namespace.metadata.labels
        self.state.set_namespace(namespace.metadata.name, labels, self._clock.monotonic())
        self._wake.set()

    def _on_volume(self, kind: str, new: object, old: object) -> None:
        self.state.volumes_changed(self._clock.monotonic())
        self._wake.set()


def _says_gated(pod: Pod) -> bool:
    return any(each.type == "PodScheduled" and each.reason == "SchedulingGated" for each in pod.status.conditions)
