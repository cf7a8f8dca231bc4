"""How many replicas a metric asks for. Pure (pkg/controller/podautoscaler/replica_calculator.go).

Pods that are not ready, or tell nothing, are counted so that they only ever dampen what the others ask for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from kybern.api import quantity
from kybern.api.types.core_v1 import Pod
from kybern.base.clock import parse_time
from kybern.controllers.autoscaler_metrics import NoMetrics, PodMetric
from kybern.controllers.pods import condition, is_ready

CPU_INITIALIZATION_SECONDS = 300.0
INITIAL_READINESS_SECONDS = 30.0
LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far the ratio of usage to target may be from 1 without a change."""

    down: float = 0.1
    up: float = 0.1

    def hold(self, ratio: float) -> bool:
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(slots=True)
class Groups:
    ready: int = 0
    unready: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a metric asks for, and what it was."""

    replicas: int
    raw: int
    """The average, in thousandths."""
    utilization: int | None = None
    """Percent of what was requested."""


def group(pods: Sequence[Pod], metrics: Mapping[str, PodMetric], resource: str, now: float) -> Groups:
    """Sort Pods by what their numbers are worth."""
    groups = Groups()
    for pod in pods:
        name = pod.metadata.name
        if pod.metadata.deletion_timestamp or pod.status.phase == "Failed":
            groups.ignored.add(name)
        elif pod.status.phase == "Pending":
            groups.unready.add(name)
        elif name not in metrics:
            groups.missing.add(name)
        elif resource == "cpu" and _is_starting(pod, metrics[name], now):
            groups.unready.add(name)
        else:
            groups.ready += 1
    return groups


def _is_starting(pod: Pod, metric: PodMetric, now: float) -> bool:
    """Whether the Pod's CPU is that of its start."""
    ready = condition(pod, "Ready")
    if ready is None or not pod.status.start_time or not ready.last_transition_time:
        return True
    started, moved = parse_time(pod.status.start_time), parse_time(ready.last_transition_time)
    if started + CPU_INITIALIZATION_SECONDS > now:
        return ready.status == "False" or metric.timestamp < moved + metric.window
    return ready.status == "False" and started + INITIAL_READINESS_SECONDS > moved


