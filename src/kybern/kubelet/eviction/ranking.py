"""Who is evicted first, and the words for it. Pure.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kybern.api.quantity import value
from kybern.api.types.core_v1 import Container, Pod, PodCondition
from kybern.kubelet.eviction.thresholds import INODES, PIDS, Shortage, size
from kybern.kubelet.pod_spec import is_critical, is_sidecar
from kybern.kubelet.status import Verdict

REASON = "Evicted"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a Pod uses of one resource, in bytes."""

    pod: Pod
    containers: dict[str, int] = field(default_factory=dict)
    beside: int = 0
    """What belongs to no container: emptyDir volumes."""

    @property
    def total(self) -> int:
        return sum(self.containers.values()) + self.beside


def request_of(container: Container, resource: str) -> int:
    resources = container.resources
    return value(resources.requests.get(resource, "0")) if resources else 0


def _requested(pod: Pod, resource: str) -> int:
    running = [*filter(is_sidecar, pod.spec.init_containers), *pod.spec.containers]
    return sum(request_of(container, resource) for container in running)


def choose(usages: Sequence[Usage], shortage: Shortage) -> Usage | None:
    """The first to go: those above their requests, then by priority, then by how far above. None: nobody may."""
    candidates = [usage for usage in usages if not is_critical(usage.pod)]

    def order(usage: Usage) -> tuple[bool, int, int]:
        priority = usage.pod.spec.priority or 0
        if shortage.resource in (INODES, PIDS):
            return (False, priority, -usage.total)
        above = usage.total - _requested(usage.pod, shortage.resource)
        return (above <= 0, priority, -above)

    return min(candidates, key=order, default=None)


def verdict_of(usage: Usage, shortage: Shortage) -> Verdict:
    """For a Pod that goes because the node is short of something."""
    message = f"The node was low on resource: {shortage.resource}. "
    message += f"Threshold quantity: {shortage.threshold}, available: {shortage.available}. "
    for container in usage.pod.spec.containers:
        used, asked = usage.containers.get(container.name, 0), request_of(container, shortage.resource)
        if shortage.resource not in (INODES, PIDS) and used > asked:
            message += (
                f"Container {container.name} was using {size(used)}, request is {size(asked)}, "
                f"has larger consumption of {shortage.resource}. "
            )
    return evicted(message)


def evicted(message: str) -> Verdict:
    """The Pod has failed, and no fault of its own is counted against its disruption budget."""
    condition = PodCondition(type="DisruptionTarget", status="True", reason="TerminationByKubelet", message=message)
    return Verdict("Failed", REASON, message, (condition,))
