"""Keeps the files of running Pods true: at once where something was seen to change, and now and then for tokens."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from kybern.api.types.core_v1 import Pod
from kybern.base.clock import Clock
from kybern.kubelet.ports import VolumeManager, VolumesNotReady

log = logging.getLogger(__name__)


class VolumeRefresh:
    """`pods` are those whose volumes are to be kept, by uid."""

    def __init__(self, volumes: VolumeManager, clock: Clock, period_seconds: float) -> None:
        self._volumes, self._clock, self._period = volumes, clock, period_seconds
        self._dirty: dict[str, None] = {}
        self._changed = asyncio.Event()

    def mark(self, uid: str) -> None:
        """What this Pod's files are made of has changed."""
        self._dirty[uid] = None
        self._changed.set()

    async def run(self, pods: Callable[[], Iterable[Pod]]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(pods))
            tasks.create_task(self._all_now_and_then(pods))

    async def _follow(self, pods: Callable[[], Iterable[Pod]]) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            dirty, self._dirty = self._dirty, {}
            for pod in [pod for pod in pods() if pod.metadata.uid in dirty]:
                try:
                    await self._volumes.refresh(pod)
                except VolumesNotReady as error:
                    log.info("pod %s: %s", pod.metadata.name, error)

    async def _all_now_and_then(self, pods: Callable[[], Iterable[Pod]]) -> None:
        while True:
            await self._clock.sleep(self._period)
            for pod in pods():
                self.mark(pod.metadata.uid)


def has_told_more(old: Pod, new: Pod) -> bool:
    """Whether a newer version of a Pod changes what the downward API tells of it."""
    return (
        old.metadata.labels != new.metadata.labels
        or old.metadata.annotations != new.metadata.annotations
        or old.spec.containers != new.spec.containers
    )
