"""Queueing hints: which events of the cluster may make which refused Pod schedulable."""

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from kybern.scheduler.selectors import matches
from kybern.scheduler.shape import Group, PodRequest

if TYPE_CHECKING:
    from kybern.scheduler.queue import Waiting


class EventKind(Enum):
    """What happened."""

    NODE_ADDED = "a node came"
    NODE_CHANGED = "a node's labels, taints or resources changed"
    POD_PLACED = "a Pod was placed"
    POD_GONE = "a placed Pod went away or needs less"
    NOMINATION_GONE = "room is no longer kept for a Pod that waits"
    NAMESPACE_CHANGED = "a namespace's labels changed"
    VOLUME_CHANGED = "a claim, volume or storage class changed"


LABELS: Mapping[EventKind, str] = {
    EventKind.NODE_ADDED: "NodeAdd",
    EventKind.NODE_CHANGED: "NodeUpdate",
    EventKind.POD_PLACED: "AssignedPodAdd",
    EventKind.POD_GONE: "AssignedPodDelete",
    EventKind.NOMINATION_GONE: "AssignedPodDelete",
    EventKind.NAMESPACE_CHANGED: "NamespaceUpdate",
    EventKind.VOLUME_CHANGED: "PersistentVolumeClaimUpdate",
}
"""Names of events in metrics; upstream's, where it tells the same apart."""


class ClusterEvent(NamedTuple):
    kind: EventKind
    pod: PodRequest | None = None
    """The Pod that was placed, is gone, or has no room kept for it any more."""


NODE_PLUGINS = frozenset(
    ("NodeUnschedulable", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit", "VolumeBinding")
)
TOPOLOGY_PLUGINS = frozenset(("PodTopologySpread", "InterPodAffinity"))
INTERESTS: Mapping[EventKind, frozenset[str]] = {
    EventKind.NODE_ADDED: NODE_PLUGINS | TOPOLOGY_PLUGINS,
    EventKind.NODE_CHANGED: NODE_PLUGINS | TOPOLOGY_PLUGINS,
    EventKind.POD_PLACED: TOPOLOGY_PLUGINS,
    EventKind.POD_GONE: frozenset(("NodeResourcesFit", "NodePorts")) | TOPOLOGY_PLUGINS,
    EventKind.NOMINATION_GONE: frozenset(("NodeResourcesFit", "NodePorts")) | TOPOLOGY_PLUGINS,
    EventKind.NAMESPACE_CHANGED: frozenset(("InterPodAffinity",)),
    EventKind.VOLUME_CHANGED: frozenset(("VolumeBinding",)),
}


def concerns(kind: EventKind, plugins: frozenset[str]) -> bool:
    """Whether such events may help any Pod that these filters rejected. No filter: there was no node."""
    if not plugins:
        return kind in (EventKind.NODE_ADDED, EventKind.NODE_CHANGED)
    return not plugins.isdisjoint(INTERESTS[kind])


def may_help(event: ClusterEvent, waiting: "Waiting") -> bool:
    """Whether an event that concerns the filters which rejected the Pod may help it."""
    plugins = waiting.plugins & INTERESTS[event.kind]
    if event.pod is None:
        return True
    if event.kind is EventKind.POD_PLACED:
        return _counts(event.pod, waiting.request)
    if event.kind is EventKind.NOMINATION_GONE and waiting.request.priority > event.pod.priority:
        return False  # Nothing was kept from it: it ranks higher.
    if plugins & TOPOLOGY_PLUGINS:
        return True
    if event.pod.key == waiting.request.key:
        return False
    return _frees(event.pod, waiting.request, plugins)


def _counts(placed: PodRequest, request: PodRequest) -> bool:
    """Whether a rule of the waiting Pod (a required affinity, a hard spread) counts a Pod that was placed."""
    groups = [term.group for term in request.shape.affinity] + [each.group for each in request.shape.hard_spread]
    return any(_may_hold(group, placed) for group in groups)


def _may_hold(group: Group, pod: PodRequest) -> bool:
    """Whether a group holds a Pod; what only the labels of its namespace could tell is taken for true."""
    identity = pod.identity
    inside = group.namespace_selector is not None or identity.namespace in group.namespaces
    return inside and matches(group.selector, identity.label_map)


def _frees(gone: PodRequest, request: PodRequest, plugins: frozenset[str]) -> bool:
    """Whether what a Pod leaves behind is anything that the other one wants (a place among the Pods always is)."""
    if "NodeResourcesFit" in plugins:
        return True
    wanted = {(port.protocol, port.port) for port in request.shape.ports}
    return any((port.protocol, port.port) in wanted for port in gone.shape.ports)
