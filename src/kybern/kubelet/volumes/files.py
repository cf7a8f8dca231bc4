"""Volumes made of files: where they lie, and how they are brought up to date."""

from dataclasses import replace
from pathlib import Path

from kybern.api.types.core_v1 import Pod, Volume
from kybern.kubelet.config.downward import Node
from kybern.kubelet.volumes import atomic_writer, kernel
from kybern.kubelet.volumes.ownership import READ_ONLY, give_to_group
from kybern.kubelet.volumes.payload import Objects, volume_payload

_PLUGINS = {
    "config_map": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "downward_api": "kubernetes.io~downward-api",
    "projected": "kubernetes.io~projected",
}
ON_DISK = "kubernetes.io~configmap"
"""All others lie in memory: a secret is never written to a disk."""
OPEN_MODE = 0o777


def plugin_of(volume: Volume) -> str:
    """The directory of upstream's plugin; "" for a volume that is not made of files."""
    return next((name for field, name in _PLUGINS.items() if getattr(volume, field) is not None), "")


def is_made_of_files(volume: Volume) -> bool:
    """ConfigMap, Secret, downward API and projected volumes."""
    return bool(plugin_of(volume))


def write_files(volumes: Path, pod: Pod, volume: Volume, objects: Objects, node: Node) -> Path:
    """Have the volume below `volumes` show what it is made of; where it is. Raises VolumeError, OSError."""
    payload = volume_payload(pod, volume, objects, node) or {}
    plugin = plugin_of(volume)
    path = volumes / plugin / volume.name
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(OPEN_MODE)
    if plugin != ON_DISK and not path.is_mount():
        kernel.mount_tmpfs(path)
    context = pod.spec.security_context
    if context is not None and context.fs_group is not None:
        payload = {name: replace(file, mode=file.mode | READ_ONLY) for name, file in payload.items()}
    if atomic_writer.write(path, payload):
        give_to_group(pod, path, read_only=True)
    return path
