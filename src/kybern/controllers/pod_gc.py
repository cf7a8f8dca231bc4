"""Pod garbage collector: removes Pods that no kubelet will ever finish, and finished ones beyond a threshold.

Four kinds (pkg/controller/podgc): bound to a Node that is gone; being deleted without ever having been bound; being
deleted on a Node that is out of service; the oldest finished ones when there are too many. Their end is forced.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kybern.api.types.core_v1 import Node, Pod, PodCondition
from kybern.base.errors import NotFound
from kybern.client.client import Client
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, key_of
from kybern.client.plan import Delete, Done, Outcome, Plan, Reasoned
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.controllers.nodes import NODE_INDEX, OUT_OF_SERVICE, node_index, node_is_ready
from kybern.controllers.pod_status import status_patch
from kybern.controllers.pods import is_terminal, is_terminating
from kybern.trace import Verdict

NAME = "pod-garbage-collector-controller"
QUARANTINE_SECONDS = 40.0
"""How long a Node has to be missing from the cache before the server is asked whether it is gone."""
TERMINATED_LIMIT = 12_500
"""Finished Pods of the cluster that may stay (upstream's --terminated-pod-gc-threshold)."""

_TERMINATED = "terminated"
_ALIVE = ("Pending", "Running", "Unknown")


def _relevant(new: Pod, old: Pod) -> bool:
    return _footprint(new) != _footprint(old)


def _footprint(pod: Pod) -> tuple[object, ...]:
    return (pod.metadata.uid, bool(pod.metadata.deletion_timestamp), pod.spec.node_name, pod.status.phase in _ALIVE)


def _lost(node: Node) -> tuple[bool, bool]:
    return node_is_ready(node), any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)


WATCHES = (
    watch(Pod, changed=_relevant)
    .also(
        Node,
        lambda node, cluster: map(key_of, cluster.by_index(Pod, NODE_INDEX, node.metadata.name)),
        changed=lambda new, old: _lost(new) != _lost(old),
    )
    .indexed(Pod, NODE_INDEX, node_index)
    .indexed(Pod, _TERMINATED, lambda pod: () if pod.status.phase in _ALIVE else ("",))
)


def controller(*, terminated_limit: int = TERMINATED_LIMIT, quarantine: float = QUARANTINE_SECONDS) -> Controller:
    """The loop. `terminated_limit` 0: finished Pods stay. `quarantine` in seconds."""
    return Controller(NAME, WATCHES, PodGc(terminated_limit, quarantine).reconcile)


@dataclass(slots=True)
class PodGc:
    terminated_limit: int
    quarantine: float
    missing_since: dict[str, float] = field(default_factory=dict)
    """Nodes that Pods name and the cache does not have, with the time when that was first seen."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """See whether the Pod, or some finished ones, have to go."""
        pod = cluster.get(Pod, key)
        if pod is None:
            self._forget(cluster)
            return Done()
        now = cluster.now()
        node = cluster.get(Node, Key("", pod.spec.node_name)) if pod.spec.node_name else None
        missing = self._missing_for(pod, node, now)
        gone = missing >= self.quarantine and await _is_gone(cluster.client, pod.spec.node_name)
        plan = decide(pod, node, now, node_is_gone=gone)
        if missing >= 0 and not gone:
            plan.requeue(self.quarantine - missing if missing < self.quarantine else self.quarantine)
        if self.terminated_limit and pod.status.phase not in _ALIVE:
            decide_excess(plan, cluster.by_index(Pod, _TERMINATED, ""), self.terminated_limit)
        return await cluster.apply(plan) if plan.writes else plan.outcome

    def _forget(self, cluster: Cluster) -> None:
        for name in [*self.missing_since]:
            if not cluster.by_index(Pod, NODE_INDEX, name):
                del self.missing_since[name]

    def _missing_for(self, pod: Pod, node: Node | None, now: float) -> float:
        """Seconds for which the Pod's Node has been missing; -1 where it is there or the Pod has none."""
        name = pod.spec.node_name
        if not name or node is not None:
            self.missing_since.pop(name, None)
            return -1.0
        return max(0.0, now - self.missing_since.setdefault(name, now))


async def _is_gone(client: Client, node_name: str) -> bool:
    try:
        await client.get(Node, node_name)
    except NotFound:
        return True
    return False


def decide(pod: Pod, node: Node | None, now: float, *, node_is_gone: bool = False) -> Plan:
    """Pure: whether this Pod has to go for its Node's or its own state. `node` None: it has none, or none is known."""
    plan = Plan(pod)
    if node_is_gone:
        condition = PodCondition(
            type="DisruptionTarget", status="True", reason="DeletionByPodGC", message="PodGC: node no longer exists"
        )
        _remove(plan, pod, now, "NodeGone", f"its node {pod.spec.node_name} no longer exists", condition)
    elif is_terminating(pod) and not pod.spec.node_name:
        _remove(plan, pod, now, "TerminatingUnscheduled", "it is being deleted and was never bound to a node")
    elif is_terminating(pod) and node is not None and _lost(node) == (False, True):
        message = f"it is being deleted on {node.metadata.name}, which is not ready and out of service"
        _remove(plan, pod, now, "TerminatingOutOfService", message)
    return plan


def decide_excess(plan: Plan, terminated: Sequence[Pod], limit: int) -> None:
    """Pure: of the finished Pods beyond the limit evicted ones go first, then the oldest."""
    excess = len(terminated) - limit
    if excess <= 0:
        return
    known = {id(each.obj) for each in plan.deletes}
    for pod in sorted(terminated, key=_age)[:excess]:
        if id(pod) not in known:
            plan.deletes.append(Delete(pod, grace_period_seconds=0))
            message = f"{len(terminated)} finished Pods are more than {limit}"
            plan.decisions.append(Reasoned(pod, Verdict.ACTED, "TooManyTerminated", message))


def _age(pod: Pod) -> tuple[bool, str, str]:
    evicted = pod.status.phase == "Failed" and pod.status.reason == "Evicted"
    return (not evicted, pod.metadata.creation_timestamp, pod.metadata.name)


def _remove(plan: Plan, pod: Pod, now: float, reason: str, message: str, *conditions: PodCondition) -> None:
    """Mark it failed, so that its owner counts it as such, and delete it at once."""
    if not is_terminal(pod):
        patch = status_patch(pod, now, *conditions, phase="Failed")
        plan.patches += [patch] if patch is not None else []
    plan.deletes.append(Delete(pod, grace_period_seconds=0))
    plan.decide(Verdict.ACTED, reason, message)
