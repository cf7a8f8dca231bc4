"""HorizontalPodAutoscaler: brings a target's replicas to what its metrics ask for (pkg/controller/podautoscaler)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson
from msgspec.structs import replace

from kybern.api import quantity
from kybern.api.selectors import LabelSelector, SelectorError, parse_labels
from kybern.api.types import ResourceName
from kybern.api.types.autoscaling_v2 import (
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerCondition,
    MetricSpec,
    MetricStatus,
)
from kybern.api.types.core_v1 import Pod
from kybern.base.clock import format_time
from kybern.base.errors import Conflict, KybernError
from kybern.client.client import path_of
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.controllers.autoscaler_limits import History, bound
from kybern.controllers.autoscaler_measure import Measured, Unmeasured, measure
from kybern.controllers.autoscaler_replicas import Tolerances
from kybern.controllers.autoscaler_selectors import Selectors
from kybern.controllers.scale_targets import resource_of_kind
from kybern.trace import Verdict

NAME = "horizontal-pod-autoscaler"
PERIOD_SECONDS = 15.0
"""Between two looks at the metrics (--horizontal-pod-autoscaler-sync-period)."""
ATTEMPTS = 5
WATCHES = watch(
    HorizontalPodAutoscaler, changed=lambda new, old: new.metadata.generation != old.metadata.generation
).reads(Pod)


def controller() -> Controller:
    return Controller(NAME, WATCHES, Autoscalers().reconcile)


class _Stop(Exception):
    """The round ends here; what is known so far goes into the status."""


@dataclass(slots=True)
class Round:
    """One look at one autoscaler."""

    autoscaler: HorizontalPodAutoscaler
    plan: Plan
    now: float
    conditions: list[HorizontalPodAutoscalerCondition]
    current: int = 0
    desired: int = 0
    metrics: list[MetricStatus] = field(default_factory=list)
    rescaled: bool = False

    def set(self, type: str, status: bool, reason: str, message: str) -> None:
        """A condition; its time moves with its status."""
        state = str(status)
        for number, old in enumerate(self.conditions):
            if old.type == type:
                stamp = old.last_transition_time if old.status == state else format_time(self.now)
                self.conditions[number] = HorizontalPodAutoscalerCondition(
                    type=type, status=state, reason=reason, message=message, last_transition_time=stamp
                )
                return
        self.conditions.append(
            HorizontalPodAutoscalerCondition(
                type=type, status=state, reason=reason, message=message, last_transition_time=format_time(self.now)
            )
        )

    def report(self) -> None:
        """Write the status if it changed."""
        old = self.autoscaler.status
        status = replace(
            old,
            current_replicas=self.current,
            desired_replicas=self.desired,
            current_metrics=self.metrics,
            conditions=self.conditions,
            last_scale_time=format_time(self.now) if self.rescaled else old.last_scale_time,
        )
        if status != old:
            self.plan.status(replace(self.autoscaler, status=status))


@dataclass(slots=True)
class Autoscalers:
    """The loop, and what it remembers of each autoscaler."""

    histories: dict[Key, History] = field(default_factory=dict)
    selectors: Selectors = field(default_factory=Selectors)

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Measure, decide, scale, report; again in 15 s."""
        autoscaler = cluster.get(HorizontalPodAutoscaler, key)
        if autoscaler is None:
            self.histories.pop(key, None)
            self.selectors.known.pop(key, None)
            return Done()
        live = await cluster.client.get(HorizontalPodAutoscaler, key.name, key.namespace)
        status = live.status
        at = Round(
            live,
            Plan(live),
            cluster.now(),
            list(status.conditions),
            status.current_replicas or 0,
            status.desired_replicas,
        )
        at.metrics = status.current_metrics
        at.plan.requeue(PERIOD_SECONDS)
        try:
            await self._scale(cluster, key, at)
        except _Stop:
            at.plan.decide(Verdict.FAILED, "NotScaled", at.conditions[-1].message if at.conditions else "")
        at.report()
        return await cluster.apply(at.plan)

    async def _scale(self, cluster: Cluster, key: Key, at: Round) -> None:
        resource, scale = await _target(cluster, at)
        current = at.current = int((scale.get("spec") or {}).get("replicas") or 0)
        history = self.histories.setdefault(key, History([(at.now, current)]))
        spec = at.autoscaler.spec
        minimum = 1 if spec.min_replicas is None else spec.min_replicas
        if current == 0 and minimum != 0:
            text = "scaling is disabled since the replica count of the target is zero"
            at.set("ScalingActive", False, "ScalingDisabled", text)
            at.desired, at.metrics = 0, []
            at.plan.decide(Verdict.NOTHING, "ScalingDisabled", text)
            return
        if current > spec.max_replicas:
            wanted, why = spec.max_replicas, "Current number of replicas above Spec.MaxReplicas"
            at.metrics = []
        elif current < minimum:
            wanted, why = minimum, "Current number of replicas below Spec.MinReplicas"
            at.metrics = []
        else:
            pods = self._pods(cluster, key, at, scale)
            wanted, why = await _wanted(cluster, at, scale, history, minimum, pods)
        at.desired = wanted
        if wanted != current:
            await _rescale(cluster, at, resource, scale, wanted, why)
            history.scaled(current, wanted, at.now)
        else:
            at.plan.decide(Verdict.NOTHING, "Converged", f"{current} replicas are what the metrics ask for")

    def _pods(self, cluster: Cluster, key: Key, at: Round, scale: dict[str, Any]) -> list[Pod]:
        """The Pods of the target, which no other autoscaler may have."""
        text = (scale.get("status") or {}).get("selector") or ""
        selector = _selector(at, text)
        self.selectors.known[key] = selector
        found = [pod for pod in cluster.list(Pod, key.namespace) if selector.matches(pod.metadata.labels)]
        selecting = self.selectors.selecting(key.namespace, found)
        if len(selecting) > 1:
            shown = " ".join(map(str, selecting))
            message = f"pods by selector {text} are controlled by multiple HPAs: [{shown}]"
            _uncountable(at, "AmbiguousSelector", message, message)
        return found


