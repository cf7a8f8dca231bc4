"""Room for a critical Pod that the node cannot hold beside others: who has to go. Pure.

Upstream's rule (kubelet's critical Pod admission): as little as possible of those who were promised most; within a
class of service those that come nearest to what is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kybern.api.types.core_v1 import Pod, PodCondition
from kybern.base.errors import KybernError
from kybern.kubelet.node_resources import Shortfall, request
from kybern.kubelet.pod_spec import is_critical
from kybern.kubelet.qos import BEST_EFFORT, BURSTABLE, GUARANTEED, qos_class
from kybern.kubelet.status import Verdict

REASON = "Preempting"
MESSAGE = "Preempted in order to admit critical pod"
PREEMPTED = Verdict(
    "Failed",
    REASON,
    MESSAGE,
    (
        PodCondition(
            type="DisruptionTarget",
            status="True",
            reason="TerminationByKubelet",
            message="Pod was preempted by Kubelet to accommodate a critical pod.",
        ),
    ),
)
Needs = Mapping[str, int]
"""What is still missing, by resource."""


@dataclass(frozen=True, slots=True)
class Room:
    """What it takes to hold a Pod: who goes, and the resource of which there was too little."""

    victims: Sequence[Pod] = ()
    short_of: str = ""


class NoRoom(KybernError):
    """Even without all Pods that may be ended the node could not hold the Pod."""


def choose_victims(pod: Pod, others: Sequence[Pod], short: Sequence[Shortfall]) -> list[Pod]:
    """Who has to go so that nothing is short. Raises NoRoom."""
    needs = {each.name: each.missing for each in short}
    of: dict[str, list[Pod]] = {BEST_EFFORT: [], BURSTABLE: [], GUARANTEED: []}
    for other in others:
        if may_preempt(pod, other):
            of[qos_class(other)].append(other)
    left = _without(needs, [other for pods in of.values() for other in pods])
    if left:
        raise _no_room(left)
    guaranteed = _nearest(of[GUARANTEED], _without(needs, of[BEST_EFFORT] + of[BURSTABLE]))
    burstable = _nearest(of[BURSTABLE], _without(needs, of[BEST_EFFORT] + guaranteed))
    best_effort = _nearest(of[BEST_EFFORT], _without(needs, burstable + guaranteed))
    return best_effort + burstable + guaranteed


def may_preempt(pod: Pod, other: Pod) -> bool:
    """Whether a Pod may take another's place."""
    if is_critical(pod) and not is_critical(other):
        return True
    own, others = pod.spec.priority, other.spec.priority
    return own is not None and others is not None and own > others


def _nearest(pods: list[Pod], needs: Needs) -> list[Pod]:
    """Those whose requests come nearest to what is missing, one after the other until nothing is."""
    remaining, chosen = list(pods), list[Pod]()
    while needs:
        if not remaining:
            raise _no_room(needs)
        needs_now = needs
        best = min(remaining, key=lambda pod: (_distance(pod, needs_now), request(pod, "memory"), request(pod, "cpu")))
        remaining.remove(best)
        chosen.append(best)
        needs = _without(needs, [best])
    return chosen


def _distance(pod: Pod, needs: Needs) -> float:
    """How much would still be missing without the Pod: each resource weighs the same."""
    return float(sum((max(0, amount - request(pod, name)) / amount) ** 2 for name, amount in needs.items()))


def _without(needs: Needs, pods: Sequence[Pod]) -> Needs:
    left = {name: amount - sum(request(pod, name) for pod in pods) for name, amount in needs.items()}
    return {name: amount for name, amount in left.items() if amount > 0}


def _no_room(needs: Needs) -> NoRoom:
    told = "".join(f"(res: {name}, q: {amount}), " for name, amount in needs.items())
    found = f"no set of running pods found to reclaim resources: [{told}]"
    return NoRoom(f"preemption: error finding a set of pods to preempt: {found}")
