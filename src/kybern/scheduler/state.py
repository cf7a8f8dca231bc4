"""The scheduler's mind without its hands: takes in what is seen of the cluster, and gives out what to do.

Pure but for the trace. Invariant: a Pod that was given a node counts on it (is assumed) until the cluster shows it
there, or until `failed` says that it never came about.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from kybern import trace
from kybern.api.types.core_v1 import Node, Pod
from kybern.scheduler.config import SchedulerConfig
from kybern.scheduler.hints import ClusterEvent, EventKind
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.placing import Placer
from kybern.scheduler.pods import PodDecoder, same_shape
from kybern.scheduler.preemption import Budget, Memory, PreemptionPlan, preempt
from kybern.scheduler.queue import SchedulingQueue
from kybern.scheduler.reasons import Refusal, VolumeMask, refuse
from kybern.scheduler.shape import PodRequest
from kybern.scheduler.volumes import VolumeChoice, VolumeView, choose

COMPONENT = "kube-scheduler"
TERMINAL = ("Succeeded", "Failed")
NO_VOLUMES = VolumeChoice()


@dataclass(frozen=True, slots=True)
class Placement:
    """Bind the Pod to the node."""

    request: PodRequest
    node: str
    score: int
    volumes: VolumeChoice = field(default_factory=VolumeChoice)


@dataclass(frozen=True, slots=True)
class Postponement:
    """Tell the Pod why it has no node; evict the plan's victims, if there are any, and keep its node."""

    request: PodRequest
    message: str
    plan: PreemptionPlan


Verdict = Placement | Postponement


