"""What the core of the kubelet needs from its other parts, as narrow as it can be said."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from kybern.api.types.core_v1 import Container, Pod
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


class NoProbeResults:
    """Before any probe ran."""

    def result(self, kind: ProbeKind, container_id: str) -> bool | None:
        return None


class VolumesNotReady(KybernError):
    """A volume cannot be mounted now. `message` is for the event FailedMount."""


class VolumeManager(Protocol):
    """Owns the Pod's directory of volumes."""

    async def mount(self, pod: Pod) -> Mapping[str, str]:
        """Make all volumes of the Pod ready; the path on the node by the volume's name. Raises VolumesNotReady."""
        ...

    async def unmount(self, pod: Pod) -> None:
        """Take everything of the Pod away, the data of ephemeral volumes too. Idempotent."""
        ...


class ConfigNotReady(KybernError):
    """A container's configuration cannot be made. Its message becomes that of CreateContainerConfigError."""


@dataclass(frozen=True, slots=True)
class ContainerPlace:
    """Where a container is going to live."""

    sandbox: Sandbox
    image: Image
    volumes: Mapping[str, str]
    restart_count: int
    cgroup_parent: str


class Environment(Protocol):
    """Makes the CRI's configurations from a Pod."""

    async def sandbox(self, pod: Pod, attempt: int, cgroup_parent: str) -> Mapping[str, Any]:
        """A `PodSandboxConfig`. Raises ConfigNotReady."""
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
