"""Which taints a Node's conditions ask for, and when evictions stop: pure rules of the node lifecycle.

NoSchedule taints mirror conditions at once. NoExecute taints, which evict, come at a limited rate in each zone, slower
where more than half of a zone fails, and not at all where no Node of the whole cluster is ready: then it is the
control plane that is cut off (pkg/controller/nodelifecycle).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kybern.api.types.core_v1 import Node, Taint
from kybern.base.clock import format_time
from kybern.controllers.nodes import NOT_READY, UNREACHABLE, node_condition, node_is_ready

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
BY_CONDITION = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
}

EVICTION_RATE = 0.1
"""Nodes per second and zone that get a NoExecute taint (--node-eviction-rate)."""
SECONDARY_RATE = 0.01
"""The same where a zone is partly disrupted (--secondary-node-eviction-rate)."""
LARGE_ZONE = 50
"""Smaller zones that are partly disrupted evict nothing (--large-cluster-size-threshold)."""
UNHEALTHY_SHARE = 0.55
"""From this share of unready Nodes, more than two, a zone is partly disrupted (--unhealthy-zone-threshold)."""

EXCLUDED = "node.kubernetes.io/exclude-disruption"

_OWN_NO_SCHEDULE = frozenset((*BY_CONDITION.values(), UNSCHEDULABLE))
_OWN_NO_EXECUTE = frozenset((NOT_READY, UNREACHABLE))


@dataclass(frozen=True, slots=True)
class Disruption:
    """How ill the cluster is, as one Node's zone sees it."""

    rate: float = EVICTION_RATE
    """Nodes per second of the zone that may get a NoExecute taint."""
    everywhere: bool = False
    """No Node is ready in any zone."""


def zone_of(node: Node) -> str:
    """Region and zone; "" where the Node names neither."""
    labels = node.metadata.labels
    parts = [
        labels.get(f"topology.kubernetes.io/{name}") or labels.get(f"failure-domain.beta.kubernetes.io/{name}", "")
        for name in ("region", "zone")
    ]
    return "/".join(parts) if any(parts) else ""


def disruption(node: Node, nodes: Iterable[Node]) -> Disruption:
    """The state of the Node's zone among all Nodes, those aside that never posted a status or are excluded."""
    counted = [
        (zone_of(each), node_is_ready(each))
        for each in nodes
        if EXCLUDED not in each.metadata.labels and node_condition(each, "Ready") is not None
    ]
    if not any(ready for _, ready in counted):
        return Disruption(0.0, everywhere=True)
    zone = zone_of(node)
    members = [ready for name, ready in counted if name == zone]
    unready = members.count(False)
    partly = unready > 2 and any(members) and unready / len(members) >= UNHEALTHY_SHARE
    if not partly:
        return Disruption()
    return Disruption(SECONDARY_RATE if len(members) > LARGE_ZONE else 0.0)


def with_conditions(node: Node, now: float) -> list[Taint]:
    """The Node's taints, with the NoSchedule ones that its conditions and spec.unschedulable ask for, no others."""
    wanted = {
        key: None for each in node.status.conditions if (key := BY_CONDITION.get((each.type, each.status))) is not None
    }
    if node.spec.unschedulable:
        wanted[UNSCHEDULABLE] = None
    return _swapped(node.spec.taints, "NoSchedule", _OWN_NO_SCHEDULE, wanted, now)


def with_eviction(taints: list[Taint], key: str, now: float) -> list[Taint]:
    """The taints with the NoExecute one of this key, "" for none: not-ready and unreachable exclude each other."""
    return _swapped(taints, "NoExecute", _OWN_NO_EXECUTE, (key,) if key else (), now)


def has_eviction(taints: Iterable[Taint], *keys: str) -> bool:
    """Whether one of these NoExecute taints is there."""
    return any(each.effect == "NoExecute" and each.key in keys for each in taints)


def _swapped(taints: list[Taint], effect: str, own: frozenset[str], wanted: Iterable[str], now: float) -> list[Taint]:
    keys = [*wanted]
    kept = [each for each in taints if each.effect != effect or each.key not in own or each.key in keys]
    present = {each.key for each in kept if each.effect == effect}
    added = [Taint(key=key, effect=effect, time_added=format_time(now)) for key in keys if key not in present]
    return kept + added
