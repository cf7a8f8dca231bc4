"""A Pod's own limits of local storage: of its emptyDir volumes, its containers, and all of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kybern.api.quantity import value
from kybern.api.types.core_v1 import Pod
from kybern.kubelet.eviction.thresholds import STORAGE

BLOCK = 512
"""Bytes; what `st_blocks` counts."""


def directory_bytes(directory: Path) -> int:
    """What a directory takes on the disk. Blocking."""
    total = 0
    for found, _directories, files in os.walk(directory):
        for path in (found, *(f"{found}/{name}" for name in files)):
            try:
                total += os.lstat(path).st_blocks * BLOCK
            except FileNotFoundError:
                continue  # It went while we looked.
    return total


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit that a Pod has passed: upstream's signal for it, and its words."""

    signal: str
    message: str


def has_limits(pod: Pod) -> bool:
    """Whether there is anything to measure."""
    return bool(_volume_limits(pod)) or bool(_container_limits(pod))


def on_disk(pod: Pod) -> list[str]:
    """The emptyDir volumes that take the node's disk."""
    return [each.name for each in pod.spec.volumes if each.empty_dir is not None and not each.empty_dir.medium]


def exceeded(pod: Pod, volumes: Mapping[str, int], containers: Mapping[str, int]) -> Exceeded | None:
    """What of the Pod's limits is passed. Pure.

    `volumes` are the bytes of its emptyDir volumes, `containers` those of writable layers and logs.
    """
    for name, limit in _volume_limits(pod).items():
        if volumes.get(name, 0) > value(limit):
            return Exceeded("emptydirfs.limit", f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". ')
    limits = _container_limits(pod)
    if limits and sum(volumes.values()) + sum(containers.values()) > sum(map(value, limits.values())):
        total = next(iter(limits.values())) if len(limits) == 1 else str(sum(map(value, limits.values())))
        text = f"Pod ephemeral local storage usage exceeds the total limit of containers {total}. "
        return Exceeded("ephemeralpodfs.limit", text)
    for name, limit in limits.items():
        if containers.get(name, 0) > value(limit):
            text = f'Container {name} exceeded its local ephemeral storage limit "{limit}". '
            return Exceeded("ephemeralcontainerfs.limit", text)
    return None


def _volume_limits(pod: Pod) -> dict[str, str]:
    names = set(on_disk(pod))
    return {
        each.name: each.empty_dir.size_limit
        for each in pod.spec.volumes
        if each.name in names and each.empty_dir is not None and each.empty_dir.size_limit
    }


def _container_limits(pod: Pod) -> dict[str, str]:
    return {
        each.name: each.resources.limits[STORAGE]
        for each in pod.spec.containers
        if each.resources and STORAGE in each.resources.limits
    }
