"""What a Pod would lack on the node beside others. Pure; resources and words are upstream's."""

from dataclasses import dataclass

from kybern.api.quantity import milli_value, value
from kybern.api.types.core_v1 import Node, Pod
from kybern.kubelet.qos import pod_request

PODS = "pods"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One resource that does not suffice: CPU in thousandths, what is stored in bytes, all else counted."""

    name: str
    requested: int
    used: int
    capacity: int

    @property
    def missing(self) -> int:
        return self.requested - (self.capacity - self.used)

    @property
    def reason(self) -> str:
        return f"OutOf{self.name}"

    @property
    def message(self) -> str:
        numbers = f"requested: {self.requested}, used: {self.used}, capacity: {self.capacity}"
        return f"Node didn't have enough resource: {self.name}, {numbers}"


def request(pod: Pod, name: str) -> int:
    """What the Pod asks for of one resource; one of the node's places for Pods."""
    return 1 if name == PODS else pod_request(pod, name)


def shortfalls(pod: Pod, others: list[Pod], node: Node) -> list[Shortfall]:
    """Everything that the Pod asks for and the node has not. What the node does not know of is not asked of it."""
    found = []
    allocatable = node.status.allocatable
    for name in sorted(allocatable, key=_order):
        requested = request(pod, name)
        if not requested:
            continue
        capacity = milli_value(allocatable[name]) if name == "cpu" else value(allocatable[name])
        used = sum(request(other, name) for other in others)
        if requested > capacity - used:
            found.append(Shortfall(name, requested, used, capacity))
    return found


def _order(name: str) -> tuple[int, str]:
    """Upstream's: the first that does not suffice is the one that is told."""
    known = (PODS, "cpu", "memory", "ephemeral-storage")
    return (known.index(name) if name in known else len(known), name)
