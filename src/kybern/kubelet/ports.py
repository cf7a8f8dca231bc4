"""What the core of the kubelet needs from its other parts, as narrow as it can be said."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from kybern.api.types.core_v1 import Container, ImageVolumeSource, Pod
from kybern.base.errors import KybernError
from kybern.kubelet.runtime.views import Auth, Image, Sandbox


class ProbeKind(StrEnum):
    LIVENESS = "liveness"
    READINESS = "readiness"
    STARTUP = "startup"


class ProbeResults(Protocol):
    """What the probes of a container have found so far."""

    def result(self, kind: ProbeKind, container_id: str) -> bool | None:
        """True: success; False: failed as often as `failureThreshold` says; None: not known (yet)."""
        ...


class VolumesNotReady(KybernError):
    """A volume cannot be mounted now. `message` is for the event FailedMount."""


@dataclass(frozen=True, slots=True)
class MountedVolume:
    """A volume that is ready on the node."""

    path: str
    read_only: bool = False
    """Whatever a mount of it says."""
    is_block: bool = False
    """A device and no file system."""
    image: ImageVolumeSource | None = None
    """What is to be mounted at the path, once it is pulled, before a container that mounts it starts."""


class VolumeManager(Protocol):
    """Owns the Pod's directory of volumes."""

    async def mount(self, pod: Pod) -> Mapping[str, MountedVolume]:
        """Make all volumes of the Pod ready, by their names. Raises VolumesNotReady."""
        ...

    async def refresh(self, pod: Pod) -> None:
        """Have the volumes of a running Pod follow what they are made of. Raises VolumesNotReady."""
        ...

    async def unmount(self, pod: Pod) -> None:
        """Take the volumes away, with the data of ephemeral ones. Idempotent. Raises VolumesNotReady."""
        ...

    async def forget(self, pod: Pod) -> None:
        """Take all of the Pod away: nothing is asked about it any more. Idempotent. Raises VolumesNotReady."""
        ...


class ConfigNotReady(KybernError):
    """A container's configuration cannot be made. Its message becomes that of CreateContainerConfigError."""


@dataclass(frozen=True, slots=True)
class ContainerPlace:
    """Where a container is going to live."""

    sandbox: Sandbox
    image: Image
    volumes: Mapping[str, MountedVolume]
    restart_count: int
    cgroup_parent: str
    target_id: str = ""
    """The container whose processes an ephemeral one is to see."""
    recursive_read_only: bool = False
    """Whether the runtime can make all of a mount read-only."""


class Environment(Protocol):
    """Makes the CRI's configurations from a Pod."""

    async def sandbox(self, pod: Pod, attempt: int, cgroup_parent: str) -> Mapping[str, Any]:
        """A `PodSandboxConfig`. Raises ConfigNotReady."""
        ...

    async def handler(self, pod: Pod) -> str:
        """The runtime's handler for the Pod; "" for the default. Raises ConfigNotReady."""
        ...

    async def build(self, pod: Pod, container: Container, place: ContainerPlace) -> Mapping[str, Any]:
        """A `ContainerConfig`. Raises ConfigNotReady."""
        ...


class PullSecrets(Protocol):
    """Credentials for images."""

    async def credentials(self, pod: Pod, image: str) -> list[Auth]:
        """What to try, in order; empty for an anonymous pull."""
        ...


class EventSink(Protocol):
    """Takes events about objects; `kybern.client.events.EventRecorder` is one."""

    def event(self, subject: Any, type: str, reason: str, message: str) -> None:
        """Never blocks, never fails. `subject` is an object or an ObjectReference."""
        ...
