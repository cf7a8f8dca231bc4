"""The Node object's labels, capacity and conditions. Pure.

Source: https://kubernetes.io/docs/reference/node/node-status/ and upstream's kubelet for reasons and messages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kybern import KUBERNETES_VERSION
from kybern.api.types.core_v1 import (
    ContainerImage,
    DaemonEndpoint,
    NodeAddress,
    NodeCondition,
    NodeDaemonEndpoints,
    NodeFeatures,
    NodeRuntimeHandler,
    NodeRuntimeHandlerFeatures,
    NodeStatus,
    NodeSwapStatus,
    NodeSystemInfo,
)
from kybern.base.clock import format_time
from kybern.kubelet.eviction.thresholds import INODES, MEMORY, PIDS, STORAGE, Shortage, Thresholds, shortages
from kybern.kubelet.node.machine import Machine, Pressure
from kybern.kubelet.runtime.views import RuntimeFeatures

MAX_PODS = 110
IMAGES_LIMIT = 50
"""Images that the status lists, the largest first (`nodeStatusMaxImages`)."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the runtime says of itself; empty: it is well."""

    runtime_version: str
    """`containerd://1.6.20`."""
    problems: Sequence[str] = ()
    """`container runtime is down`, `container runtime network not ready: …`."""
    features: RuntimeFeatures = field(default_factory=RuntimeFeatures)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the node is called and where it is reached."""

    name: str
    addresses: Sequence[str]
    """InternalIPs."""
    port: int = 10250


def labels(identity: Identity, machine: Machine) -> dict[str, str]:
    """The labels that every kubelet sets on its node."""
    return {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": identity.name,
        "kubernetes.io/os": "linux",
    }


def capacity(machine: Machine) -> dict[str, str]:
    """All that the machine has."""
    return {
        "cpu": str(machine.cpus),
        "ephemeral-storage": f"{machine.disk_bytes >> 10}Ki",
        "memory": f"{machine.memory_bytes >> 10}Ki",
        "pods": str(MAX_PODS),
    }


def allocatable(machine: Machine, thresholds: Thresholds) -> dict[str, str]:
    """What Pods may ask for: the capacity without what must stay free."""
    disk = machine.disk_bytes - int(machine.disk_bytes * thresholds.disk_fraction)
    memory = max(machine.memory_bytes - thresholds.memory_bytes, 0)
    return capacity(machine) | {"ephemeral-storage": str(disk), "memory": f"{memory >> 10}Ki"}


def node_status(
    identity: Identity,
    machine: Machine,
    pressure: Pressure,
    health: Health,
    images: Sequence[ContainerImage],
    before: Sequence[NodeCondition],
    now: float,
    thresholds: Thresholds,
    advertised: Mapping[str, str],
) -> NodeStatus:
    """The whole status. Conditions that stay as they were in `before` keep their transition time; `advertised` is what
    others say that the node has."""
    named = [NodeAddress(type="InternalIP", address=address) for address in identity.addresses]
    listed = sorted(images, key=lambda image: (-(image.size_bytes or 0), image.names))
    return NodeStatus(
        addresses=[*named, NodeAddress(type="Hostname", address=identity.name)],
        capacity=capacity(machine),
        allocatable={**allocatable(machine, thresholds), **advertised},
        conditions=conditions(health, shortages(thresholds, machine, pressure), before, now),
        daemon_endpoints=NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=identity.port)),
        images=listed[:IMAGES_LIMIT],
        node_info=_info(machine, health),
        features=NodeFeatures(supplemental_groups_policy=health.features.supplemental_groups_policy),
        runtime_handlers=[_handler(health.features)] if health.features != RuntimeFeatures() else [],
    )


def _handler(features: RuntimeFeatures) -> NodeRuntimeHandler:
    """The default one."""
    return NodeRuntimeHandler(
        name="",
        features=NodeRuntimeHandlerFeatures(
            recursive_read_only_mounts=features.recursive_read_only, user_namespaces=features.user_namespaces
        ),
    )


def conditions(
    health: Health, short: Sequence[Shortage], before: Sequence[NodeCondition], now: float
) -> list[NodeCondition]:
    """MemoryPressure, DiskPressure, PIDPressure and Ready. `short`: what the node is short of."""
    lacking = {shortage.resource for shortage in short}
    short_of_memory, short_of_pids = MEMORY in lacking, PIDS in lacking
    short_of_disk = not lacking.isdisjoint((STORAGE, INODES))
    ready = (
        NodeCondition(type="Ready", status="False", reason="KubeletNotReady", message=", ".join(health.problems))
        if health.problems
        else NodeCondition(
            type="Ready", status="True", reason="KubeletReady", message="kubelet is posting ready status"
        )
    )
    found = [
        _pressure("MemoryPressure", short_of_memory, "Memory", "sufficient memory available", "insufficient memory"),
        _pressure("DiskPressure", short_of_disk, "Disk", "no disk pressure", "disk pressure"),
        _pressure("PIDPressure", short_of_pids, "PID", "sufficient PID available", "insufficient PID"),
        ready,
    ]
    return [_timed(condition, before, now) for condition in found]


_REASONS: Mapping[str, tuple[str, str]] = {
    "Memory": ("KubeletHasSufficientMemory", "KubeletHasInsufficientMemory"),
    "Disk": ("KubeletHasNoDiskPressure", "KubeletHasDiskPressure"),
    "PID": ("KubeletHasSufficientPID", "KubeletHasInsufficientPID"),
}


def _pressure(type_: str, short: bool, what: str, well: str, ill: str) -> NodeCondition:
    return NodeCondition(
        type=type_,
        status="True" if short else "False",
        reason=_REASONS[what][short],
        message=f"kubelet has {ill if short else well}",
    )


def _timed(condition: NodeCondition, before: Sequence[NodeCondition], now: float) -> NodeCondition:
    condition.last_heartbeat_time = condition.last_transition_time = format_time(now)
    for old in before:
        if (old.type, old.status) == (condition.type, condition.status) and old.last_transition_time:
            condition.last_transition_time = old.last_transition_time
    return condition


def same(left: NodeStatus, right: NodeStatus) -> bool:
    """Whether two statuses say the same, but for the time of the heartbeat."""
    return _without_heartbeat(left) == _without_heartbeat(right)


def _without_heartbeat(status: NodeStatus) -> tuple[object, ...]:
    spoken = [(each.type, each.status, each.reason, each.message) for each in status.conditions]
    own = (status.addresses, status.capacity, status.allocatable, status.images)
    return (spoken, *own, status.daemon_endpoints, status.node_info)


def _info(machine: Machine, health: Health) -> NodeSystemInfo:
    return NodeSystemInfo(
        machine_id=machine.machine_id,
        system_uuid=machine.system_uuid,
        boot_id=machine.boot_id,
        kernel_version=machine.kernel_version,
        os_image=machine.os_image,
        container_runtime_version=health.runtime_version,
        kubelet_version=KUBERNETES_VERSION,
        operating_system="linux",
        architecture=machine.architecture,
        swap=NodeSwapStatus(capacity=machine.swap_bytes) if machine.swap_bytes else None,
    )
