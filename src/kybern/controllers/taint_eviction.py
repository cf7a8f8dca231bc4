"""Taint eviction: deletes Pods from Nodes with NoExecute taints, when their tolerations say so.

A toleration's seconds count from when the taint was added, or noticed where it does not say, but never from before the
Pod was bound. With several taints the soonest end counts (pkg/controller/tainteviction).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kybern.api.types.core_v1 import Node, ObjectReference, Pod, PodCondition, Taint
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import parse_time
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, key_of
from kybern.client.plan import Delete, Notice, Outcome, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.controllers.nodes import NODE_INDEX, matching_toleration, node_index
from kybern.controllers.pod_status import status_patch
from kybern.controllers.pods import condition
from kybern.trace import Verdict

NAME = "taint-eviction-controller"

Since = Mapping[tuple[str, str], float]
"""When each taint (key, value) began to count, in seconds since the epoch."""


def no_execute(node: Node) -> list[Taint]:
    return [taint for taint in node.spec.taints if taint.effect == "NoExecute"]


def _relevant(new: Pod, old: Pod) -> bool:
    return _footprint(new) != _footprint(old)


def _footprint(pod: Pod) -> tuple[object, ...]:
    return (pod.metadata.uid, bool(pod.metadata.deletion_timestamp), pod.spec.node_name, pod.spec.tolerations)


WATCHES = (
    watch(Pod, changed=_relevant)
    .also(
        Node,
        lambda node, cluster: map(key_of, cluster.by_index(Pod, NODE_INDEX, node.metadata.name)),
        changed=lambda new, old: no_execute(new) != no_execute(old),
    )
    .indexed(Pod, NODE_INDEX, node_index)
)


def controller() -> Controller:
    return Controller(NAME, WATCHES, TaintEviction().reconcile)


@dataclass(slots=True)
class TaintEviction:
    noticed: dict[str, dict[tuple[str, str], float]] = field(default_factory=dict)
    """By Node: when taints were first seen, for those that do not say when they were added."""
    scheduled: set[Key] = field(default_factory=set)
    """Pods whose deletion is to come: that it does not is worth an Event."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Delete the Pod, or come back when it is time."""
        pod = cluster.get(Pod, key)
        node = cluster.get(Node, Key("", pod.spec.node_name)) if pod is not None and pod.spec.node_name else None
        now = cluster.now()
        taints = no_execute(node) if node is not None else []
        since = self._since(node, taints, now)
        if pod is None:
            plan = Plan(Pod(metadata=ObjectMeta(name=key.name, namespace=key.namespace)))
            if key in self.scheduled:
                _cancel(plan)
        else:
            plan = decide(pod, taints, since, now, scheduled=key in self.scheduled)
        if plan.requeue_after is None:
            self.scheduled.discard(key)
        else:
            self.scheduled.add(key)
        return await cluster.apply(plan) if plan.writes or plan.events or plan.decisions else plan.outcome

    def _since(self, node: Node | None, taints: Sequence[Taint], now: float) -> Since:
        if node is None:
            return {}
        known = self.noticed.get(node.metadata.name, {})
        since = {
            (each.key, each.value): parse_time(each.time_added)
            if each.time_added
            else known.get((each.key, each.value), now)
            for each in taints
        }
        if since:
            self.noticed[node.metadata.name] = since
        else:
            self.noticed.pop(node.metadata.name, None)
        return since


def decide(pod: Pod, taints: Sequence[Taint], since: Since, now: float, *, scheduled: bool = False) -> Plan:
    """Pure: delete the Pod now, later or never. `scheduled`: its deletion was announced before."""
    plan = Plan(pod)
    if pod.metadata.deletion_timestamp:
        return plan
    due = deadline(pod, taints, since, now)
    if due is None:
        if scheduled:
            _cancel(plan)
            plan.decide(Verdict.NOTHING, "EvictionCancelled", "it tolerates what taints its node has now")
    elif due > now:
        plan.requeue(due - now)
        if not scheduled:
            message = f"it tolerates the taints of its node for another {due - now:.0f} s"
            plan.decide(Verdict.WAITED, "EvictionScheduled", message, taints=[each.key for each in taints])
    else:
        _evict(plan, pod, now)
        plan.decide(
            Verdict.ACTED,
            "TaintManagerEviction",
            "its node has a NoExecute taint",
            taints=[each.key for each in taints],
        )
    return plan


def deadline(pod: Pod, taints: Sequence[Taint], since: Since, now: float) -> float | None:
    """When the Pod has to go, in seconds since the epoch; None: never. What is not tolerated: now."""
    bound = condition(pod, "PodScheduled")
    earliest = parse_time(bound.last_transition_time) if bound is not None and bound.last_transition_time else 0.0
    due: float | None = None
    for taint in taints:
        toleration = matching_toleration(pod.spec.tolerations, taint)
        if toleration is None:
            return now
        if toleration.toleration_seconds is not None:
            begin = max(since.get((taint.key, taint.value), now), earliest)
            end = begin + max(0, toleration.toleration_seconds)
            due = end if due is None else min(due, end)
    return due


def _evict(plan: Plan, pod: Pod, now: float) -> None:
    target = PodCondition(
        type="DisruptionTarget",
        status="True",
        reason="DeletionByTaintManager",
        message="Taint manager: deleting due to NoExecute taint",
    )
    patch = status_patch(pod, now, target)
    plan.patches += [patch] if patch is not None else []
    plan.deletes.append(Delete(pod))
    _tell(plan, "Marking for deletion Pod")


def _cancel(plan: Plan) -> None:
    _tell(plan, "Cancelling deletion of Pod")


def _tell(plan: Plan, what: str) -> None:
    key = key_of(plan.about)
    reference = ObjectReference(api_version="v1", kind="Pod", name=key.name, namespace=key.namespace)
    plan.events.append(Notice(reference, "Normal", "TaintManagerEviction", f"{what} {key}"))
