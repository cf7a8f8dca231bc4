"""The volumes of a Pod on this node: what each kind is, made ready and taken away again."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from kybern.api.quantity import value
from kybern.api.types.core_v1 import EmptyDirVolumeSource, NFSVolumeSource, Pod, Volume
from kybern.base.errors import StatusError, Unreachable
from kybern.kubelet.config.downward import Node
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.ports import MountedVolume, VolumesNotReady
from kybern.kubelet.qos import pod_resources
from kybern.kubelet.references import References
from kybern.kubelet.volumes import kernel
from kybern.kubelet.volumes.claims import ClaimError, Claims, Source
from kybern.kubelet.volumes.files import OPEN_MODE, is_made_of_files, write_files
from kybern.kubelet.volumes.host_path import check_host_path
from kybern.kubelet.volumes.image import ImageMounts
from kybern.kubelet.volumes.ownership import give_to_group
from kybern.kubelet.volumes.payload import Objects, VolumeError

UNMOUNT_TRIES = 3
UNMOUNTABLE = ("volumes", "volume-subpaths")
"""What of the Pod's directory goes with its volumes; its containers' last words stay as long as the Pod."""
EMPTY_DIR, NFS, IMAGE = "kubernetes.io~empty-dir", "kubernetes.io~nfs", "kubernetes.io~image"


class LocalVolumes:
    """The kubelet's VolumeManager."""

    def __init__(
        self,
        config: KubeletConfig,
        references: References,
        claims: Claims,
        node: Callable[[], Node],
        images: ImageMounts,
    ) -> None:
        self._config = config
        self._images = images
        self._references = references
        self._claims = claims
        self._node = node

    async def mount(self, pod: Pod) -> Mapping[str, MountedVolume]:
        """See VolumeManager.mount."""
        objects = await self._objects(pod, fresh=True)
        return {volume.name: await self._mount(pod, volume, objects) for volume in pod.spec.volumes}

    async def refresh(self, pod: Pod) -> None:
        """Have the files of a running Pod follow what they are made of. Raises VolumesNotReady."""
        made_of_files = [volume for volume in pod.spec.volumes if is_made_of_files(volume)]
        if made_of_files and self._volumes_of(pod).exists():
            objects = await self._objects(pod, fresh=False)
            for volume in made_of_files:
                await self._files(pod, volume, objects)

    async def unmount(self, pod: Pod) -> None:
        """See VolumeManager.unmount. Raises VolumesNotReady when a mount would not go."""
        directory = self._config.pod_directory(pod.metadata.uid)
        for _ in range(UNMOUNT_TRIES):
            for point in kernel.mounts_below(directory):
                try:
                    kernel.unmount(point)
                except OSError as error:
                    raise VolumesNotReady(f"volume of pod {pod.metadata.uid} cannot be unmounted: {error}") from error
        for view in (directory / "volumes" / IMAGE).glob("*"):
            await self._images.forget(view)
        for name in UNMOUNTABLE:
            await asyncio.to_thread(shutil.rmtree, directory / name, ignore_errors=True)
        self._references.forget(pod.metadata.uid)

    async def forget(self, pod: Pod) -> None:
        """See VolumeManager.forget."""
        await self.unmount(pod)
        directory = self._config.pod_directory(pod.metadata.uid)
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    def _volumes_of(self, pod: Pod) -> Path:
        return self._config.pod_directory(pod.metadata.uid) / "volumes"

    async def _objects(self, pod: Pod, *, fresh: bool) -> Objects:
        if not any(is_made_of_files(volume) for volume in pod.spec.volumes):
            return Objects()
        try:
            return await self._references.objects(pod, fresh=fresh)
        except (StatusError, Unreachable) as error:
            raise VolumesNotReady(f"what the volumes are made of cannot be read: {error}") from error

    async def _mount(self, pod: Pod, volume: Volume, objects: Objects) -> MountedVolume:
        if volume.empty_dir is not None:
            return await self._empty_dir(pod, volume.name, volume.empty_dir)
        if is_made_of_files(volume):
            return await self._files(pod, volume, objects)
        if volume.image is not None:
            path = self._volumes_of(pod) / IMAGE / volume.name
            return MountedVolume(str(path), read_only=True, image=volume.image)
        try:
            source = await self._claims.source(pod, volume)
        except ClaimError as error:
            names = (
                f"unmounted volumes=[{volume.name}], unattached volumes=[], failed to process volumes=[{volume.name}]"
            )
            raise VolumesNotReady(f"Unable to attach or mount volumes: {names}: {error}") from error
        try:
            return await self._source(pod, volume, source)
        except (VolumeError, OSError) as error:
            raise _set_up_failed(source.name, error) from error

    async def _source(self, pod: Pod, volume: Volume, source: Source) -> MountedVolume:
        if source.is_block:
            return await asyncio.to_thread(_device, source)
        if source.host_path is not None:
            return MountedVolume(check_host_path(source.host_path), source.read_only)
        if source.local_path:
            return await asyncio.to_thread(_local, pod, source)
        if source.nfs is not None:
            return await self._nfs(pod, volume, source, source.nfs)
        if source.csi_driver:
            raise VolumeError(
                "kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: "
                f"driver name {source.csi_driver} not found in the list of registered CSI drivers"
            )
        if source.kind == "gitRepo":
            raise VolumeError("git-repo volume plugin has been disabled")
        raise VolumeError("no volume plugin matched")

    async def _nfs(self, pod: Pod, volume: Volume, source: Source, nfs: NFSVolumeSource) -> MountedVolume:
        target = self._volumes_of(pod) / NFS / volume.name
        target.mkdir(parents=True, exist_ok=True)
        if not target.is_mount():
            options = [*source.mount_options, *(["ro"] if source.read_only or nfs.read_only else [])]
            words = ["-t", "nfs", *(["-o", ",".join(options)] if options else []), f"{nfs.server}:{nfs.path}"]
            code, output = await _run("mount", *words, str(target))
            if code:
                arguments = " ".join([*words, str(target)])
                text = f"Mounting command: mount\nMounting arguments: {arguments}\nOutput: {output}\n"
                raise VolumeError(f"mount failed: exit status {code}\n{text}")
        return MountedVolume(str(target), source.read_only or bool(nfs.read_only))

    async def _files(self, pod: Pod, volume: Volume, objects: Objects) -> MountedVolume:
        try:
            path = await asyncio.to_thread(write_files, self._volumes_of(pod), pod, volume, objects, self._node())
        except (VolumeError, OSError) as error:
            raise _set_up_failed(volume.name, error) from error
        return MountedVolume(str(path), read_only=True)

    async def _empty_dir(self, pod: Pod, name: str, source: EmptyDirVolumeSource) -> MountedVolume:
        path = self._volumes_of(pod) / EMPTY_DIR / name
        is_new = not path.exists()
        if is_new:
            path.mkdir(parents=True)
            path.chmod(OPEN_MODE)
        try:
            if source.medium == "Memory" and not path.is_mount():
                kernel.mount_tmpfs(path, size_bytes=_tmpfs_size(pod, source, self._node()))
            elif source.medium.startswith("HugePages"):
                raise VolumeError(f"this node has no pages for the medium {source.medium}")
            if is_new:
                await asyncio.to_thread(give_to_group, pod, path, read_only=False)
        except (VolumeError, OSError) as error:
            raise _set_up_failed(name, error) from error
        return MountedVolume(str(path))


