"""NodeResourcesFit: what is requested and what the Pod requests fit into the allocatable."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from kybern.scheduler.columns import Ints, Mask, np
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.shape import PodRequest, Shape

TOO_MANY_PODS = "Too many pods"


def insufficient(resource: str) -> str:
    """The reason for one resource."""
    return f"Insufficient {resource}"


def mask(shape: Shape, table: NodeTable, rows: Ints | slice = slice(None)) -> Mask:
    """For the given rows (all by default), as a mask over them."""
    result: Mask = table.pod_count[rows] < table.max_pods[rows]
    for resource, number in shape.requests:
        used = table.column(table.requested, resource)[rows]
        result &= used + number <= table.column(table.allocatable, resource)[rows]
    return result


def shortages(shape: Shape, table: NodeTable) -> Iterator[tuple[str, Mask, Mask]]:
    """(reason, where it holds, where no eviction can help because the whole node is too small)."""
    never = np.zeros(table.capacity, np.bool_)
    yield TOO_MANY_PODS, table.pod_count >= table.max_pods, never
    for resource, number in shape.requests:
        allocatable = table.column(table.allocatable, resource)
        short = table.column(table.requested, resource) + number > allocatable
        yield insufficient(resource), short, number > allocatable


def lacking(table: NodeTable, row: int, requests: Sequence[PodRequest]) -> list[str]:
    """Why a row has no room for several Pods at once; empty where it has."""
    reasons = []
    if int(table.pod_count[row]) + len(requests) > int(table.max_pods[row]):
        reasons.append(TOO_MANY_PODS)
    total: defaultdict[str, int] = defaultdict(int)
    for request in requests:
        for resource, number in request.shape.requests:
            total[resource] += number
    for resource, number in total.items():
        used = int(table.column(table.requested, resource)[row])
        if used + number > int(table.column(table.allocatable, resource)[row]):
            reasons.append(insufficient(resource))
    return reasons
