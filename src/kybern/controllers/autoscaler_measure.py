"""One metric of an autoscaler: asked for, and turned into a number of replicas and a status."""

from collections.abc import Sequence
from dataclasses import dataclass

from kybern.api import quantity
from kybern.api.types.autoscaling_v2 import (
    ContainerResourceMetricStatus,
    ExternalMetricStatus,
    HorizontalPodAutoscaler,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
    ObjectMetricStatus,
    PodsMetricStatus,
    ResourceMetricStatus,
)
from kybern.api.types.core_v1 import Pod
from kybern.base.errors import KybernError
from kybern.client.client import Client
from kybern.controllers import autoscaler_metrics as metrics
from kybern.controllers.autoscaler_metrics import NoMetrics
from kybern.controllers.autoscaler_replicas import Proposal, Tolerances, by_average, by_share, by_utilization, by_value


class Unmeasured(KybernError):
    """A metric could not be used. `inner` goes into the condition `reason`, the message into the event of the whole."""

    def __init__(self, reason: str, inner: str, outer: str = "") -> None:
        super().__init__(f"{outer}: {inner}" if outer else inner)
        self.reason = reason
        self.inner = inner


@dataclass(frozen=True, slots=True)
class Measured:
    replicas: int
    name: str
    status: MetricStatus


@dataclass(frozen=True, slots=True)
class Target:
    """What a metric is measured for."""

    client: Client
    namespace: str
    pods: Sequence[Pod]
    selector: str
    wanted: int
    """spec.replicas"""
    there: int
    """status.replicas"""
    tolerances: Tolerances
    now: float


async def measure(
    client: Client,
    autoscaler: HorizontalPodAutoscaler,
    spec: MetricSpec,
    pods: Sequence[Pod],
    selector: str,
    replicas: tuple[int, int],
    tolerances: Tolerances,
    now: float,
) -> Measured:
    """Raises Unmeasured."""
    at = Target(client, autoscaler.metadata.namespace, pods, selector, *replicas, tolerances, now)
    if spec.type == "Resource" and spec.resource is not None:
        return await _resource(at, spec.resource.name, spec.resource.target)
    if spec.type == "ContainerResource" and spec.container_resource is not None:
        part = spec.container_resource
        return await _resource(at, part.name, part.target, part.container)
    if spec.type == "Pods" and spec.pods is not None:
        return await _pods(at, spec)
    if spec.type == "Object" and spec.object is not None:
        return await _object(at, spec)
    if spec.type == "External" and spec.external is not None:
        return await _external(at, spec)
    raise Unmeasured("InvalidMetricSourceType", f'unknown metric source type "{spec.type}"')


async def _resource(at: Target, name: str, target: MetricTarget, container: str = "") -> Measured:
    kind = "Container" if container else ""
    outer = (
        f"failed to get {container} container metric value"
        if container
        else f"failed to get {name} resource metric value"
    )
    reason = f"FailedGet{kind}ResourceMetric"
    if not target.average_value and target.average_utilization is None:
        text = (
            "invalid resource metric source: neither an average utilization target nor an average value (usage) target "
            "was set"
        )
        raise Unmeasured(reason, text, outer)
    doing = f"failed to get {name} {'usage' if target.average_value else 'utilization'}"
    try:
        try:
            found = await metrics.of_resource(at.client, name, at.namespace, at.selector, container)
        except NoMetrics as error:
            raise NoMetrics(f"unable to get metrics for resource {name}: {error}") from error
        if target.average_value:
            wanted = quantity.milli_value(target.average_value)
            proposal = by_average(at.pods, found, name, at.wanted, wanted, at.tolerances, at.now)
            label = f"{name} resource"
        else:
            percent = target.average_utilization or 0
            proposal = by_utilization(at.pods, found, name, container, at.wanted, percent, at.tolerances, at.now)
            label = f"{name} {'container ' if container else ''}resource utilization (percentage of request)"
    except NoMetrics as error:
        raise Unmeasured(reason, f"{doing}: {error}", outer) from error
    value = MetricValueStatus(
        average_utilization=proposal.utilization, average_value=_quantity(proposal.raw, binary=name == "memory")
    )
    if container:
        part = ContainerResourceMetricStatus(name=name, container=container, current=value)
        return Measured(proposal.replicas, label, MetricStatus(type="ContainerResource", container_resource=part))
    whole = ResourceMetricStatus(name=name, current=value)
    return Measured(proposal.replicas, label, MetricStatus(type="Resource", resource=whole))