async def _wanted(
    cluster: Cluster, at: Round, scale: dict[str, Any], history: History, minimum: int, pods: Sequence[Pod]
) -> tuple[int, str]:
    """(replicas, why) by the metrics and within the bounds."""
    proposed, name = await _proposed(cluster, at, scale, pods)
    bounded = bound(at.autoscaler, history, at.current, proposed, minimum, at.now)
    at.set("AbleToScale", True, *bounded.able)
    at.set("ScalingLimited", bounded.limited, *bounded.limit)
    return bounded.replicas, f"{name} above target" if proposed > at.current else "All metrics below target"


async def _target(cluster: Cluster, at: Round) -> tuple[ResourceName, dict[str, Any]]:
    """The target's resource and its scale."""
    reference, namespace = at.autoscaler.spec.scale_target_ref, at.autoscaler.metadata.namespace
    try:
        resource = await resource_of_kind(cluster.client, reference.api_version or "v1", reference.kind)
        if resource is None:
            group = reference.api_version.rpartition("/")[0]
            raise Unmeasured("", f'no matches for kind "{reference.kind}" in group "{group}"')
        path = path_of(resource, namespace, reference.name, "scale")
        scale = orjson.loads(await cluster.client.call("GET", path))
    except KybernError as error:
        at.plan.event("Warning", "FailedGetScale", str(error))
        text = f"the HPA controller was unable to get the target's current scale: {error}"
        at.set("AbleToScale", False, "FailedGetScale", text)
        raise _Stop from error
    text = "the HPA controller was able to get the target's current scale"
    at.set("AbleToScale", True, "SucceededGetScale", text)
    return resource, scale


