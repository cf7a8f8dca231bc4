"""Node lifecycle: notices Nodes whose kubelet has gone silent, and taints what is not well.

A Node without a sign of life (a renewed Lease or a posted status) for the grace period gets conditions Unknown, its
Pods are no longer Ready, and taints keep new Pods away and evict old ones. Times count from when this loop saw a sign,
never from the Node's own clock: so a start of the controllers evicts nobody (pkg/controller/nodelifecycle).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from kybern.api.types import to_dict
from kybern.api.types.coordination_v1 import Lease
from kybern.api.types.core_v1 import Node, NodeCondition, ObjectReference, Pod, Taint
from kybern.base.clock import format_time, parse_time
from kybern.client.client import PatchType
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Notice, Outcome, Patch, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.controllers.node_taints import (
    Disruption,
    disruption,
    has_eviction,
    with_conditions,
    with_eviction,
    zone_of,
)
from kybern.controllers.nodes import NODE_INDEX, NOT_READY, UNREACHABLE, node_condition, node_index, node_is_ready
from kybern.controllers.pod_status import status_patch
from kybern.controllers.pods import condition
from kybern.trace import Verdict

NAME = "node-controller"
LEASES = "kube-node-lease"
LEAP_SECONDS = 1.0
"""Between two looks a time of day that nobody sets drifts by less."""

_SILENT = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
"""Conditions that only the kubelet knows; NetworkUnavailable is set by others."""
_LABELS = (
    ("kubernetes.io/os", "beta.kubernetes.io/os"),
    ("kubernetes.io/arch", "beta.kubernetes.io/arch"),
)
_UNREADY = "not ready"


def _of_lease(lease: Lease) -> tuple[Key, ...]:
    meta = lease.metadata
    return (Key("", meta.name),) if meta.namespace == LEASES else ()


WATCHES = (
    watch(Node)
    .also(Lease, lambda lease, cluster: _of_lease(lease))
    .also(
        Node,
        lambda node, cluster: [Key("", each.metadata.name) for each in cluster.by_index(Node, _UNREADY, "")],
        changed=lambda new, old: node_is_ready(new) != node_is_ready(old),
    )
    .indexed(Node, _UNREADY, lambda node: () if node_is_ready(node) else ("",))
    .indexed(Pod, NODE_INDEX, node_index)
)


@dataclass(frozen=True, slots=True)
class Config:
    grace_seconds: float = 50.0
    """Without a sign of life for so long a Node is unknown (--node-monitor-grace-period)."""
    startup_grace_seconds: float = 60.0
    """The same for a Node whose kubelet never posted a status (--node-startup-grace-period)."""


@dataclass(frozen=True, slots=True)
class Health:
    """The last signs of life of a Node."""

    uid: str
    renewed: str
    """The Lease's renewTime; "" without one."""
    heartbeat: str
    """The Ready condition's; "" without one."""
    seen: float
    """When either was last seen to move, in seconds since the epoch."""


def controller(config: Config | None = None) -> Controller:
    return Controller(NAME, WATCHES, NodeLifecycle(config or Config()).reconcile)


