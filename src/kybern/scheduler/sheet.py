"""What is known of all nodes for one shape of Pod: who can take it, and how good each is. Kept between placements.

A sheet catches up by looking again only at the rows that Pods came to or left; when a Node object changed it is made
anew. Where other Pods matter (affinity, spread), that part is computed for each Pod on top.
"""

from kybern.scheduler.columns import Ints, Mask, np
from kybern.scheduler.config import Weights
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
from kybern.scheduler.scores import inter_pod_affinity as affinity_score
from kybern.scheduler.scores import pod_topology_spread as spread_score
from kybern.scheduler.scores import preferences, resources
from kybern.scheduler.shape import PodRequest, Shape

TIE_BITS = 20
"""Room below the score for the random rank of a node."""
INFEASIBLE = -1
WHOLE_SHARE = 4
"""When more than one row in this many changed, all rows are looked at."""


class Sheet:
    """Masks and scores of one shape over all rows."""

    def __init__(self, shape: Shape, table: NodeTable, weights: Weights) -> None:
        self._shape = shape
        self._table = table
        self._weights = weights
        self._epoch = -1
        self._position = 0
        self.allowed: Mask
        """What the Node objects allow."""
        self.feasible: Mask
        """… and what has room."""
        self.room: Ints
        """Scores that follow from requests."""
        self.keys: Ints
        """score << TIE_BITS | rank, or INFEASIBLE: the largest is the node to take."""

    def catch_up(self) -> None:
        """Take in what happened since the last look."""
        table = self._table
        if self._epoch != table.epoch:
            self._make()
            return
        news = table.usage_log[self._position :]
        if not news:
            return
        self._position = len(table.usage_log)
        if len(news) * WHOLE_SHARE > len(table):
            self._look_at_all()
        else:
            self._look_at(np.array(list(set(news)) if len(news) > 1 else news, np.int64))

    def _make(self) -> None:
        shape, table, weights = self._shape, self._table, self._weights
        self.allowed = table.live & node_unschedulable.mask(shape, table) & taint_toleration.mask(shape, table)
        self.allowed &= node_affinity.mask(shape, table)
        self._taints = preferences.taint_counts(shape, table)
        self._affinity = preferences.affinity_weights(shape, table)
        self._varies = bool(self._taints.any() or self._affinity.any())
        self._images = weights.image_locality * preferences.image_locality(shape, table)
        self._epoch, self._position = table.epoch, len(table.usage_log)
        self._look_at_all()

    def _look_at_all(self) -> None:
        shape, table = self._shape, self._table
        self.feasible = self.allowed & fit.mask(shape, table)
        if shape.ports:
            self.feasible &= node_ports.mask(shape, table)
        self.room = self._room(slice(None))
        self._rank_all()

    def _room(self, rows: Ints | slice) -> Ints:
        return self._weights.least_allocated * resources.least_allocated(
            self._shape, self._table, rows
        ) + self._weights.balanced_allocation * resources.balanced_allocation(self._shape, self._table, rows)

    def _rank_all(self) -> None:
        self._fixed = self.preferred(self.feasible) + self._images
        self.keys = self.ranked(self.room + self._fixed, self.feasible)

    def _look_at(self, rows: Ints) -> None:
        shape, table = self._shape, self._table
        before = self.feasible[rows]
        after = self.allowed[rows] & fit.mask(shape, table, rows)
        if shape.ports:
            after &= node_ports.mask(shape, table)[rows]
        self.feasible[rows] = after
        self.room[rows] = self._room(rows)
        if self._varies and (before != after).any():
            self._rank_all()
        else:
            scores = self.room[rows] + self._fixed[rows]
            self.keys[rows] = np.where(after, scores << TIE_BITS | table.tie[rows], INFEASIBLE)

    def preferred(self, feasible: Mask) -> Ints:
        """TaintToleration and NodeAffinity, normalised over `feasible`."""
        taints = preferences.normalise(self._taints, feasible, reverse=True)
        affinity = preferences.normalise(self._affinity, feasible)
        return self._weights.taint_toleration * taints + self._weights.node_affinity * affinity

    def ranked(self, scores: Ints, feasible: Mask) -> Ints:
        """Scores with the rank that decides between equals."""
        return np.where(feasible, scores << TIE_BITS | self._table.tie, INFEASIBLE)

    def keys_for(self, request: PodRequest, also: Mask | None = None) -> Ints:
        """The keys for one Pod: the shape's own, narrowed and weighed by where other Pods run and by `also`."""
        self.catch_up()
        topology, shape = self._table.topology, self._shape
        forbidding, wishing = topology.touching(request)
        if not (shape.looks_at_pods or forbidding or wishing):
            return self.keys if also is None else np.where(also, self.keys, INFEASIBLE)
        feasible = self.feasible & among_pods(request, self._table)
        if also is not None:
            feasible &= also
        scores = self.room + self._images
        scores = scores + (self.preferred(feasible) if self._varies else self._fixed - self._images)
        if shape.preferences or wishing:
            raw = affinity_score.raw(request, self._table)
            scores = scores + self._weights.inter_pod_affinity * affinity_score.normalise(raw, feasible)
        if shape.soft_spread:
            scores = scores + self._weights.pod_topology_spread * spread_score.score(request, self._table, feasible)
        return self.ranked(scores, feasible)


def among_pods(request: PodRequest, table: NodeTable) -> Mask:
    """What topology spread and inter-pod affinity allow."""
    shape = request.shape
    result = inter_pod_affinity.existing_mask(request, table)
    if shape.hard_spread:
        result &= pod_topology_spread.masks(request, table)[0]
    if shape.affinity:
        result &= inter_pod_affinity.affinity_mask(request, table)
    if shape.anti_affinity:
        result &= inter_pod_affinity.anti_affinity_mask(request, table)
    return result
