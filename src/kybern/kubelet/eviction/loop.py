"""Looks at the node and its Pods now and then, and evicts: at most one Pod a round for the node's sake."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from kybern.api.types.core_v1 import Pod
from kybern.base.clock import Clock
from kybern.kubelet.counters import EVICTIONS, Counters
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.events import NodeEvents
from kybern.kubelet.eviction.local_storage import directory_bytes, exceeded, has_limits, on_disk
from kybern.kubelet.eviction.ranking import REASON, Usage, choose, evicted, verdict_of
from kybern.kubelet.eviction.thresholds import INODES, MEMORY, PIDS, SIGNALS, STORAGE, Shortage, shortages
from kybern.kubelet.image_collection import ImageCollection
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.labels import POD_UID
from kybern.kubelet.node.machine import Machine, read_machine, read_pressure
from kybern.kubelet.ports import EventSink
from kybern.kubelet.runtime.views import ContainerStats
from kybern.kubelet.status import Verdict
from kybern.kubelet.volumes.local import EMPTY_DIR

log = logging.getLogger(__name__)

GRACE_SECONDS = 1
"""A hard threshold is passed: there is no time for more."""


class Evictable(Protocol):
    """A Pod's worker."""

    @property
    def pod(self) -> Pod: ...

    @property
    def is_ending(self) -> bool: ...

    def evict(self, verdict: Verdict, grace: int) -> None: ...


class EvictionLoop:
    """One node's. `workers` gives those of all its Pods."""

    def __init__(
        self,
        config: KubeletConfig,
        runtime: Runtime,
        clock: Clock,
        sink: EventSink,
        node_events: NodeEvents,
        images: ImageCollection,
        workers: Callable[[], Iterable[Evictable]],
        counters: Counters,
    ) -> None:
        self._counters = counters
        self._config, self._runtime, self._clock = config, runtime, clock
        self._sink, self._node_events, self._images, self._workers = sink, node_events, images, workers
        self._machine: Machine | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(self._config.eviction_period_seconds)
            try:
                await self.look()
            except (RuntimeFailed, OSError) as error:
                log.info("nobody is evicted: %s", error)

    async def look(self) -> None:
        """One round. Raises RuntimeFailed, OSError."""
        active = [worker for worker in self._workers() if not worker.is_ending]
        limited = [worker for worker in active if has_limits(worker.pod)]
        stats = await self._runtime.stats() if limited else []
        for worker in limited:
            await self._look_at_limits(worker, stats)
        shortage = await self._shortage()
        if shortage is not None and shortage.resource in (STORAGE, INODES):
            await self._images.collect(all_unused=True)
            shortage = await self._shortage()
        if shortage is None:
            return
        self._node_events.warning("EvictionThresholdMet", f"Attempting to reclaim {shortage.resource}")
        chosen = choose([await self._usage(worker.pod, shortage) for worker in active], shortage)
        if chosen is not None:
            worker = next(each for each in active if each.pod is chosen.pod)
            self._evict(worker, verdict_of(chosen, shortage), SIGNALS[shortage.resource])

    async def _shortage(self) -> Shortage | None:
        root = self._config.root_directory
        if self._machine is None:
            self._machine = await asyncio.to_thread(read_machine, root)
        pressure = await asyncio.to_thread(read_pressure, root)
        return next(iter(shortages(self._config.eviction_hard, self._machine, pressure)), None)

    async def _look_at_limits(self, worker: Evictable, stats: list[ContainerStats]) -> None:
        pod = worker.pod
        volumes = {name: await asyncio.to_thread(directory_bytes, self._volume(pod, name)) for name in on_disk(pod)}
        passed = exceeded(pod, volumes, await self._containers_on_disk(pod, stats))
        if passed is not None:
            self._evict(worker, evicted(passed.message), passed.signal)

    async def _containers_on_disk(self, pod: Pod, stats: list[ContainerStats]) -> dict[str, int]:
        logs = self._config.logs_of(pod.metadata.namespace, pod.metadata.name, pod.metadata.uid)
        found = {}
        for each in stats:
            if each.labels.get(POD_UID) == pod.metadata.uid:
                written = await asyncio.to_thread(directory_bytes, logs / each.name)
                found[each.name] = (each.writable_layer_bytes or 0) + written
        return found

    async def _usage(self, pod: Pod, shortage: Shortage) -> Usage:
        stats = await self._runtime.stats({POD_UID: pod.metadata.uid})
        if shortage.resource in (MEMORY, PIDS):
            return Usage(pod, {each.name: each.working_set_bytes or 0 for each in stats})
        volumes = [await asyncio.to_thread(directory_bytes, self._volume(pod, name)) for name in on_disk(pod)]
        return Usage(pod, await self._containers_on_disk(pod, stats), sum(volumes))

    def _volume(self, pod: Pod, name: str) -> Path:
        return self._config.pod_directory(pod.metadata.uid) / "volumes" / EMPTY_DIR / name

    def _evict(self, worker: Evictable, verdict: Verdict, signal: str) -> None:
        self._counters.add(EVICTIONS, signal)
        self._sink.event(worker.pod, "Warning", REASON, verdict.message)
        log.warning(
            "pod %s/%s is evicted: %s", worker.pod.metadata.namespace, worker.pod.metadata.name, verdict.message
        )
        worker.evict(verdict, GRACE_SECONDS)
