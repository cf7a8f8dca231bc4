"""Takes the condition DisruptionTarget back from Pods that were to be disrupted, and were not (KEP-3329)."""

from typing import Any

from msgspec.structs import replace

from kybern.api.types.core_v1 import Pod
from kybern.base.clock import format_time, parse_time
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Plan
from kybern.client.watches import watch
from kybern.controllers.pods import condition, is_terminal
from kybern.trace import Verdict

NAME = "disruption-controller"
TYPE = "DisruptionTarget"
TIMEOUT_SECONDS = 120.0
"""Upstream's stalePodDisruptionTimeout."""


def _disrupted(new: Any, old: Any) -> bool:
    return condition(new, TYPE) != condition(old, TYPE)


WATCHES = watch(Pod, changed=_disrupted)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    pod = cluster.get(Pod, key)
    return Done() if pod is None else await cluster.apply(decide(pod, cluster.now()))


def decide(pod: Pod, now: float) -> Plan:
    """Pure: a Pod that still runs two minutes after it was to go, stays."""
    plan = Plan(pod)
    target = condition(pod, TYPE)
    if target is None or target.status != "True" or target.reason == "TerminationByKubelet":
        return plan
    if pod.metadata.deletion_timestamp or is_terminal(pod) or not target.last_transition_time:
        return plan
    remaining = parse_time(target.last_transition_time) + TIMEOUT_SECONDS - now
    if remaining > 0:
        plan.requeue(remaining)
        return plan
    taken = replace(target, status="False", reason="", message="", last_transition_time=format_time(now))
    conditions = [taken if each.type == TYPE else each for each in pod.status.conditions]
    plan.status(replace(pod, status=replace(pod.status, conditions=conditions)))
    plan.decide(Verdict.ACTED, "NotDisrupted", "it was to be disrupted, and was not")
    return plan