def _local(pod: Pod, source: Source) -> MountedVolume:
    path = Path(source.local_path)
    if not path.exists():
        name = f'MountVolume.NewMounter initialization failed for volume "{source.name}"'
        raise VolumesNotReady(f'{name} : path "{path}" does not exist')
    if not source.read_only and path.is_dir():
        give_to_group(pod, path, read_only=False, always=False)
    return MountedVolume(str(path), source.read_only)


def _device(source: Source) -> MountedVolume:
    path = source.local_path or (source.host_path.path if source.host_path else "")
    if not path or not Path(path).is_block_device():
        raise VolumesNotReady(f'MapVolume.SetUp failed for volume "{source.name}" : {path} is not a block device')
    return MountedVolume(path, source.read_only, is_block=True)


def _set_up_failed(name: str, error: Exception) -> VolumesNotReady:
    return VolumesNotReady(f'MountVolume.SetUp failed for volume "{name}" : {error}')


def _tmpfs_size(pod: Pod, source: EmptyDirVolumeSource, node: Node) -> int:
    """The smallest of the volume's limit, the Pod's memory limit and the node's memory; 0 where none is known."""
    allocatable = node.allocatable.get("memory")
    sizes = [
        value(source.size_limit) if source.size_limit else 0,
        pod_resources(pod, limits=True).get("memory") or 0,
        value(allocatable) if allocatable else 0,
    ]
    return min((size for size in sizes if size), default=0)


async def _run(*command: str) -> tuple[int, str]:
    """Exit code and output of a command."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace").strip()
