"""The volumes of a Pod on this node: emptyDir (disk, or memory with a size), hostPath with its types, and those made of
files: ConfigMap, Secret, downward API, projected."""

import asyncio
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from kybern.api.quantity import value
from kybern.api.types.core_v1 import EmptyDirVolumeSource, HostPathVolumeSource, Pod, Volume
from kybern.base.errors import StatusError, Unreachable
from kybern.kubelet.config.downward import Node
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.ports import VolumesNotReady
from kybern.kubelet.qos import pod_resources
from kybern.kubelet.references import References
from kybern.kubelet.volumes import atomic_writer
from kybern.kubelet.volumes.payload import Objects, VolumeError, volume_payload

UNMOUNT_TRIES = 3

_CHECKS: Mapping[str, tuple[str, Callable[[int], bool]]] = {
    "Directory": ("directory", stat.S_ISDIR),
    "DirectoryOrCreate": ("directory", stat.S_ISDIR),
    "File": ("file", stat.S_ISREG),
    "FileOrCreate": ("file", stat.S_ISREG),
    "Socket": ("socket", stat.S_ISSOCK),
    "CharDevice": ("character device", stat.S_ISCHR),
    "BlockDevice": ("block device", stat.S_ISBLK),
}


class LocalVolumes:
    """The kubelet's VolumeManager."""

    def __init__(self, config: KubeletConfig, references: References, node: Callable[[], Node]) -> None:
        self._config = config
        self._references = references
        self._node = node

    async def mount(self, pod: Pod) -> Mapping[str, str]:
        """See VolumeManager.mount."""
        objects = await self._objects(pod)
        return {volume.name: await self._mount(pod, volume, objects) for volume in pod.spec.volumes}

    async def refresh(self, pod: Pod) -> None:
        """Have the files of a running Pod follow what they are made of. Raises VolumesNotReady."""
        if any(is_made_of_files(volume) for volume in pod.spec.volumes):
            objects = await self._objects(pod)
            for volume in filter(is_made_of_files, pod.spec.volumes):
                await self._mount(pod, volume, objects)

    async def unmount(self, pod: Pod) -> None:
        """See VolumeManager.unmount. Raises VolumesNotReady when a mount would not go."""
        directory = self._config.pod_directory(pod.metadata.uid)
        for _ in range(UNMOUNT_TRIES):
            mounted = mounts_below(directory)
            if not mounted:
                break
            for point in mounted:
                await _run("umount", str(point))
        if mounts_below(directory):
            raise VolumesNotReady(f"volumes of pod {pod.metadata.uid} are still mounted")
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
        self._references.forget(pod.metadata.uid)

    async def _objects(self, pod: Pod) -> Objects:
        if not any(is_made_of_files(volume) for volume in pod.spec.volumes):
            return Objects()
        try:
            return await self._references.objects(pod)
        except (StatusError, Unreachable) as error:
            raise VolumesNotReady(f"what the volumes are made of cannot be read: {error}") from error

    async def _mount(self, pod: Pod, volume: Volume, objects: Objects) -> str:
        if volume.host_path is not None:
            return check_host_path(volume.name, volume.host_path)
        if volume.empty_dir is not None:
            return await self._empty_dir(pod, volume.name, volume.empty_dir)
        if is_made_of_files(volume):
            return await self._files(pod, volume, objects)
        raise VolumesNotReady(f'MountVolume.SetUp failed for volume "{volume.name}" : no plugin for it on this node')

    async def _files(self, pod: Pod, volume: Volume, objects: Objects) -> str:
        context = pod.spec.security_context
        group = context.fs_group if context else None
        path = self._config.pod_directory(pod.metadata.uid) / "volumes" / "kubernetes.io~files" / volume.name
        try:
            payload = volume_payload(pod, volume, objects, self._node()) or {}
            await asyncio.to_thread(atomic_writer.write, path, payload, group=group)
        except (VolumeError, OSError) as error:
            raise VolumesNotReady(f'MountVolume.SetUp failed for volume "{volume.name}" : {error}') from error
        return str(path)

    async def _empty_dir(self, pod: Pod, name: str, source: EmptyDirVolumeSource) -> str:
        path = self._config.pod_directory(pod.metadata.uid) / "volumes" / "kubernetes.io~empty-dir" / name
        if not path.exists():
            path.mkdir(parents=True)
            path.chmod(0o777)
        if source.medium == "Memory" and path not in mounts_below(path):
            sizes = [value(source.size_limit) if source.size_limit else 0, pod_resources(pod, True).get("memory") or 0]
            size = min((size for size in sizes if size), default=0)
            options = f"mode=0777,size={size}" if size else "mode=0777"
            error = await _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path))
            if error:
                raise VolumesNotReady(f'MountVolume.SetUp failed for volume "{name}" : {error}')
        return str(path)


def is_made_of_files(volume: Volume) -> bool:
    """ConfigMap, Secret, downward API and projected volumes."""
    sources = (volume.config_map, volume.secret, volume.downward_api, volume.projected)
    return any(source is not None for source in sources)


def check_host_path(name: str, source: HostPathVolumeSource) -> str:
    """The path, made or checked as its type says. Raises VolumesNotReady."""
    path = Path(source.path)
    if source.type == "DirectoryOrCreate" and not path.exists():
        path.mkdir(parents=True, mode=0o755)
    if source.type == "FileOrCreate" and not path.exists() and path.parent.is_dir():
        path.touch(mode=0o644)
    if not source.type:
        return source.path
    word, is_kind = _CHECKS.get(source.type, ("known type", lambda mode: False))
    if not path.exists() or not is_kind(path.stat().st_mode):
        text = f"hostPath type check failed: {source.path} is not a {word}"
        raise VolumesNotReady(f'MountVolume.SetUp failed for volume "{name}" : {text}')
    return source.path


def mounts_below(directory: Path) -> list[Path]:
    """Mount points at or below `directory`, the newest first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    decoded = [point.encode().decode("unicode_escape") for point in points]
    inside = (point for point in decoded if point == str(directory) or point.startswith(f"{directory}/"))
    return [Path(point) for point in reversed(list(inside))]


async def _run(*command: str) -> str:
    """What a failing command said; "" for one that did not fail."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode(errors="replace").strip() if process.returncode else ""
