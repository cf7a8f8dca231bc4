"""How many Pods of a group run in each topology domain, kept up to date with every placement.

A counter is made when a Pod first asks for its group; from then on a placement changes one cell of it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from kybern.scheduler.columns import Ids, Ints, np
from kybern.scheduler.selectors import matches
from kybern.scheduler.shape import AffinityTerm, Group, Identity, PodRequest, Shape, WeightedTerm

if TYPE_CHECKING:
    from kybern.scheduler.nodes import NodeTable

HARD_POD_AFFINITY_WEIGHT = 1
"""How much a running Pod's required affinity to the incoming Pod counts as a preference (upstream's default)."""
MEMORY_LIMIT = 20_000
"""Identities whose matches are remembered."""

TermT = TypeVar("TermT")
Groups = tuple[Group, ...]


class Counter:
    """Pods per node, and their sums per domain of the topology keys that were asked for."""

    def __init__(self, table: "NodeTable") -> None:
        self._table = table
        self.total = 0
        self.per_node: Ints = np.zeros(table.capacity, np.int64)
        self._sums: dict[str, tuple[int, Ids, Ints]] = {}

    def add(self, row: int, number: int) -> None:
        """Count `number` Pods more (or fewer) on a row."""
        if row >= len(self.per_node):
            self.per_node = self.whole()
        self.per_node[row] += number
        self.total += number
        for epoch, column, sums in self._sums.values():
            if epoch == self._table.epoch:
                sums[column[row]] += number * bool(column[row])

    def whole(self) -> Ints:
        """Pods per node, as long as the table's columns."""
        missing = self._table.capacity - len(self.per_node)
        if missing > 0:
            self.per_node = np.concatenate([self.per_node, np.zeros(missing, np.int64)])
        return self.per_node

    def around(self, key: str) -> Ints:
        """For every row, how many Pods run in its domain of topology `key`; 0 where the label is absent."""
        epoch, column, sums = self._sums.get(key, (-1, None, None))
        if epoch != self._table.epoch or column is None or sums is None:
            column = self._table.label_column(key)
            sums = np.bincount(column, weights=self.whole(), minlength=len(self._table.label_values(key)) + 1)
            sums = sums.astype(np.int64)
            sums[0] = 0
            self._sums[key] = (self._table.epoch, column, sums)
        around: Ints = sums[column]
        return around


class Topology:
    """All counters: of Pods that match a group, and of Pods that bear an (anti-)affinity term."""

    def __init__(self, table: "NodeTable") -> None:
        self._table = table
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self._matching: dict[Groups, Counter] = {}
        self._matched: dict[Identity, list[Counter]] = {}
        self._forbidding: dict[AffinityTerm, Counter] = {}
        """Pods with a required anti-affinity term."""
        self._wishing: dict[WeightedTerm, Counter] = {}
        """Pods with a term that is a preference to those it matches."""
        self._touching: dict[Identity, tuple[int, list[AffinityTerm], list[WeightedTerm]]] = {}

    def set_namespace(self, name: str, labels: Mapping[str, str] | None) -> bool:
        """Take over a namespace's labels (None: it is gone). Returns whether that changed anything."""
        if self._namespaces.get(name) == labels:
            return False
        if labels is None:
            del self._namespaces[name]
        else:
            self._namespaces[name] = labels
        stale = [groups for groups in self._matching if any(group.namespace_selector is not None for group in groups)]
        for groups in stale:
            del self._matching[groups]
        self._matched.clear()
        self._touching.clear()
        return True

    def belongs(self, identity: Identity, group: Group) -> bool:
        """Whether a group holds a Pod."""
        if group.live_only and identity.terminating:
            return False
        if identity.namespace not in group.namespaces:
            selector = group.namespace_selector
            if selector is None or not matches(selector, self._namespaces.get(identity.namespace, {})):
                return False
        return matches(group.selector, identity.label_map)

    def counter(self, groups: Groups) -> Counter:
        """Counts the Pods that are in every one of `groups`."""
        counter = self._matching.get(groups)
        if counter is None:
            counter = self._matching[groups] = Counter(self._table)
            self._matched.clear()
            known: dict[Identity, bool] = {}
            for identity, row in self._table.identities():
                inside = known.get(identity)
                if inside is None:
                    inside = known[identity] = self._inside(identity, groups)
                if inside:
                    counter.add(row, 1)
        return counter

    def _inside(self, identity: Identity, groups: Groups) -> bool:
        return all(self.belongs(identity, group) for group in groups)

    def count(self, shape: Shape, identity: Identity, row: int, sign: int) -> None:
        """A Pod was placed on (1) or taken off (-1) a row."""
        matched = self._matched.get(identity)
        if matched is None:
            if len(self._matched) > MEMORY_LIMIT:
                self._matched.clear()
            matched = [counter for groups, counter in self._matching.items() if self._inside(identity, groups)]
            self._matched[identity] = matched
        for counter in matched:
            counter.add(row, sign)
        for term in shape.anti_affinity:
            self._bearers(self._forbidding, term).add(row, sign)
        for term in shape.affinity:
            self._bearers(self._wishing, WeightedTerm(HARD_POD_AFFINITY_WEIGHT, term)).add(row, sign)
        for wish in shape.preferences:
            self._bearers(self._wishing, wish).add(row, sign)

    def _bearers(self, counters: dict[TermT, Counter], term: TermT) -> Counter:
        counter = counters.get(term)
        if counter is None:
            counter = counters[term] = Counter(self._table)
            self._touching.clear()
        return counter

    def touching(self, request: PodRequest) -> tuple[list[AffinityTerm], list[WeightedTerm]]:
        """The terms of Pods that run which match this Pod: those that forbid it, those that wish for or against it."""
        size = len(self._forbidding) + len(self._wishing)
        known = self._touching.get(request.identity)
        if known is None or known[0] != size:
            if len(self._touching) > MEMORY_LIMIT:
                self._touching.clear()
            identity = request.identity
            forbidding = [term for term in self._forbidding if self.belongs(identity, term.group)]
            wishing = [wish for wish in self._wishing if self.belongs(identity, wish.term.group)]
            known = self._touching[identity] = (size, forbidding, wishing)
        return (
            [term for term in known[1] if self._forbidding[term].total],
            [wish for wish in known[2] if self._wishing[wish].total],
        )

    def forbidding(self, term: AffinityTerm) -> Ints:
        """For every row, how many Pods in its domain bear this anti-affinity term."""
        return self._forbidding[term].around(term.topology_key)

    def wishing(self, wish: WeightedTerm) -> Ints:
        """For every row, how many Pods in its domain bear this preference."""
        return self._wishing[wish].around(wish.term.topology_key)
