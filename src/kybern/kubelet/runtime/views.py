"""What the runtime answers, as plain values: no protobuf object gets past `kubelet/cri.py`.

Times are nanoseconds since the epoch, 0 where it has not happened.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Self


class ContainerState(IntEnum):
    CREATED = 0
    RUNNING = 1
    EXITED = 2
    UNKNOWN = 3


class SandboxState(IntEnum):
    READY = 0
    NOT_READY = 1


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One sandbox of a list."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    ready: bool
    created_at_ns: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    ips: tuple[str, ...] = ()
    """The Pod's addresses, the first one primary; empty with the node's own network, and in a list."""
    host_network: bool = False

    @classmethod
    def of(cls, answer: Any) -> Self:
        """From a `PodSandbox` or a `PodSandboxStatus`."""
        network = getattr(answer, "network", None)
        linux = getattr(answer, "linux", None)
        ips = (network.ip, *(other.ip for other in network.additional_ips)) if network and network.ip else ()
        return cls(
            id=answer.id,
            name=answer.metadata.name,
            namespace=answer.metadata.namespace,
            uid=answer.metadata.uid,
            attempt=answer.metadata.attempt,
            ready=answer.state == SandboxState.READY,
            created_at_ns=answer.created_at,
            labels=dict(answer.labels),
            annotations=dict(answer.annotations),
            ips=ips,
            host_network=bool(linux and linux.namespaces.options.network == NODE_NAMESPACE),
        )


NODE_NAMESPACE = 2
"""CRI's NamespaceMode NODE."""


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """One container of a list."""

    id: str
    sandbox: str
    name: str
    attempt: int
    state: ContainerState
    created_at_ns: int
    labels: Mapping[str, str]
    image: str = ""
    """The image's id, or a reference to it."""

    @classmethod
    def of(cls, answer: Any) -> Self:
        return cls(
            id=answer.id,
            sandbox=answer.pod_sandbox_id,
            name=answer.metadata.name,
            attempt=answer.metadata.attempt,
            state=ContainerState(answer.state),
            created_at_ns=answer.created_at,
            labels=dict(answer.labels),
            image=answer.image_id or answer.image_ref,
        )


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """One container as the runtime sees it."""

    id: str
    name: str
    attempt: int
    state: ContainerState
    created_at_ns: int
    started_at_ns: int
    finished_at_ns: int
    exit_code: int
    image: str
    image_id: str
    reason: str
    message: str
    log_path: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    """Path on the node by path in the container."""
    user: tuple[int, int, tuple[int, ...]] | None = None
    """uid, gid and supplementary groups of the first process, where the runtime tells."""

    @classmethod
    def of(cls, answer: Any) -> Self:
        linux = answer.user.linux
        return cls(
            id=answer.id,
            name=answer.metadata.name,
            attempt=answer.metadata.attempt,
            state=ContainerState(answer.state),
            created_at_ns=answer.created_at,
            started_at_ns=answer.started_at,
            finished_at_ns=answer.finished_at,
            exit_code=answer.exit_code,
            image=answer.image.user_specified_image or answer.image.image,
            image_id=answer.image_id or answer.image_ref,
            reason=answer.reason,
            message=answer.message,
            log_path=answer.log_path,
            labels=dict(answer.labels),
            annotations=dict(answer.annotations),
            mounts={mount.container_path: mount.host_path for mount in answer.mounts},
            user=(linux.uid, linux.gid, tuple(linux.supplemental_groups)) if answer.user.HasField("linux") else None,
        )


@dataclass(frozen=True, slots=True)
class RuntimeEvent:
    """Something happened to a container or a sandbox."""

    id: str
    is_end: bool
    """Its first process has ended."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image of the node."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size_bytes: int
    uid: int | None
    """The user that the image wants to run as, where it names a number."""
    username: str
    pinned: bool

    @classmethod
    def of(cls, answer: Any) -> Self:
        return cls(
            id=answer.id,
            tags=tuple(answer.repo_tags),
            digests=tuple(answer.repo_digests),
            size_bytes=answer.size,
            uid=answer.uid.value if answer.HasField("uid") else None,
            username=answer.username,
            pinned=answer.pinned,
        )


@dataclass(frozen=True, slots=True)
class ContainerStats:
    """What a container uses; None where the runtime does not tell."""

    id: str
    name: str
    labels: Mapping[str, str]
    timestamp_ns: int
    cpu_nanoseconds: int | None
    working_set_bytes: int | None
    usage_bytes: int | None
    rss_bytes: int | None
    writable_layer_bytes: int | None

    @classmethod
    def of(cls, answer: Any) -> Self:
        def value(part: Any, name: str) -> int | None:
            return getattr(part, name).value if part.HasField(name) else None

        return cls(
            id=answer.attributes.id,
            name=answer.attributes.metadata.name,
            labels=dict(answer.attributes.labels),
            timestamp_ns=answer.cpu.timestamp,
            cpu_nanoseconds=value(answer.cpu, "usage_core_nano_seconds"),
            working_set_bytes=value(answer.memory, "working_set_bytes"),
            usage_bytes=value(answer.memory, "usage_bytes"),
            rss_bytes=value(answer.memory, "rss_bytes"),
            writable_layer_bytes=value(answer.writable_layer, "used_bytes"),
        )


@dataclass(frozen=True, slots=True)
class ExecResult:
    """A command that ran to its end in a container."""

    exit_code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Auth:
    """Credentials for one registry."""

    username: str = ""
    password: str = ""
    auth: str = ""
    server_address: str = ""
    identity_token: str = ""
    registry_token: str = ""


@dataclass(frozen=True, slots=True)
class FilesystemUsage:
    mountpoint: str
    used_bytes: int
    inodes_used: int


@dataclass(frozen=True, slots=True)
class RuntimeCondition:
    """`RuntimeReady` and `NetworkReady`, as the runtime says them."""

    type: str
    status: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RuntimeFeatures:
    """What the default handler of the runtime can do."""

    recursive_read_only: bool = False
    user_namespaces: bool = False
    supplemental_groups_policy: bool = False
    snapshotter: str = ""
    """containerd's, that holds the files of its images; "" where the runtime is another."""

    @classmethod
    def of(cls, answer: Any) -> Self:
        """From a `StatusResponse`; what an older runtime does not tell of it cannot do."""
        handlers = [each.features for each in answer.runtime_handlers if not each.name]
        return cls(
            recursive_read_only=any(each.recursive_read_only_mounts for each in handlers),
            user_namespaces=any(each.user_namespaces for each in handlers),
            supplemental_groups_policy=answer.features.supplemental_groups_policy,
            snapshotter=_snapshotter(answer.info.get("config", "")),
        )


def _snapshotter(config: str) -> str:
    """From the JSON of its configuration that containerd tells when it is asked for more than the CRI's answer."""
    try:
        return str(json.loads(config)["containerd"]["snapshotter"])
    except (ValueError, KeyError, TypeError):
        return ""
