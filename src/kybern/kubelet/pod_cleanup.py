"""What is taken away when containers are replaced and when a Pod has ended. Idempotent."""

import asyncio
import shutil
from pathlib import Path

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.observed import PodRuntime, name_of
from kybern.kubelet.runtime.views import ContainerState
from kybern.kubelet.starting import Parts

KEPT_PER_CONTAINER = 2
"""Containers of one name that are kept: the newest, and the one before for its last state and `logs --previous`."""
CGROUP_TRIES = 50
CGROUP_PAUSE_SECONDS = 0.02


async def prune_containers(runtime: Runtime, observed: PodRuntime) -> None:
    """Remove old dead containers with their logs, and old sandboxes that nothing is left of."""
    kept: set[str] = set()
    for name in {name_of(container) for container in observed.containers}:
        ours = observed.all(name)
        kept.update(observed.homes.get(container.id, "") for container in ours[:KEPT_PER_CONTAINER])
        for container in ours[KEPT_PER_CONTAINER:]:
            if container.state is ContainerState.RUNNING:
                continue
            try:
                await runtime.remove_container(container.id)
            except RuntimeFailed:
                continue  # It is tried again with the next start.
            if container.log_path:
                _remove_logs(Path(container.log_path))
    for sandbox in observed.sandboxes[1:]:
        if not sandbox.ready and sandbox.id not in kept:
            try:
                await runtime.remove_sandbox(sandbox.id)
            except RuntimeFailed:
                continue


def _remove_logs(path: Path) -> None:
    """The log and what was rotated away from it."""
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink(missing_ok=True)


async def clean_pod(parts: Parts, pod: Pod, *, logs: bool = False) -> None:
    """Volumes and cgroups, and with `logs` the logs and last words. Raises VolumesNotReady."""
    await (parts.volumes.forget(pod) if logs else parts.volumes.unmount(pod))
    if parts.config.cgroups_per_qos:
        for _ in range(CGROUP_TRIES):
            if await asyncio.to_thread(parts.cgroups.remove, pod):
                break
            await parts.clock.sleep(CGROUP_PAUSE_SECONDS)
    if not logs:
        return
    meta = pod.metadata
    directory = parts.config.logs_of(meta.namespace, meta.name, meta.uid)
    links = parts.config.container_logs_directory
    if links is not None and links.is_dir():
        for link in links.glob(f"{meta.name}_{meta.namespace}_*.log"):
            if link.is_symlink() and Path(link.readlink()).is_relative_to(directory):
                link.unlink(missing_ok=True)
    await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