def by_utilization(
    pods: Sequence[Pod],
    metrics: Mapping[str, PodMetric],
    resource: str,
    container: str,
    current: int,
    target: int,
    tolerances: Tolerances,
    now: float,
) -> Proposal:
    """For a target in percent of the requests. Raises NoMetrics."""
    usages, groups = _usable(pods, metrics, resource, now)
    requests = {pod.metadata.name: request_of(pod, container, resource) for pod in pods}
    ratio, percent, raw = _utilization(usages, requests, target)
    if groups.missing and ratio < 1.0:
        fill = {name: requests[name] * max(100, target) // 100 for name in groups.missing}
    else:
        fill = dict.fromkeys(groups.missing, 0)
    replicas = _settle(
        groups, ratio, current, tolerances, usages, fill, lambda values: _utilization(values, requests, target)[0]
    )
    return Proposal(replicas, raw, percent)


def by_average(
    pods: Sequence[Pod],
    metrics: Mapping[str, PodMetric],
    resource: str,
    current: int,
    target: int,
    tolerances: Tolerances,
    now: float,
) -> Proposal:
    """For a target average in thousandths. Raises NoMetrics."""
    usages, groups = _usable(pods, metrics, resource, now)
    average = sum(usages.values()) // len(usages)
    ratio = average / target
    fill = dict.fromkeys(groups.missing, target if ratio < 1.0 else 0)
    replicas = _settle(
        groups,
        ratio,
        current,
        tolerances,
        usages,
        fill,
        lambda values: sum(values.values()) // len(values) / target,
    )
    return Proposal(replicas, average)


def by_value(usage: int, target: int, pods: Sequence[Pod], current: int, tolerances: Tolerances) -> Proposal:
    """For a metric of one thing against a whole target. Raises NoMetrics."""
    ratio = usage / target
    if current == 0:
        return Proposal(ceil(ratio), usage)
    if tolerances.hold(ratio):
        return Proposal(current, usage)
    if not pods:
        raise NoMetrics("unable to calculate ready pods: no pods returned by selector while calculating replica count")
    ready = sum(pod.status.phase == "Running" and is_ready(pod) for pod in pods)
    return Proposal(min(ceil(ratio * ready), LARGEST), usage)


def by_share(usage: int, target: int, replicas: int, tolerances: Tolerances) -> Proposal:
    """For a metric of one thing, shared by all replicas."""
    wanted = replicas
    if replicas == 0 or not tolerances.hold(usage / (target * replicas)):
        wanted = min(ceil(usage / target), LARGEST)
    return Proposal(wanted, ceil(usage / replicas) if replicas else usage)


def request_of(pod: Pod, container: str, resource: str) -> int:
    """What a Pod, or one container, requests, in thousandths. Raises NoMetrics."""
    whole = pod.spec.resources
    if not container and whole is not None and whole.requests:
        if resource not in whole.requests:
            raise NoMetrics(f"missing pod-level request for {resource} in Pod {pod.metadata.name}")
        return quantity.milli_value(whole.requests[resource])
    sidecars = [each for each in pod.spec.init_containers if each.restart_policy == "Always"]
    total, found = 0, not container
    for each in (*pod.spec.containers, *sidecars):
        if container not in ("", each.name):
            continue
        found = True
        requests = each.resources.requests if each.resources is not None else {}
        if resource not in requests:
            text = f"missing request for {resource} in container {each.name} of Pod {pod.metadata.name}"
            raise NoMetrics(text)
        total += quantity.milli_value(requests[resource])
    if not found:
        raise NoMetrics(f"container {container} not found in Pod {pod.metadata.name}")
    return total


def _usable(
    pods: Sequence[Pod], metrics: Mapping[str, PodMetric], resource: str, now: float
) -> tuple[dict[str, int], Groups]:
    if not pods:
        raise NoMetrics("no pods returned by selector while calculating replica count")
    groups = group(pods, metrics, resource, now)
    left_out = groups.ignored | groups.unready
    usages = {name: metric.value for name, metric in metrics.items() if name not in left_out}
    if not usages:
        raise NoMetrics("did not receive metrics for targeted pods (pods might be unready)")
    return usages, groups


def _utilization(usages: Mapping[str, int], requests: Mapping[str, int], target: int) -> tuple[float, int, int]:
    """(ratio, percent, average)."""
    known = [name for name in usages if name in requests]
    requested = sum(requests[name] for name in known)
    if requested == 0:
        raise NoMetrics("no metrics returned matched known pods")
    used = sum(usages[name] for name in known)
    percent = used * 100 // requested
    return percent / target, percent, used // len(known)


def _settle(
    groups: Groups,
    ratio: float,
    current: int,
    tolerances: Tolerances,
    usages: dict[str, int],
    fill: Mapping[str, int],
    ratio_of: Callable[[Mapping[str, int]], float],
) -> int:
    """The number of replicas, with Pods that say nothing taken at their most careful."""
    unready_counts = bool(groups.unready) and ratio > 1.0
    if not unready_counts and not groups.missing:
        return current if tolerances.hold(ratio) else ceil(ratio * groups.ready)
    values = {**usages, **(fill if ratio != 1.0 else {})}
    if unready_counts:
        values |= dict.fromkeys(groups.unready, 0)
    corrected = ratio_of(values)
    if tolerances.hold(corrected) or (ratio < 1.0 < corrected) or (corrected < 1.0 < ratio):
        return current
    wanted = ceil(corrected * len(values))
    if (corrected < 1.0 and wanted > current) or (corrected > 1.0 and wanted < current):
        return current
    return wanted