async def _pods(at: Target, spec: MetricSpec) -> Measured:
    assert spec.pods is not None
    metric, target = spec.pods.metric, quantity.milli_value(spec.pods.target.average_value or "0")
    outer = "failed to get pods metric value"
    try:
        found = await metrics.of_pods(at.client, metric.name, at.namespace, at.selector, metric.selector)
        proposal = by_average(at.pods, found, "", at.wanted, target, at.tolerances, at.now)
    except NoMetrics as error:
        raise Unmeasured("FailedGetPodsMetric", f"unable to get metric {metric.name}: {error}", outer) from error
    value = MetricValueStatus(average_value=_quantity(proposal.raw))
    status = MetricStatus(type="Pods", pods=PodsMetricStatus(metric=metric, current=value))
    return Measured(proposal.replicas, f"pods metric {metric.name}", status)


async def _object(at: Target, spec: MetricSpec) -> Measured:
    assert spec.object is not None
    source, metric, about = spec.object, spec.object.metric, spec.object.described_object
    step = f": failed to get {metric.name} object metric" if source.target.average_value else ""
    outer, reason = f"failed to get object metric value{step}", "FailedGetObjectMetric"
    try:
        usage = await metrics.of_object(at.client, metric.name, at.namespace, about, metric.selector)
        proposal, value = _against(at, source.target, usage, "object")
    except NoMetrics as error:
        where = f"{about.kind} {at.namespace}/{about.name}"
        text = f"unable to get metric {metric.name}: {where} on {error}"
        raise Unmeasured(reason, text, outer) from error
    status = ObjectMetricStatus(metric=metric, described_object=about, current=value)
    name = f"{about.kind} metric {metric.name}"
    return Measured(proposal.replicas, name, MetricStatus(type="Object", object=status))


async def _external(at: Target, spec: MetricSpec) -> Measured:
    assert spec.external is not None
    metric = spec.external.metric
    each = bool(spec.external.target.average_value)
    step = f"failed to get {metric.name} external metric" if each else f"failed to get external metric {metric.name}"
    outer, reason = f"failed to get {metric.name} external metric value: {step}", "FailedGetExternalMetric"
    try:
        usage = sum(await metrics.of_external(at.client, metric.name, at.namespace, metric.selector))
        proposal, value = _against(at, spec.external.target, usage, "external")
    except NoMetrics as error:
        shown = "nil" if metric.selector is None else "&LabelSelector{}"
        text = f"unable to get external metric {at.namespace}/{metric.name}/{shown}: {error}"
        raise Unmeasured(reason, text, outer) from error
    status = ExternalMetricStatus(metric=metric, current=value)
    name = f"external metric {metric.name}(nil)" if metric.selector is None else f"external metric {metric.name}"
    return Measured(proposal.replicas, name, MetricStatus(type="External", external=status))


def _against(at: Target, target: MetricTarget, usage: int, kind: str) -> tuple[Proposal, MetricValueStatus]:
    """A single number against a value or a share for each replica. Raises NoMetrics."""
    if target.average_value:
        proposal = by_share(usage, quantity.milli_value(target.average_value), at.there, at.tolerances)
        return proposal, MetricValueStatus(average_value=_quantity(proposal.raw))
    if target.value:
        proposal = by_value(usage, quantity.milli_value(target.value), at.pods, at.wanted, at.tolerances)
        return proposal, MetricValueStatus(value=_quantity(proposal.raw))
    raise NoMetrics(f"invalid {kind} metric source: neither a value target nor an average value target was set")


def _quantity(milli: int, *, binary: bool = False) -> str:
    family = quantity.Family.BINARY if binary else quantity.Family.DECIMAL
    return quantity.format_nanos(milli * 1_000_000, family)
