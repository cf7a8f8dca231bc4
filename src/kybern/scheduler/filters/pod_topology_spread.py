"""PodTopologySpread, DoNotSchedule: no domain may get further ahead of the emptiest one than maxSkew."""

from kybern.scheduler.columns import Ids, Ints, Mask, np
from kybern.scheduler.filters import node_affinity, taint_toleration
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.shape import PodRequest, SpreadConstraint

REASON = "node(s) didn't match pod topology spread constraints"
REASON_MISSING = "node(s) didn't match pod topology spread constraints (missing required label)"


def eligible(request: PodRequest, constraint: SpreadConstraint, keys: tuple[str, ...], table: NodeTable) -> Mask:
    """The nodes whose domains and Pods count: they have every key, and the policies include them."""
    result = table.live.copy()
    for key in keys:
        result &= table.label_column(key) > 0
    if constraint.honor_affinity:
        shape = request.shape
        if shape.node_selector or shape.required_nodes is not None:
            result &= node_affinity.mask(shape, table)
        if request.pinned is not None:
            named = np.zeros(table.capacity, np.bool_)
            named[[table.rows[name] for name in request.pinned if name in table.rows]] = True
            result &= named
    if constraint.honor_taints:
        result &= taint_toleration.mask(request.shape, table)
    return result


def domain_counts(constraint: SpreadConstraint, included: Mask, table: NodeTable) -> tuple[Ids, Ints, Mask]:
    """(domain of each row, Pods in each domain, which domains exist), over the included nodes."""
    column = table.label_column(constraint.topology_key)
    size = len(table.label_values(constraint.topology_key)) + 1
    per_node = table.topology.counter((constraint.group,)).whole()
    counts = np.bincount(column, weights=per_node * included, minlength=size).astype(np.int64)
    present = np.zeros(size, np.bool_)
    present[column[included]] = True
    present[0] = False
    return column, counts, present


def masks(request: PodRequest, table: NodeTable) -> tuple[Mask, Mask]:
    """(nodes that keep every constraint, nodes that have every topology key)."""
    constraints = request.shape.hard_spread
    keys = tuple(constraint.topology_key for constraint in constraints)
    keyed = table.live.copy()
    for key in keys:
        keyed &= table.label_column(key) > 0
    result = keyed.copy()
    for constraint in constraints:
        column, counts, present = domain_counts(constraint, eligible(request, constraint, keys, table), table)
        domains = int(present.sum())
        least = int(counts[present].min()) if domains and domains >= constraint.min_domains else 0
        itself = table.topology.belongs(request.identity, constraint.group)
        result &= (counts + int(itself) - least <= constraint.max_skew)[column]
    return result, keyed
