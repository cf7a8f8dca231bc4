"""Disruption: how many Pods of a PodDisruptionBudget may be evicted now (pkg/controller/disruption).

The eviction endpoint takes what is allowed from the status; here it is counted anew after every change of a Pod.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from kybern.api.types.apps_v1 import Deployment, ReplicaSet, StatefulSet
from kybern.api.types.core_v1 import Pod, ReplicationController
from kybern.api.types.meta_v1 import Condition, LabelSelector
from kybern.api.types.policy_v1 import PodDisruptionBudget, PodDisruptionBudgetStatus
from kybern.base.clock import format_time, parse_time
from kybern.base.errors import Conflict, KybernError
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, key_of
from kybern.client.plan import Done, Notice, Outcome, Plan
from kybern.client.selectors import matches
from kybern.client.watches import watch
from kybern.controllers.deployment_sizes import scaled_value
from kybern.controllers.disruption_scale import Expected, expected_scale
from kybern.controllers.pods import is_ready, is_terminating
from kybern.trace import Verdict

NAME = "disruption-controller"
REPORTER = "controllermanager"
DELETION_TIMEOUT_SECONDS = 120.0
"""After which a Pod that was to be evicted, and is still there, counts again (upstream's DeletionTimeout)."""
ALLOWED = "DisruptionAllowed"


def budgets_of(pod: Pod, cluster: Cluster) -> Iterable[Key]:
    """The budgets that select a Pod."""
    return [
        key_of(each)
        for each in cluster.list(PodDisruptionBudget, pod.metadata.namespace)
        if matches(each.spec.selector, pod.metadata.labels)
    ]


def _in_namespace(owner: Any, cluster: Cluster) -> list[Key]:
    return [key_of(each) for each in cluster.list(PodDisruptionBudget, owner.metadata.namespace)]


def _resized(new: Any, old: Any) -> bool:
    """Whether the wanted number of Pods changed."""
    return bool(new.spec.replicas != old.spec.replicas)


WATCHES = (
    watch(PodDisruptionBudget)
    .also(Pod, budgets_of)
    .also(Deployment, _in_namespace, changed=_resized)
    .also(ReplicaSet, _in_namespace, changed=_resized)
    .also(StatefulSet, _in_namespace, changed=_resized)
    .also(ReplicationController, _in_namespace, changed=_resized)
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Count; where the count fails, allow nothing and say why."""
    budget = cluster.get(PodDisruptionBudget, key)
    if budget is None:
        return Done()
    pods = cluster.list(Pod, key.namespace, budget.spec.selector)
    try:
        return await cluster.apply(decide(budget, pods, await _expected(cluster, budget, pods), cluster.now()))
    except Conflict:
        raise
    except KybernError as error:
        message = f"Failed to calculate the number of expected pods: {error}"
        plan = Plan(budget)
        plan.event("Warning", "CalculateExpectedPodCountFailed", message)
        plan.decide(Verdict.FAILED, "SyncFailed", str(error))
        status = replace(budget.status, disruptions_allowed=0)
        status.conditions = _with(budget, status, "False", "SyncFailed", str(error), cluster.now())
        if status != budget.status:
            plan.status(replace(budget, status=status))
        return await cluster.apply(plan)


async def _expected(cluster: Cluster, budget: PodDisruptionBudget, pods: Sequence[Pod]) -> Expected:
    """How many Pods there shall be: what their controllers want, unless the budget names a plain number."""
    spec = budget.spec
    if spec.max_unavailable is None and not isinstance(spec.min_available, str):
        return Expected(len(pods), ())
    return await expected_scale(cluster, pods)


def decide(budget: PodDisruptionBudget, pods: Sequence[Pod], expected: Expected, now: float) -> Plan:
    """Pure: the status. `pods` are those that the budget selects."""
    plan = Plan(budget)
    if not pods:
        plan.event("Normal", "NoPods", "No matching pods found")
    if expected.unmanaged:
        plan.event("Warning", "UnmanagedPods", unmanaged(budget))
    spec, count = budget.spec, expected.count
    if spec.max_unavailable is not None:
        desired = max(count - scaled_value(spec.max_unavailable, count, up=True), 0)
    else:
        desired = scaled_value(spec.min_available, count, up=True) if spec.min_available is not None else 0
    disrupted = _disrupted(plan, budget, pods, now)
    healthy = sum(is_ready(pod) and not is_terminating(pod) and pod.metadata.name not in disrupted for pod in pods)
    allowed = max(healthy - desired, 0) if count > 0 else 0
    status = PodDisruptionBudgetStatus(
        observed_generation=budget.metadata.generation,
        disrupted_pods=disrupted,
        disruptions_allowed=allowed,
        current_healthy=healthy,
        desired_healthy=desired,
        expected_pods=count,
        conditions=budget.status.conditions,
    )
    state, reason = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
    status.conditions = _with(budget, status, state, reason, "", now)
    if status != budget.status:
        plan.status(replace(budget, status=status))
    plan.decide(
        Verdict.ACTED if status != budget.status else Verdict.NOTHING,
        reason,
        f"{healthy} of {count} Pods are healthy, {desired} are wanted: {allowed} may go",
    )
    return plan


def _disrupted(plan: Plan, budget: PodDisruptionBudget, pods: Sequence[Pod], now: float) -> dict[str, str]:
    """Evicted Pods that are not yet being deleted, with the time of the eviction."""
    left: dict[str, str] = {}
    for pod in pods:
        since = budget.status.disrupted_pods.get(pod.metadata.name)
        if since is None or is_terminating(pod):
            continue
        remaining = parse_time(since) + DELETION_TIMEOUT_SECONDS - now
        if remaining < 0:
            namespace = budget.metadata.namespace  # Upstream names the namespace twice.
            message = f"Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't"
            plan.events.append(Notice(pod, "Warning", "NotDeleted", message))
        else:
            left[pod.metadata.name] = since
            plan.requeue(remaining + 0.01)
    return left


def _with(
    budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus, state: str, reason: str, message: str, now: float
) -> list[Condition]:
    """The conditions with DisruptionAllowed as it is now."""
    old = next((each for each in budget.status.conditions if each.type == ALLOWED), None)
    moved = old is None or old.status != state
    new = Condition(
        type=ALLOWED,
        status=state,
        reason=reason,
        message=message,
        observed_generation=status.observed_generation,
        last_transition_time=format_time(now) if moved or old is None else old.last_transition_time,
    )
    return [*(each for each in budget.status.conditions if each.type != ALLOWED), new]


def unmanaged(budget: PodDisruptionBudget) -> str:
    """What is told where a Pod has no controller with a scale."""
    selector = budget.spec.selector
    return (
        f"Pods selected by this PodDisruptionBudget (selector: {_shown(selector)}) were found to be unmanaged. As a result, the "
        "status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for "
        'these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
    )


def _shown(selector: LabelSelector | None) -> str:
    """As Go prints one."""
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted(selector.match_labels.items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{each.key},Operator:{each.operator},Values:[{' '.join(each.values)}],}},"
        for each in selector.match_expressions
    )
    requirements = f"[]LabelSelectorRequirement{{{expressions}}}"
    return f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:{requirements},}}"
