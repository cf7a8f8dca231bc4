"""Rotation of container logs: at a size, a number of files, the older ones compressed. Names are upstream's."""

import asyncio
import gzip
import logging
import shutil
import time
from pathlib import Path

from kybern.base.clock import Clock
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.runtime.views import ContainerState

log = logging.getLogger(__name__)

TIMESTAMP = "%Y%m%d-%H%M%S"
COMPRESSED = ".gz"


async def rotate_logs(config: KubeletConfig, runtime: Runtime, clock: Clock) -> None:
    """Look at all running containers once in each interval, until cancelled."""
    while True:
        await clock.sleep(config.container_log_monitor_interval)
        try:
            records = await runtime.list_containers()
        except RuntimeFailed as error:
            log.info("no log is rotated: %s", error)
            continue
        for record in records:
            if record.state is ContainerState.RUNNING:
                await _rotate_if_large(config, runtime, record.id, clock.now())


async def _rotate_if_large(config: KubeletConfig, runtime: Runtime, id: str, now: float) -> None:
    try:
        path = Path((await runtime.container_status(id)).log_path)
        size, files = config.container_log_max_size, config.container_log_max_files
        rotated = await asyncio.to_thread(move_away, path, size, files, now)
        if rotated is None:
            return
        try:
            await runtime.reopen_log(id)
        except RuntimeFailed:
            await asyncio.to_thread(rotated.rename, path)  # The container goes on writing there.
            raise
    except (RuntimeFailed, OSError) as error:
        log.warning("the log of container %s is not rotated: %s", id, error)


def move_away(path: Path, max_size: int, max_files: int, now: float) -> Path | None:
    """Give a log that is large another name; None where it is not. Raises OSError."""
    if not path.is_file() or path.stat().st_size < max_size:
        return None
    make_room(path, max_files)
    return path.rename(path.with_name(f"{path.name}.{time.strftime(TIMESTAMP, time.gmtime(now))}"))


def make_room(path: Path, max_files: int) -> None:
    """Remove the oldest and compress all but the newest of the rotated files, so that one more keeps to `max_files`."""
    rotated = sorted(each for each in path.parent.glob(f"{path.name}.*") if each.suffix != ".tmp")
    surplus = len(rotated) - (max_files - 2)
    for each in rotated[: max(0, surplus)]:
        each.unlink()
    for each in rotated[max(0, surplus) :]:
        if each.suffix != COMPRESSED:
            partial = each.with_name(f"{each.name}.tmp")
            with each.open("rb") as source, gzip.open(partial, "wb") as target:
                shutil.copyfileobj(source, target)
            partial.rename(each.with_name(f"{each.name}{COMPRESSED}"))
            each.unlink()