class SchedulerState:
    """Tables, queue and placers of one scheduler."""

    def __init__(
        self,
        config: SchedulerConfig,
        random: Random,
        volumes: VolumeView | None = None,
        budgets: Callable[[], Iterable[Budget]] = tuple,
    ) -> None:
        self.table = NodeTable(random)
        self.queue = SchedulingQueue(config.initial_backoff_seconds, config.max_backoff_seconds)
        self._random = random
        self._placers = {profile.scheduler_name: Placer(self.table, profile.weights) for profile in config.profiles}
        self._profile_of: dict[tuple[str, str], str] = {}
        self._decoder = PodDecoder()
        self._volumes = volumes
        self._budgets = budgets
        self._memory = Memory()
        self._assumed: dict[tuple[str, str], str] = {}
        """Pods with a node that the cluster does not show yet, and their uids."""

    def profile_of(self, key: tuple[str, str]) -> str:
        """The profile that decides on a Pod which waits; "" for any other."""
        return self._profile_of.get(key, "")

    def sizes(self) -> dict[str, int]:
        """How much is known of the cluster."""
        return {"nodes": len(self.table), "pods": len(self.table.pods), "assumed_pods": len(self._assumed)}

    # What is seen

    def set_pod(self, pod: Pod, now: float, old: Pod | None = None) -> None:
        """A Pod is there, or has changed from `old`, which was told before."""
        meta = pod.metadata
        key = (meta.namespace, meta.name)
        if pod.status.phase in TERMINAL:
            self.remove_pod(pod, now)
        elif pod.spec.node_name:
            self._set_placed(pod, old, now)
        elif meta.deletion_timestamp:
            self._leave_queue(key)
            if pod.status.nominated_node_name:
                self._release(self._decoder.decode(pod), now)
        elif (pod.spec.scheduler_name or "default-scheduler") in self._placers and self._assumed.get(key) != meta.uid:
            self._profile_of[key] = pod.spec.scheduler_name or "default-scheduler"
            request = self._decoder.decode(pod)
            self.queue.set(request, now)
            before = old.status.nominated_node_name if old is not None else ""
            if request.nominated or before:
                self._placers[self._profile_of[key]].nominate(request, request.nominated)
            if before and before != request.nominated:
                self._release(request, now)

    def _set_placed(self, pod: Pod, old: Pod | None, now: float) -> None:
        key = (pod.metadata.namespace, pod.metadata.name)
        self._leave_queue(key)
        assumed = self._assumed.pop(key, None) is not None
        known = self.table.pods.get(key)
        if known and known[1] == self.table.rows.get(pod.spec.node_name, -1) and self._is_still(known[0], pod, old):
            request, identity = known[0], self._decoder.identity(pod)
            request.revision, request.generation = pod.metadata.resource_version, pod.metadata.generation or 0
            if request.identity is not identity:
                self.table.relabel(request, known[1], identity)
            elif not assumed:
                return
        else:
            request = self._decoder.decode(pod)
            self.table.assign(request, pod.spec.node_name)
            if known and known[0].shape is not request.shape:
                self.queue.happened(ClusterEvent(EventKind.POD_GONE, known[0]), now)
                return
        self.queue.happened(ClusterEvent(EventKind.POD_PLACED, request), now)

    def _is_still(self, request: PodRequest, pod: Pod, old: Pod | None) -> bool:
        """Whether a Pod that is counted has kept its shape."""
        if old is not None and request.revision == old.metadata.resource_version and same_shape(old, pod):
            return True
        return request.uid == pod.metadata.uid and request.shape is self._decoder.decode(pod).shape

    def remove_pod(self, pod: Pod, now: float) -> None:
        """A Pod is gone, or has ended."""
        key = (pod.metadata.namespace, pod.metadata.name)
        self._leave_queue(key)
        self._assumed.pop(key, None)
        known = self.table.pods.get(key)
        if self.table.unassign(key) and known:
            self.queue.happened(ClusterEvent(EventKind.POD_GONE, known[0]), now)
        elif pod.status.nominated_node_name and not pod.spec.node_name:
            self._release(self._decoder.decode(pod), now)

    def _release(self, request: PodRequest, now: float) -> None:
        """The room that was kept for a Pod is anybody's now who ranks no higher: they did not fit beside it."""
        self.queue.happened(ClusterEvent(EventKind.NOMINATION_GONE, request), now)

    def _leave_queue(self, key: tuple[str, str]) -> None:
        self.queue.forget(key)
        profile = self._profile_of.pop(key, None)
        if profile is not None:
            self._placers[profile].withdraw(key)

    def set_node(self, node: Node, now: float) -> None:
        """A node is there, or has changed."""
        new = node.metadata.name not in self.table.rows
        if self.table.set_node(node):
            self.queue.happened(ClusterEvent(EventKind.NODE_ADDED if new else EventKind.NODE_CHANGED), now)

    def remove_node(self, node: Node) -> None:
        """A node is gone."""
        self.table.remove_node(node.metadata.name)

    def set_namespace(self, name: str, labels: dict[str, str] | None, now: float) -> None:
        """A namespace is there, has changed, or (None) is gone."""
        if self.table.topology.set_namespace(name, labels):
            self.queue.happened(ClusterEvent(EventKind.NAMESPACE_CHANGED), now)

    def volumes_changed(self, now: float) -> None:
        """A claim, volume or storage class changed."""
        self.queue.happened(ClusterEvent(EventKind.VOLUME_CHANGED), now)

    # What to do

    def decide(self, now: float) -> Verdict | None:
        """The next Pod's verdict, or None when no Pod is active. A placed Pod is assumed from here on."""
        self.queue.tick(now)
        waiting = self.queue.pop()
        if waiting is None:
            return None
        request = waiting.request
        placer = self._placers[self._profile_of[request.key]]
        volumes = choose(request, self._volumes, self.table) if request.claims and self._volumes else NO_VOLUMES
        if volumes.whole:
            refusal = refuse(request, self.table)
            refusal.whole, refusal.plugins = volumes.whole, frozenset(("VolumeBinding",))
            return self._refuse(request, refusal, placer, None, now)
        choice = placer.decide(request, volumes.mask)
        if isinstance(choice, Refusal):
            return self._refuse(request, choice, placer, volumes.mask, now)
        node, score = choice
        trace.record(
            request.subject,
            trace.Verdict.ACTED,
            "Scheduled",
            f"{node} suits it best of {len(self.table)} nodes (score {score})",
            component=COMPONENT,
            revision=request.revision,
            uid=request.uid,
            seen={"nodes": len(self.table), "node": node, "score": score},
        )
        self.table.place(request, self.table.rows[node])
        self._assumed[request.key] = request.uid
        return Placement(request, node, score, volumes)

    def _refuse(
        self, request: PodRequest, refusal: Refusal, placer: Placer, volumes: VolumeMask | None, now: float
    ) -> Postponement:
        plan = PreemptionPlan()
        if refusal.total and not refusal.whole:
            budgets = tuple(self._budgets())
            plan = preempt(request, refusal, self.table, placer, budgets, self._random, volumes, self._memory)
        refusal.preemption = plan.message
        trace.record(
            request.subject,
            trace.Verdict.REFUSED,
            "Unschedulable",
            refusal.message,
            component=COMPONENT,
            revision=request.revision,
            uid=request.uid,
            seen={
                "nodes": refusal.total,
                "reasons": dict(refusal.counts) if not refusal.whole else {refusal.whole: refusal.total},
                "plugins": sorted(refusal.plugins),
                "requests": dict(request.shape.requests),
                "victims": [victim.subject for victim in plan.victims],
                "nominated": plan.node or "",
            },
        )
        before = placer.nomination(request.key)
        placer.nominate(request, plan.node or "")
        self.queue.refused(request, refusal.plugins, now)
        if before and before != plan.node:
            self._release(request, now)
        return Postponement(request, refusal.message, plan)

    def failed(self, request: PodRequest, now: float) -> None:
        """The binding did not come about: the room is free again, and the Pod tries once more after its back-off."""
        if self._assumed.pop(request.key, None) is None:
            return
        self.table.unassign(request.key)
        self.queue.retry(request, now)
        self.queue.happened(ClusterEvent(EventKind.POD_GONE, request), now)
