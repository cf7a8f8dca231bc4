"""Queueing hints: which events of the cluster may make which refused Pod schedulable."""

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from kybern.scheduler.shape import PodRequest

if TYPE_CHECKING:
    from kybern.scheduler.queue import Waiting


class EventKind(Enum):
    """What happened."""

    NODE_ADDED = "a node came"
    NODE_CHANGED = "a node's labels, taints or resources changed"
    POD_PLACED = "a Pod was placed"
    POD_GONE = "a placed Pod went away or needs less"
    NAMESPACE_CHANGED = "a namespace's labels changed"
    VOLUME_CHANGED = "a claim, volume or storage class changed"


class ClusterEvent(NamedTuple):
    kind: EventKind
    pod: PodRequest | None = None
    """The Pod that was placed or is gone."""


NODE_PLUGINS = frozenset(
    ("NodeUnschedulable", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit", "VolumeBinding")
)
TOPOLOGY_PLUGINS = frozenset(("PodTopologySpread", "InterPodAffinity"))
INTERESTS: Mapping[EventKind, frozenset[str]] = {
    EventKind.NODE_ADDED: NODE_PLUGINS | TOPOLOGY_PLUGINS,
    EventKind.NODE_CHANGED: NODE_PLUGINS | TOPOLOGY_PLUGINS,
    EventKind.POD_PLACED: TOPOLOGY_PLUGINS,
    EventKind.POD_GONE: frozenset(("NodeResourcesFit", "NodePorts")) | TOPOLOGY_PLUGINS,
    EventKind.NAMESPACE_CHANGED: frozenset(("InterPodAffinity",)),
    EventKind.VOLUME_CHANGED: frozenset(("VolumeBinding",)),
}


def may_help(event: ClusterEvent, waiting: "Waiting") -> bool:
    """Whether the event touches a filter that rejected the Pod. A Pod that no filter rejected (no nodes) always may."""
    plugins = waiting.plugins & INTERESTS[event.kind]
    if not waiting.plugins:
        return event.kind in (EventKind.NODE_ADDED, EventKind.NODE_CHANGED)
    if not plugins:
        return False
    if event.pod is None or plugins & TOPOLOGY_PLUGINS:
        return True
    if event.pod.key == waiting.request.key:
        return False
    return _frees(event.pod, waiting.request, plugins)


def _frees(gone: PodRequest, request: PodRequest, plugins: frozenset[str]) -> bool:
    """Whether what a Pod leaves behind is anything that the other one wants (a place among the Pods always is)."""
    if "NodeResourcesFit" in plugins:
        return True
    wanted = {(port.protocol, port.port) for port in request.shape.ports}
    return any((port.protocol, port.port) in wanted for port in gone.shape.ports)
