"""Starting: a Pod's sandbox, and one container in it. Each failure has upstream's reason, message and event."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kybern.api.types.core_v1 import Container, Pod
from kybern.base.clock import Clock
from kybern.base.errors import KybernError
from kybern.kubelet.attention import to_the_end
from kybern.kubelet.cgroups import Cgroups
from kybern.kubelet.counters import STARTED_PODS, STARTED_PODS_ERRORS, Counters
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.decide import StartContainer
from kybern.kubelet.events import PodEvents
from kybern.kubelet.images import ANNOUNCE_SECONDS, RETRY_SECONDS, ImageFailed, Images, with_default_tag
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.lifecycle import HookFailed, run_hook
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.pod_spec import Kind
from kybern.kubelet.ports import ConfigNotReady, ContainerPlace, Environment, EventSink, MountedVolume, VolumeManager
from kybern.kubelet.runtime.views import ContainerState
from kybern.kubelet.volumes.image import ImageMounts
from kybern.kubelet.volumes.payload import VolumeError

CONFIG_ERROR = "CreateContainerConfigError"


class StartFailed(KybernError):
    """`reason` and `message` are those of the waiting state (of the container, or of the Pod's containers)."""

    def __init__(self, reason: str, message: str, retry_seconds: float = RETRY_SECONDS) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_seconds = retry_seconds


@dataclass(frozen=True)
class Parts:
    """What all Pods of the node share."""

    config: KubeletConfig
    runtime: Runtime
    clock: Clock
    sink: EventSink
    images: Images
    environment: Environment
    volumes: VolumeManager
    image_mounts: ImageMounts
    cgroups: Cgroups
    counters: Counters


async def create_sandbox(parts: Parts, pod: Pod, attempt: int, events: PodEvents) -> str:
    """Make the Pod's cgroup and sandbox; the sandbox's id. Raises StartFailed."""
    parts.counters.add(STARTED_PODS)
    try:
        config = await _sandbox_config(parts, pod, attempt)
        parts.config.logs_of(pod.metadata.namespace, pod.metadata.name, pod.metadata.uid).mkdir(
            parents=True, exist_ok=True
        )
        handler = await parts.environment.handler(pod)
        return await to_the_end(parts.runtime.run_sandbox(config, handler=handler))
    except (RuntimeFailed, ConfigNotReady, OSError) as error:
        parts.counters.add(STARTED_PODS_ERRORS)
        text = error.rpc_text if isinstance(error, RuntimeFailed) else str(error)
        events.warning("FailedCreatePodSandBox", f"Failed to create pod sandbox: {text}")
        raise StartFailed("CreatePodSandboxError", f"Failed to create pod sandbox: {text}") from error


async def _sandbox_config(parts: Parts, pod: Pod, attempt: int) -> Mapping[str, Any]:
    parent = await asyncio.to_thread(parts.cgroups.ensure, pod) if parts.config.cgroups_per_qos else ""
    return await parts.environment.sandbox(pod, attempt, parent)


async def start_container(
    parts: Parts,
    pod: Pod,
    observed: PodRuntime,
    action: StartContainer,
    volumes: Mapping[str, MountedVolume],
    events: PodEvents,
) -> str:
    """Pull, create, start, run the postStart hook; the container's id. Raises StartFailed."""
    sandbox = observed.sandbox
    assert sandbox is not None, "a container is started in a sandbox that is there"
    container, name = action.container, action.container.name
    pod_config = await _sandbox_config(parts, pod, sandbox.attempt)
    try:
        await _mount_images(parts, pod, container, volumes, events, pod_config)
        image = await parts.images.ensure(pod, container, events, pod_config)
    except ImageFailed as error:
        raise StartFailed(error.reason, error.message, error.retry_seconds) from error
    parent = parts.cgroups.parent(pod) if parts.config.cgroups_per_qos else ""
    features = await parts.runtime.features()
    try:
        target = target_of(pod, action, observed)
        place = ContainerPlace(
            sandbox, image, volumes, action.restart_count, parent, target, features.recursive_read_only
        )
        config = await parts.environment.build(pod, container, place)
    except ConfigNotReady as error:
        events.warning("Failed", f"Error: {error}", name)
        raise StartFailed(CONFIG_ERROR, str(error)) from error
    id = await to_the_end(_run(parts, sandbox.id, config, pod_config, events, name))
    link_log(parts.config, pod, name, id, action.restart_count)
    await _post_start(parts, pod, container, id, observed.ips[0] if observed.ips else pod.status.pod_ip, events)
    return id


async def _mount_images(
    parts: Parts,
    pod: Pod,
    container: Container,
    volumes: Mapping[str, MountedVolume],
    events: PodEvents,
    sandbox: Mapping[str, Any],
) -> None:
    """Pull and mount the images that the container has as volumes. Raises ImageFailed, StartFailed."""
    for mount in container.volume_mounts:
        volume = volumes.get(mount.name)
        if volume is None or volume.image is None:
            continue
        wanted = Container(image=volume.image.reference, image_pull_policy=volume.image.pull_policy)
        await parts.images.ensure(pod, wanted, events, sandbox)
        try:
            await parts.image_mounts.mount(with_default_tag(wanted.image), Path(volume.path))
        except (VolumeError, OSError) as error:
            events.warning("Failed", f"Error: {error}", container.name)
            raise StartFailed("CreateContainerError", str(error)) from error


def target_of(pod: Pod, action: StartContainer, observed: PodRuntime) -> str:
    """The container whose processes an ephemeral one is to see; "" for none. Raises ConfigNotReady."""
    name = next(
        (each.target_container_name for each in pod.spec.ephemeral_containers if each.name == action.container.name), ""
    )
    if action.kind is not Kind.EPHEMERAL or not name:
        return ""
    target = observed.active(name)
    if target is None:
        raise ConfigNotReady(f'unable to find target container "{name}"')
    if target.state is not ContainerState.RUNNING:
        raise ConfigNotReady(f'target container "{name}" is not running')
    return target.id


async def _run(
    parts: Parts,
    sandbox: str,
    config: Mapping[str, Any],
    pod_config: Mapping[str, Any],
    events: PodEvents,
    name: str,
) -> str:
    try:
        id = await parts.runtime.create_container(sandbox, config, pod_config)
    except RuntimeFailed as error:
        events.warning("Failed", f"Error: {error.message}", name)
        raise StartFailed("CreateContainerError", error.message) from error
    events.normal("Created", "Container created", name)
    await _start(parts, id, events, name)
    return id


async def _start(parts: Parts, id: str, events: PodEvents, name: str) -> None:
    try:
        await parts.runtime.start_container(id)
    except RuntimeFailed as error:
        events.warning("Failed", f"Error: {error.message}", name)
        raise StartFailed("RunContainerError", error.message, ANNOUNCE_SECONDS) from error
    events.normal("Started", "Container started", name)


async def _post_start(parts: Parts, pod: Pod, container: Container, id: str, ip: str, events: PodEvents) -> None:
    if container.lifecycle is None or container.lifecycle.post_start is None:
        return
    try:
        await run_hook(parts.runtime, container.lifecycle.post_start, pod, container, id, ip)
    except HookFailed as error:
        events.warning("FailedPostStartHook", "PostStartHook failed", container.name)
        events.normal("Killing", "FailedPostStartHook", container.name)
        await parts.runtime.stop_container(id, 2)
        raise StartFailed("PostStartHookError", str(error), ANNOUNCE_SECONDS) from error


def link_log(config: KubeletConfig, pod: Pod, name: str, id: str, restart_count: int) -> None:
    """`/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log`, for log shippers that look there."""
    directory = config.container_logs_directory
    if directory is None:
        return
    meta = pod.metadata
    link = directory / f"{meta.name}_{meta.namespace}_{name}-{id}.log"
    directory.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(config.logs_of(meta.namespace, meta.name, meta.uid) / name / f"{restart_count}.log")