@dataclass(slots=True)
class NodeLifecycle:
    config: Config
    health: dict[str, Health] = field(default_factory=dict)
    next_eviction: dict[str, float] = field(default_factory=dict)
    """By zone: when the next Node may get a NoExecute taint."""
    ahead: float | None = None
    """How far the time of day is ahead of the clock that nobody sets."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Look at the Node's signs of life, write what follows, come back when its grace would end."""
        node, now = cluster.get(Node, key), cluster.now()
        self.follow_clock(now, cluster.monotonic())
        known = self.health.get(key.name)
        if node is None:
            if self.health.pop(key.name, None) is not None and known is not None:
                message = f"Node {key.name} event: Removing Node {key.name} from Controller"
                cluster.events.event(_reference(key.name, known.uid), "Normal", "RemovingNode", message)
            return Done()
        health = observe(known, node, cluster.get(Lease, Key(LEASES, key.name)), now)
        self.health[key.name] = health
        pods = [] if node_is_ready(node) and not _expired(node, health, now, self.config) else _pods(cluster, key.name)
        ill = Disruption() if node_is_ready(node) else disruption(node, cluster.list(Node))
        zone = zone_of(node)
        wait = max(0.0, self.next_eviction.get(zone, 0.0) - now)
        plan = decide(node, health, pods, now, self.config, ill=ill, wait=wait)
        if known is None or known.uid != health.uid:
            message = f"Node {key.name} event: Registered Node {key.name} in Controller"
            plan.events.append(Notice(_reference(key.name, health.uid), "Normal", "RegisteredNode", message))
        if adds_eviction(plan, node):
            self.next_eviction[zone] = now + 1 / ill.rate if ill.rate else now
        return await cluster.apply(plan) if plan.writes or plan.events else plan.outcome

    def follow_clock(self, now: float, monotonic: float) -> None:
        """When the time of day was set, or the machine slept, what was seen before is as long ago as it was then."""
        leap = now - monotonic - self.ahead if self.ahead is not None else 0.0
        self.ahead = now - monotonic
        if abs(leap) > LEAP_SECONDS:
            for name, each in self.health.items():
                self.health[name] = Health(each.uid, each.renewed, each.heartbeat, each.seen + leap)
            self.next_eviction = {zone: when + leap for zone, when in self.next_eviction.items()}


def observe(known: Health | None, node: Node, lease: Lease | None, now: float) -> Health:
    """Pure: what is known of the Node's life after this look. What is seen for the first time counts from now, but a
    Node that never gave a sign counts from its creation."""
    ready = node_condition(node, "Ready")
    renewed = lease.spec.renew_time if lease is not None else ""
    heartbeat = ready.last_heartbeat_time if ready is not None else ""
    if known is not None and known.uid == node.metadata.uid:
        if renewed in ("", known.renewed) and heartbeat == known.heartbeat:
            return known
        return Health(known.uid, renewed or known.renewed, heartbeat, now)
    silent = ready is None and lease is None and bool(node.metadata.creation_timestamp)
    seen = parse_time(node.metadata.creation_timestamp) if silent else now
    return Health(node.metadata.uid, renewed, heartbeat, seen)


def decide(
    node: Node, health: Health, pods: Sequence[Pod], now: float, config: Config, *, ill: Disruption, wait: float = 0.0
) -> Plan:
    """Pure: conditions, taints, labels and Pods' readiness to write. `pods`: those on the Node, needed only while it is
    not ready; `wait`: seconds until its zone may taint another Node."""
    plan = Plan(node)
    if _expired(node, health, now, config):
        unknown = _unknown_conditions(node, now)
        if unknown:
            _mark_unknown(plan, node, unknown, now - health.seen)
            _mark_pods(plan, pods, now)
            return plan  # The written status wakes the Node again; its taints follow from it then.
    else:
        plan.requeue(health.seen + _grace(node, config) - now)
    ready = node_condition(node, "Ready")
    if ready is not None and ready.status == "Unknown":
        _mark_pods(plan, pods, now)
    taints = with_conditions(node, now)
    taints = _evicting(plan, ready.status if ready is not None else "", taints, now, ill, wait)
    _patch_node(plan, node, taints)
    return plan


def adds_eviction(plan: Plan, node: Node) -> bool:
    """Whether the plan gives the Node its first NoExecute taint: such a one uses the zone's rate up."""
    planned = [each.patch.get("spec", {}).get("taints") or () for each in plan.patches if each.obj is node]
    keys = {each["key"] for taints in planned for each in taints if each["effect"] == "NoExecute"}
    return bool(keys & {NOT_READY, UNREACHABLE}) and not has_eviction(node.spec.taints, NOT_READY, UNREACHABLE)


