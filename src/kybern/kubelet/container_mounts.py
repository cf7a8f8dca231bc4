"""What is mounted into a container: its volumes, its /etc/hosts, the file for its last words."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kybern.api.types.core_v1 import Container, Pod, VolumeMount
from kybern.kubelet import hosts_file
from kybern.kubelet.config.expansion import expand
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.ports import ConfigNotReady, ContainerPlace, MountedVolume
from kybern.kubelet.volumes.sub_path import OutsideVolume, hold_sub_path

PROPAGATION = {"": 0, "None": 0, "HostToContainer": 1, "Bidirectional": 2}
"""CRI's MountPropagation."""


def container_mounts(
    config: KubeletConfig, pod: Pod, container: Container, place: ContainerPlace, variables: Mapping[str, str]
) -> list[dict[str, Any]]:
    """CRI's `Mount`s. Makes what is missing on the node. Raises ConfigNotReady."""
    mounts = []
    for index, mount in enumerate(container.volume_mounts):
        volume = place.volumes.get(mount.name)
        if volume is None:
            raise ConfigNotReady(f'cannot find volume "{mount.name}" to mount into container "{container.name}"')
        if volume.is_block:
            raise ConfigNotReady(f"volume {mount.name} has volumeMode Block, but is specified in volumeMounts")
        mounts.append(
            {
                "container_path": absolute(mount.mount_path),
                "host_path": _host_path(config, pod, container, index, volume, variables),
                "readonly": bool(mount.read_only) or volume.read_only,
                "propagation": PROPAGATION[mount.mount_propagation],
                "recursive_read_only": _is_recursive(mount, place),
            }
        )
    paths = {each["container_path"] for each in mounts}
    ips = place.sandbox.ips
    if hosts_file.PATH not in paths and (ips or pod.spec.host_network):
        path = hosts_file.write_hosts_file(config, pod, ips)
        mounts.append({"container_path": hosts_file.PATH, "host_path": str(path)})
    return [*mounts, *_termination_log(config, pod, container)]


def container_devices(container: Container, place: ContainerPlace) -> list[dict[str, str]]:
    """CRI's `Device`s: the block volumes. Raises ConfigNotReady."""
    devices = []
    for device in container.volume_devices:
        volume = place.volumes.get(device.name)
        if volume is None:
            raise ConfigNotReady(f'cannot find volume "{device.name}" to pass into container "{container.name}"')
        if not volume.is_block:
            raise ConfigNotReady(f"volume {device.name} has volumeMode Filesystem, but is specified in volumeDevices")
        path, permissions = device.device_path, "mr" if volume.read_only else "mrw"
        devices.append({"container_path": path, "host_path": volume.path, "permissions": permissions})
    return devices


def absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _host_path(
    config: KubeletConfig,
    pod: Pod,
    container: Container,
    index: int,
    volume: MountedVolume,
    variables: Mapping[str, str],
) -> str:
    mount = container.volume_mounts[index]
    sub_path = _sub_path(mount, variables)
    path = Path(volume.path)
    if not sub_path:
        if not path.exists():
            path.mkdir(parents=True)
        return volume.path
    held = config.pod_directory(pod.metadata.uid) / "volume-subpaths" / mount.name / container.name / str(index)
    verb = "prepare subPath" if (path / sub_path).exists() else "create subPath directory"
    try:
        hold_sub_path(path, sub_path, held)
    except (OSError, OutsideVolume) as error:
        text = f'failed to {verb} for volumeMount "{mount.name}" of container "{container.name}"'
        raise ConfigNotReady(text) from error
    return str(held)


def _sub_path(mount: VolumeMount, variables: Mapping[str, str]) -> str:
    """Raises ConfigNotReady for an expression with a name that is no variable of the container."""
    if not mount.sub_path_expr:
        return mount.sub_path
    text = expand(mount.sub_path_expr, variables)
    if "$(" in text.replace("$$(", ""):
        raise ConfigNotReady(f'failed to expand subPath for volumeMount "{mount.name}"')
    return text


def _is_recursive(mount: VolumeMount, place: ContainerPlace) -> bool:
    """Whether all below is read-only too (KEP-3857). Raises ConfigNotReady where the runtime cannot do it."""
    if mount.recursive_read_only == "IfPossible":
        return place.recursive_read_only
    if mount.recursive_read_only != "Enabled":
        return False
    if not place.recursive_read_only:
        raise ConfigNotReady(
            f'failed to resolve recursive read-only mode: volume "{mount.name}" requested recursive read-only mode, '
            "but it is not supported by the runtime"
        )
    return True


def _termination_log(config: KubeletConfig, pod: Pod, container: Container) -> list[dict[str, Any]]:
    """A file for the container's last words, new for every start."""
    if not container.termination_message_path:
        return []
    directory = config.pod_directory(pod.metadata.uid) / "containers" / container.name
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / secrets.token_hex(4)
    file.touch()
    file.chmod(0o666)
    return [{"container_path": absolute(container.termination_message_path), "host_path": str(file)}]