async def _proposed(cluster: Cluster, at: Round, scale: dict[str, Any], pods: Sequence[Pod]) -> tuple[int, str]:
    """The highest number that a metric asks for, and the metric's name."""
    selector = (scale.get("status") or {}).get("selector") or ""
    replicas = (at.current, int((scale.get("status") or {}).get("replicas") or 0))
    best: Measured | None = None
    failures: list[Unmeasured] = []
    statuses: list[MetricStatus] = []
    specs: Sequence[MetricSpec] = at.autoscaler.spec.metrics
    for spec in specs:
        try:
            found = await measure(
                cluster.client, at.autoscaler, spec, pods, selector, replicas, _tolerances(at), at.now
            )
        except Unmeasured as failure:
            at.plan.event("Warning", failure.reason, failure.inner)
            failures.append(failure)
            statuses.append(MetricStatus())
            continue
        statuses.append(found.status)
        if best is None or found.replicas > best.replicas:
            best = found
    at.metrics = statuses
    if failures and (best is None or best.replicas < at.current):
        first = failures[0]
        text = f"the HPA was unable to compute the replica count: {first.inner}"
        at.set("ScalingActive", False, first.reason, text)
        whole = f"invalid metrics ({len(failures)} invalid out of {len(specs)}), first error is: {first}"
        at.plan.event("Warning", "FailedComputeMetricsReplicas", whole)
        raise _Stop
    assert best is not None, "an autoscaler without metrics has the default one"
    text = f"the HPA was able to successfully calculate a replica count from {best.name}"
    at.set("ScalingActive", True, "ValidMetricFound", text)
    return best.replicas, best.name


def _selector(at: Round, text: str) -> LabelSelector:
    """Of the target's Pods."""
    if not text:
        shown = "the HPA target's scale is missing a selector"
        _uncountable(at, "InvalidSelector", shown, "selector is required", event="SelectorRequired")
    try:
        return parse_labels(text)
    except SelectorError as error:
        shown = f"couldn't convert selector into a corresponding internal selector object: {error}"
        return _uncountable(at, "InvalidSelector", shown, shown)


def _uncountable(at: Round, reason: str, text: str, told: str, *, event: str = "") -> NoReturn:
    """The target's Pods cannot be told from others: no metric says anything."""
    at.plan.event("Warning", event or reason, told)
    at.set("ScalingActive", False, reason, text)
    at.plan.event("Warning", "FailedComputeMetricsReplicas", told)
    at.metrics = []
    raise _Stop


async def _rescale(
    cluster: Cluster, at: Round, resource: ResourceName, scale: dict[str, Any], wanted: int, why: str
) -> None:
    """Write the scale, tried again where someone else wrote meanwhile."""
    reference = at.autoscaler.spec.scale_target_ref
    path = path_of(resource, at.autoscaler.metadata.namespace, reference.name, "scale")
    for attempt in range(ATTEMPTS):
        scale["spec"] = {**(scale.get("spec") or {}), "replicas": wanted}
        try:
            await cluster.client.call("PUT", path, body=orjson.dumps(scale))
            break
        except KybernError as error:
            if isinstance(error, Conflict) and attempt < ATTEMPTS - 1:
                scale = orjson.loads(await cluster.client.call("GET", path))
                continue
            at.plan.event("Warning", "FailedRescale", f"New size: {wanted}; reason: {why}; error: {error}")
            text = f"the HPA controller was unable to update the target scale: {error}"
            at.set("AbleToScale", False, "FailedUpdateScale", text)
            at.desired = at.autoscaler.status.desired_replicas
            raise _Stop from error
    text = f"the HPA controller was able to update the target scale to {wanted}"
    at.set("AbleToScale", True, "SucceededRescale", text)
    at.plan.event("Normal", "SuccessfulRescale", f"New size: {wanted}; reason: {why}")
    at.plan.decide(Verdict.ACTED, "SuccessfulRescale", f"from {at.current} to {wanted} replicas: {why}")
    at.rescaled = True


def _tolerances(at: Round) -> Tolerances:
    behavior = at.autoscaler.spec.behavior
    bounds = Tolerances()
    if behavior is None:
        return bounds
    up, down = behavior.scale_up, behavior.scale_down
    return Tolerances(
        down=quantity.milli_value(down.tolerance) / 1000 if down is not None and down.tolerance else bounds.down,
        up=quantity.milli_value(up.tolerance) / 1000 if up is not None and up.tolerance else bounds.up,
    )