def _evicting(plan: Plan, status: str, taints: list[Taint], now: float, ill: Disruption, wait: float) -> list[Taint]:
    """The taints with the NoExecute one of the Ready condition's status, if it may be set now."""
    key = {"False": NOT_READY, "Unknown": UNREACHABLE}.get(status, "")
    if not status or (key and has_eviction(taints, key) and not ill.everywhere):
        return taints
    if not key or ill.everywhere:
        if key:
            plan.decide(Verdict.WAITED, "FullDisruption", "no node is ready: evictions have stopped")
        return with_eviction(taints, "", now)
    if has_eviction(taints, NOT_READY, UNREACHABLE):
        return with_eviction(taints, key, now)
    if not ill.rate:
        plan.decide(Verdict.WAITED, "PartialDisruption", "too much of the zone is not ready: evictions have stopped")
        return taints
    if wait > 0:
        plan.requeue(wait)
        plan.decide(Verdict.WAITED, "EvictionRate", f"the zone may taint another node in {wait:.0f} s")
        return taints
    return with_eviction(taints, key, now)


def _patch_node(plan: Plan, node: Node, taints: list[Taint]) -> None:
    labels = {
        second: node.metadata.labels[first]
        for first, second in _LABELS
        if first in node.metadata.labels and node.metadata.labels.get(second) != node.metadata.labels[first]
    }
    patch: dict[str, Any] = {}
    if labels:
        patch["metadata"] = {"labels": labels}
    if taints != node.spec.taints:
        # The list is replaced as a whole: nothing that was not seen may be lost.
        patch.setdefault("metadata", {})["resourceVersion"] = node.metadata.resource_version
        patch["spec"] = {"taints": [to_dict(each) for each in taints] or None}
        keys = [f"{each.key}:{each.effect}" for each in taints]
        plan.decide(Verdict.ACTED, "Taints", "its conditions changed its taints", taints=keys)
    if patch:
        plan.patches.append(Patch(node, patch))


def _grace(node: Node, config: Config) -> float:
    return config.startup_grace_seconds if node_condition(node, "Ready") is None else config.grace_seconds


def _expired(node: Node, health: Health, now: float, config: Config) -> bool:
    return now >= health.seen + _grace(node, config)


def _unknown_conditions(node: Node, now: float) -> list[NodeCondition]:
    """The conditions that have to be written for a silent Node; none where they are Unknown already."""
    stamp = format_time(now)
    changed: list[NodeCondition] = []
    for type in _SILENT:
        old = node_condition(node, type)
        if old is None:
            changed.append(
                NodeCondition(
                    type=type,
                    status="Unknown",
                    reason="NodeStatusNeverUpdated",
                    message="Kubelet never posted node status.",
                    last_heartbeat_time=node.metadata.creation_timestamp,
                    last_transition_time=stamp,
                )
            )
        elif old.status != "Unknown":
            message = "Kubelet stopped posting node status."
            changed.append(
                replace(old, status="Unknown", reason="NodeStatusUnknown", message=message, last_transition_time=stamp)
            )
    return changed


def _mark_unknown(plan: Plan, node: Node, conditions: list[NodeCondition], silence: float) -> None:
    patch = {"metadata": {"uid": node.metadata.uid}, "status": {"conditions": [to_dict(each) for each in conditions]}}
    plan.patches.append(Patch(node, patch, PatchType.STRATEGIC, "status"))
    plan.decide(Verdict.ACTED, "NodeStatusUnknown", f"its kubelet has been silent for {silence:.0f} s")
    if node_is_ready(node):
        name = node.metadata.name
        message = f"Node {name} status is now: NodeNotReady"
        plan.events.append(Notice(_reference(name, node.metadata.uid), "Normal", "NodeNotReady", message))


def _mark_pods(plan: Plan, pods: Sequence[Pod], now: float) -> None:
    """No Pod of a silent Node is Ready: nobody knows."""
    for pod in pods:
        ready = condition(pod, "Ready")
        if ready is None or ready.status == "False":
            continue
        patch = status_patch(pod, now, replace(ready, status="False"))
        if patch is not None:
            plan.patches.append(patch)
            plan.events.append(Notice(pod, "Warning", "NodeNotReady", "Node is not ready"))


def _pods(cluster: Cluster, node_name: str) -> list[Pod]:
    return cluster.by_index(Pod, NODE_INDEX, node_name)


def _reference(name: str, uid: str) -> ObjectReference:
    return ObjectReference(api_version="v1", kind="Node", name=name, uid=uid)
