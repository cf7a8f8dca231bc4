"""NodeResourcesFit: what is requested and what the Pod requests fit into the allocatable."""

from collections.abc import Iterator

from kybern.scheduler.columns import Ints, Mask, np
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.shape import Shape

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
