"""Image garbage collection: when the disk fills up, images that no container uses go, the longest unused first.

An image without a digest came from no registry and could not be had again: it is never taken away.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kybern.base.clock import Clock
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.events import NodeEvents
from kybern.kubelet.images import with_default_tag
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.runtime.views import Image

log = logging.getLogger(__name__)

PERIOD_SECONDS = 300.0
"""Upstream's ImageGCPeriod."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of an image. Seconds since the epoch."""

    first: float
    used: float


@dataclass(frozen=True, slots=True)
class Disk:
    """Of the file system that holds the images, in bytes."""

    capacity: int
    available: int

    @property
    def used_percent(self) -> int:
        return 100 - self.available * 100 // self.capacity if self.capacity else 0


def bytes_to_free(disk: Disk, high_percent: int, low_percent: int) -> int:
    """0 below the high threshold, else what brings the disk down to the low one."""
    if disk.used_percent < high_percent or high_percent >= 100:
        return 0
    return max(0, disk.capacity * (100 - low_percent) // 100 - disk.available)


def choose_images(
    images: Iterable[Image], used: set[str], seen: Mapping[str, Seen], amount: int, oldest: float
) -> list[Image]:
    """Which to remove so that `amount` bytes are free; none that was first seen after `oldest`. Pure."""
    candidates = [
        image
        for image in images
        if image.id not in used and not image.pinned and image.digests and seen[image.id].first <= oldest
    ]
    candidates.sort(key=lambda image: (seen[image.id].used, seen[image.id].first))
    chosen = []
    for image in candidates:
        if amount <= 0:
            break
        chosen.append(image)
        amount -= image.size_bytes
    return chosen


class ImageCollection:
    """Remembers when images were used, and collects."""

    def __init__(
        self,
        config: KubeletConfig,
        runtime: Runtime,
        clock: Clock,
        events: NodeEvents,
        volumes: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """`volumes` tells the images that Pods have as volumes."""
        self._config, self._runtime, self._clock, self._events = config, runtime, clock, events
        self._volumes = volumes
        self._seen: dict[str, Seen] = {}

    async def run(self) -> None:
        """Once in each period, until cancelled."""
        while True:
            await self._clock.sleep(PERIOD_SECONDS)
            try:
                await self.collect()
            except RuntimeFailed as error:
                log.info("no image is collected: %s", error)

    async def collect(self, *, all_unused: bool = False) -> int:
        """Free what the thresholds ask for, or all that can be; how many bytes. Raises RuntimeFailed."""
        images, used = await self._look()
        disk = await self._disk()
        config, now = self._config, self._clock.now()
        wanted = disk.capacity if all_unused else bytes_to_free(disk, config.image_gc_high, config.image_gc_low)
        if not wanted:
            return 0
        oldest = now if all_unused else now - config.image_minimum_gc_age
        freed = 0
        for image in choose_images(images, used, self._seen, wanted, oldest):
            await self._runtime.remove_image(image.id)
            log.info("image %s is removed to free %d bytes", image.id, image.size_bytes)
            freed += image.size_bytes
        if freed < wanted and not all_unused:
            text = f"Attempted to free {wanted} bytes, but only found {freed} bytes eligible to free."
            message = f"Failed to garbage collect required amount of images. {text}"
            self._events.warning("FreeDiskSpaceFailed", message)
        return freed

    async def _look(self) -> tuple[list[Image], set[str]]:
        images = await self._runtime.list_images()
        used = {record.image for record in await self._runtime.list_containers()}
        used |= {with_default_tag(reference) for reference in self._volumes()}
        now = self._clock.now()
        found = {image.id: self._seen.get(image.id, Seen(now, 0.0)) for image in images}
        names = {name: image.id for image in images for name in (image.id, *image.tags, *image.digests)}
        busy = {names[name] for name in used if name in names}
        self._seen = {id: Seen(seen.first, now) if id in busy else seen for id, seen in found.items()}
        return images, busy

    async def _disk(self) -> Disk:
        places = [Path(usage.mountpoint) for usage in await self._runtime.image_filesystems()]
        return await asyncio.to_thread(_read_disk, places or [self._config.root_directory])


def _read_disk(places: list[Path]) -> Disk:
    found = os.statvfs(next(place for place in (*places, Path("/")) if place.exists()))
    return Disk(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
