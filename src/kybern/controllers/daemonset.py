"""DaemonSet: one Pod on every Node that fits, replaced step by step when the template changes.

It chooses the Nodes, the scheduler binds (each Pod's affinity names its one Node). Behaviour and messages are
upstream's pkg/controller/daemon.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from kybern.api.types.apps_v1 import ControllerRevision, DaemonSet, DaemonSetStatus
from kybern.api.types.core_v1 import Node, Pod
from kybern.base.errors import AlreadyExists
from kybern.client.cluster import Cluster, Failed
from kybern.client.objects import Key, key_of
from kybern.client.plan import Create, Delete, Done, Outcome, Plan
from kybern.client.reconciler import Controller
from kybern.client.selectors import is_empty
from kybern.client.watches import watch
from kybern.controllers.claims import add_claims, decide_claims, verify_owner
from kybern.controllers.daemonset_history import add_current, current_of, tidy
from kybern.controllers.daemonset_nodes import REVISION_HASH, fits, pod_for, target_node
from kybern.controllers.daemonset_rollout import decide_rollout, surge_and_unavailable, surplus
from kybern.controllers.pods import available_in, is_ready, is_terminating
from kybern.trace import Verdict

NAME = "daemonset-controller"
BURST = 250
"""Pods created or deleted in one go, at most (upstream's BurstReplicas)."""
BACKOFF_SECONDS = (1.0, 900.0)
"""Between two deletions of failed Pods on one Node: the first pause, doubled each time, and the longest."""


def _footprint(node: Node) -> tuple[object, ...]:
    return (node.metadata.labels, [(each.key, each.value, each.effect) for each in node.spec.taints])


WATCHES = (
    watch(DaemonSet)
    .owns(Pod, adopting=lambda daemon_set: daemon_set.spec.selector)
    .owns(ControllerRevision, adopting=lambda daemon_set: daemon_set.spec.selector)
    .also(
        Node,
        lambda node, cluster: map(key_of, cluster.list(DaemonSet)),
        changed=lambda new, old: _footprint(new) != _footprint(old),
    )
)


def controller() -> Controller:
    return Controller(NAME, WATCHES, DaemonSets().reconcile)


@dataclass(slots=True)
class DaemonSets:
    pauses: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """By uid and Node: when the last failed Pod was deleted, and the pause after it."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Find the template's revision, bring the Pods to where they belong, report."""
        daemon_set = cluster.get(DaemonSet, key)
        if daemon_set is None or daemon_set.metadata.deletion_timestamp:
            return Done()
        if is_empty(daemon_set.spec.selector):
            plan = Plan(daemon_set)
            message = "This daemon set is selecting all pods. A non-empty selector is required."
            plan.event("Warning", "SelectingAll", message)
            return await cluster.apply(plan)
        selector, namespace = daemon_set.spec.selector, key.namespace
        claimed = decide_claims(
            daemon_set, selector, cluster.owned_by(daemon_set, Pod), cluster.orphans(Pod, namespace)
        )
        revisions = decide_claims(
            daemon_set,
            selector,
            cluster.owned_by(daemon_set, ControllerRevision),
            cluster.orphans(ControllerRevision, namespace),
        )
        if claimed.adopted or revisions.adopted:
            await verify_owner(cluster, daemon_set)
        current = current_of(daemon_set, revisions.owned)
        if current is None:
            return await _begin(cluster, daemon_set, revisions.owned)
        now, nodes = cluster.now(), cluster.list(Node)
        hash = current.metadata.labels.get(REVISION_HASH, "")
        plan = decide(daemon_set, claimed.owned, nodes, hash, now, waits=self._waits(daemon_set, now))
        tidy(plan, daemon_set, current, revisions.owned, claimed.owned)
        add_claims(plan, daemon_set, claimed)
        add_claims(plan, daemon_set, revisions)
        self._note_failed(daemon_set, plan, now)
        errors = await cluster.try_apply(plan)
        report = decide_status(daemon_set, claimed.owned, nodes, hash, now)
        if plan.requeue_after is not None:
            report.requeue(plan.requeue_after)
        if report.writes:
            await cluster.apply(report)
        if errors:
            raise Failed(errors)
        return report.outcome

    def _waits(self, daemon_set: DaemonSet, now: float) -> dict[str, float]:
        uid = daemon_set.metadata.uid
        return {
            name: last + pause - now
            for (owner, name), (last, pause) in self.pauses.items()
            if owner == uid and last + pause > now
        }

    def _note_failed(self, daemon_set: DaemonSet, plan: Plan, now: float) -> None:
        first, limit = BACKOFF_SECONDS
        for known, (last, _) in [*self.pauses.items()]:
            if now - last > 2 * limit:
                del self.pauses[known]
        for each in plan.deletes:
            if isinstance(each.obj, Pod) and each.obj.status.phase == "Failed":
                place = (daemon_set.metadata.uid, target_node(each.obj))
                _, pause = self.pauses.get(place, (0.0, first / 2))
                self.pauses[place] = (now, min(pause * 2, limit))


async def _begin(cluster: Cluster, daemon_set: DaemonSet, revisions: Sequence[ControllerRevision]) -> Outcome:
    """Write down the template first: Pods carry the revision's hash. Its arrival in the cache wakes the key again."""
    plan = Plan(daemon_set)
    add_current(plan, daemon_set, revisions)
    plan.decide(Verdict.ACTED, "NewRevision", "its template is new")
    try:
        return await cluster.apply(plan)
    except AlreadyExists:
        made = plan.creates[0].obj.metadata
        live = await cluster.client.get(ControllerRevision, made.name, made.namespace)
        if current_of(daemon_set, [live]) is not None:
            raise  # It is ours, and the cache has yet to show it.
        collided = Plan(daemon_set)
        count = (daemon_set.status.collision_count or 0) + 1
        collided.status(replace(daemon_set, status=replace(daemon_set.status, collision_count=count)))
        collided.decide(Verdict.ACTED, "HashCollision", "another revision has the name that this one would get")
        return await cluster.apply(collided)


def decide(
    daemon_set: DaemonSet,
    pods: Sequence[Pod],
    nodes: Sequence[Node],
    hash: str,
    now: float,
    *,
    waits: Mapping[str, float],
) -> Plan:
    """Pure: which Pods to create and to delete. `hash` is the current revision's; `waits`: Nodes on which failed Pods
    may not be deleted for so many seconds."""
    plan = Plan(daemon_set)
    by_node = pods_by_node(pods)
    surge, unavailable = surge_and_unavailable(daemon_set, nodes)
    missing: list[str] = []
    excess: list[Pod] = []
    for node in sorted(nodes, key=lambda node: node.metadata.name):
        name = node.metadata.name
        should, may_stay = fits(daemon_set, node)
        there = by_node.get(name, [])
        if should and not there:
            missing.append(name)
        elif there and not may_stay:
            excess += [pod for pod in there if not is_terminating(pod)]
        elif there:
            running = _without_finished(plan, excess, there, name, waits)
            if not surge:
                excess += running[1:]
                continue
            excess += surplus(running, hash)
            if should and all(map(is_terminating, there)):
                missing.append(name)
    known = {node.metadata.name for node in nodes}
    excess += [pod for name, there in by_node.items() if name not in known for pod in there if not pod.spec.node_name]
    if not missing and not excess:
        missing, excess = decide_rollout(daemon_set, by_node, hash, now, surge, unavailable)
    _write(plan, daemon_set, missing, excess, hash)
    counts = {"nodes": len(nodes), "pods": len(pods), "create": len(missing), "delete": len(excess)}
    verdict = Verdict.ACTED if plan.writes else Verdict.NOTHING
    plan.decide(verdict, "Daemons", f"creates {len(missing)} Pods and deletes {len(excess)}", **counts)
    return plan


def pods_by_node(pods: Sequence[Pod]) -> dict[str, list[Pod]]:
    """The Pods by the Node they are for, those bound and the oldest first."""
    found: dict[str, list[Pod]] = {}
    for pod in sorted(
        pods, key=lambda pod: (not pod.spec.node_name, pod.metadata.creation_timestamp, pod.metadata.name)
    ):
        found.setdefault(target_node(pod), []).append(pod)
    return found


def _without_finished(
    plan: Plan, excess: list[Pod], pods: Sequence[Pod], node_name: str, waits: Mapping[str, float]
) -> list[Pod]:
    """Those that run or will; finished ones are deleted, failed ones with growing pauses."""
    running: list[Pod] = []
    for pod in pods:
        where = f"daemon pod {key_of(pod)} on node {node_name}"
        if is_terminating(pod):
            continue
        if pod.status.phase == "Failed" and node_name in waits:
            plan.requeue(waits[node_name])
        elif pod.status.phase == "Failed":
            plan.event("Warning", "FailedDaemonPod", f"Found failed {where}, will try to kill it")
            excess.append(pod)
        elif pod.status.phase == "Succeeded":
            plan.event("Normal", "SucceededDaemonPod", f"Found succeeded {where}, will try to delete it")
            excess.append(pod)
        else:
            running.append(pod)
    return running


def _write(plan: Plan, daemon_set: DaemonSet, missing: Sequence[str], excess: Sequence[Pod], hash: str) -> None:
    made = plan.notice("Normal", "SuccessfulCreate", "Created pod: {name}")
    not_made = plan.notice("Warning", "FailedCreate", "Error creating: {error}")
    gone = plan.notice("Normal", "SuccessfulDelete", "Deleted pod: {name}")
    not_gone = plan.notice("Warning", "FailedDelete", "Error deleting: {error}")
    plan.creates += [Create(pod_for(daemon_set, name, hash), made, not_made) for name in missing[:BURST]]
    plan.deletes += [Delete(pod, gone, not_gone) for pod in excess[:BURST]]


def decide_status(daemon_set: DaemonSet, pods: Sequence[Pod], nodes: Sequence[Node], hash: str, now: float) -> Plan:
    """Pure: the counts to write if they changed, and when a Pod will have been ready for long enough."""
    plan = Plan(daemon_set)
    by_node = pods_by_node(pods)
    min_ready = daemon_set.spec.min_ready_seconds or 0
    desired = misscheduled = 0
    firsts: list[Pod] = []
    for node in nodes:
        there = by_node.get(node.metadata.name, [])
        if fits(daemon_set, node)[0]:
            desired += 1
            firsts += there[:1]
        else:
            misscheduled += bool(there)
    pauses = [available_in(pod, min_ready, now) for pod in firsts]
    available = pauses.count(0)
    for pause in pauses:
        if pause:
            plan.requeue(pause)
    status = DaemonSetStatus(
        current_number_scheduled=len(firsts),
        desired_number_scheduled=desired,
        number_misscheduled=misscheduled,
        number_ready=sum(map(is_ready, firsts)),
        updated_number_scheduled=sum(pod.metadata.labels.get(REVISION_HASH) == hash for pod in firsts) or None,
        number_available=available or None,
        number_unavailable=(desired - available) or None,
        observed_generation=daemon_set.metadata.generation,
        collision_count=daemon_set.status.collision_count,
        conditions=daemon_set.status.conditions,
    )
    if status != daemon_set.status:
        plan.status(replace(daemon_set, status=status))
    return plan
