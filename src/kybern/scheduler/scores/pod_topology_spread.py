"""PodTopologySpread's score (weight 2), ScheduleAnyway: emptier domains are better."""

from math import log

from kybern.scheduler.columns import Ints, Mask, np
from kybern.scheduler.filters.pod_topology_spread import domain_counts, eligible
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.scores import MAX_SCORE
from kybern.scheduler.shape import PodRequest

HOSTNAME = "kubernetes.io/hostname"


def score(request: PodRequest, table: NodeTable, feasible: Mask) -> Ints:
    """Normalised: (most + least - raw) * 100 / most; 0 where a topology key is missing."""
    constraints = request.shape.soft_spread
    keys = tuple(constraint.topology_key for constraint in constraints)
    keyed = feasible.copy()
    for key in keys:
        keyed &= table.label_column(key) > 0
    raw = np.zeros(table.capacity, np.float64)
    for constraint in constraints:
        column, counts, _ = domain_counts(constraint, eligible(request, constraint, keys, table), table)
        if constraint.topology_key == HOSTNAME:
            size = int(keyed.sum())
            around = table.topology.counter((constraint.group,)).whole()
        else:
            seen = np.zeros(len(counts), np.bool_)
            seen[column[keyed]] = True
            size = int(seen.sum())
            around = counts[column]
        raw += around * log(size + 2) + (constraint.max_skew - 1)
    whole = np.rint(raw).astype(np.int64)
    among = whole[keyed]
    if not len(among):
        return np.zeros(table.capacity, np.int64)
    least, most = int(among.min()), int(among.max())
    if most == 0:
        return np.where(keyed, MAX_SCORE, 0)
    return np.where(keyed, MAX_SCORE * (most + least - whole) // most, 0)
