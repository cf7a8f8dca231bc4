"""NodeResourcesFit (LeastAllocated) and NodeResourcesBalancedAllocation, on cpu and memory, weight 1 each."""

from kybern.scheduler.columns import Ints, Mask, np
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.scores import MAX_SCORE
from kybern.scheduler.shape import Shape


def least_allocated(shape: Shape, table: NodeTable, rows: Ints | slice = slice(None)) -> Ints:
    """The mean of the free shares after placing, in whole points; resources that a node lacks do not count."""
    total: Ints | int = 0
    weight: Ints | int = 0
    for index, resource in enumerate(("cpu", "memory")):
        allocatable = table.column(table.allocatable, resource)[rows]
        free = allocatable - table.nonzero[index][rows] - shape.nonzero[index]
        total = total + np.maximum(free, 0) * MAX_SCORE // np.maximum(allocatable, 1)
        weight = weight + (allocatable > 0)
    result: Ints = total // np.maximum(weight, 1)
    return result


def balanced_allocation(shape: Shape, table: NodeTable, rows: Ints | slice = slice(None)) -> Ints:
    """100 where cpu and memory would be used in equal shares. Pods that ask for neither are left out (issue 129138)."""
    requests = dict(shape.requests)
    if "cpu" not in requests and "memory" not in requests:
        return np.zeros(len(table.pod_count[rows]), np.int64)
    shares = []
    both: Mask = table.live[rows]
    for resource in ("cpu", "memory"):
        allocatable = table.column(table.allocatable, resource)[rows]
        used = table.column(table.requested, resource)[rows] + requests.get(resource, 0)
        shares.append(np.minimum(used / np.maximum(allocatable, 1), 1.0))
        both = both & (allocatable > 0)
    deviation = np.where(both, np.abs(shares[0] - shares[1]) / 2, 0.0)
    result: Ints = ((1 - deviation) * MAX_SCORE).astype(np.int64)
    return result
