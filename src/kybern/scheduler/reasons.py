"""Why no node can take a Pod, in upstream's words. Computed only when a Pod is refused."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kybern.scheduler.columns import Mask, np
from kybern.scheduler.filters import (
    fit,
    inter_pod_affinity,
    node_affinity,
    node_ports,
    node_unschedulable,
    pod_topology_spread,
    taint_toleration,
)
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.shape import PodRequest

NOTHING_HELD: Mapping[int, Sequence[PodRequest]] = {}
NO_NODES = "no nodes available to schedule pods"
NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_CLAIMS = "no new claims to deallocate"
"""What upstream's DynamicResources, asked before preemption, says of every Pod without claims to devices."""
NO_STATE = "not found"
"""What it says instead where the Pod was refused before it was looked at: it has not seen it."""


@dataclass(frozen=True, slots=True)
class VolumeMask:
    """What a Pod's volumes say of the nodes (see volumes.py)."""

    allowed: Mask
    reasons: tuple[tuple[str, Mask], ...] = ()


@dataclass(slots=True)
class Refusal:
    """No node: how many nodes each reason holds for, and who said so."""

    total: int
    counts: dict[str, int]
    plugins: frozenset[str]
    """The filters that rejected at least one node; queueing hints ask them."""
    resolvable: Mask
    """Rows where evicting Pods might help."""
    preemption: str = ""
    """What became of preemption, a sentence."""
    whole: str = ""
    """A reason that needs no node to be looked at (a claim is missing)."""

    @property
    def message(self) -> str:
        """`0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. no new claims …, preemption: …`."""
        if not self.total:
            return NO_NODES
        if self.whole:
            return f"0/{self.total} nodes are available: {self.whole}. {NO_STATE}"
        text = available(self.total, self.counts)
        return f"{text} {NO_CLAIMS}, {self.preemption}" if self.preemption else text


def available(total: int, counts: dict[str, int]) -> str:
    """`0/N nodes are available: 1 A, 2 B.`, the parts sorted as text."""
    parts = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items() if count))
    return f"0/{total} nodes are available: {parts}." if parts else f"0/{total} nodes are available:"


class _Tally:
    """Gives each node to the first filter that rejects it."""

    def __init__(self, table: NodeTable) -> None:
        self.open: Mask = table.live.copy()
        self.helpless: Mask = np.zeros(table.capacity, np.bool_)
        self.counts: Counter[str] = Counter()
        self.plugins: set[str] = set()

    def reject(self, plugin: str, reason: str, rejected: Mask, *, final: bool) -> None:
        """`final`: evicting Pods would not change it."""
        rejected = rejected & self.open
        number = int(rejected.sum())
        if number:
            self.counts[reason] += number
            self.plugins.add(plugin)
            self.open &= ~rejected
            if final:
                self.helpless |= rejected


def refuse(
    request: PodRequest,
    table: NodeTable,
    volumes: VolumeMask | None = None,
    held: Mapping[int, Sequence[PodRequest]] = NOTHING_HELD,
) -> Refusal:
    """Ask every filter in upstream's order; a node counts for the first that rejects it (for each shortage of it).

    `held`: the Pods for which a row's room is kept.
    """
    shape, tally = request.shape, _Tally(table)
    if request.pinned is not None:
        named = np.zeros(table.capacity, np.bool_)
        named[[table.rows[name] for name in request.pinned if name in table.rows]] = True
        tally.reject("NodeAffinity", node_affinity.REASON_PINNED, ~named, final=True)
    unschedulable = ~node_unschedulable.mask(shape, table)
    tally.reject("NodeUnschedulable", node_unschedulable.REASON, unschedulable, final=True)
    tally.reject("TaintToleration", taint_toleration.REASON, ~taint_toleration.mask(shape, table), final=True)
    tally.reject("NodeAffinity", node_affinity.REASON, ~node_affinity.mask(shape, table), final=True)
    tally.reject("NodePorts", node_ports.REASON, ~node_ports.mask(shape, table), final=False)
    _reject_shortages(request, table, tally, held)
    for reason, rejected in volumes.reasons if volumes else ():
        tally.reject("VolumeBinding", reason, rejected, final=True)
    if shape.hard_spread:
        kept, keyed = pod_topology_spread.masks(request, table)
        tally.reject("PodTopologySpread", pod_topology_spread.REASON_MISSING, ~keyed, final=True)
        tally.reject("PodTopologySpread", pod_topology_spread.REASON, ~kept, final=False)
    if shape.affinity:
        near = inter_pod_affinity.affinity_mask(request, table)
        tally.reject("InterPodAffinity", inter_pod_affinity.REASON_AFFINITY, ~near, final=True)
    if shape.anti_affinity:
        apart = inter_pod_affinity.anti_affinity_mask(request, table)
        tally.reject("InterPodAffinity", inter_pod_affinity.REASON_ANTI_AFFINITY, ~apart, final=False)
    existing = ~inter_pod_affinity.existing_mask(request, table)
    tally.reject("InterPodAffinity", inter_pod_affinity.REASON_EXISTING, existing, final=False)
    resolvable = table.live & ~tally.helpless
    return Refusal(len(table), dict(tally.counts), frozenset(tally.plugins), resolvable)


def _reject_shortages(
    request: PodRequest, table: NodeTable, tally: _Tally, held: Mapping[int, Sequence[PodRequest]]
) -> None:
    """A node may lack several resources at once, and is counted for each."""
    rejected = np.zeros(table.capacity, np.bool_)
    for reason, short, never in fit.shortages(request.shape, table):
        here = short & tally.open
        if here.any():
            tally.counts[reason] += int(here.sum())
            tally.plugins.add("NodeResourcesFit")
            rejected |= here
            tally.helpless |= here & never
    for row, others in held.items():
        if others and tally.open[row] and not rejected[row]:
            reasons = fit.lacking(table, row, [request, *others])
            tally.counts.update(reasons)
            rejected[row] = bool(reasons)
            tally.plugins.update(["NodeResourcesFit"] if reasons else [])
    tally.open &= ~rejected
