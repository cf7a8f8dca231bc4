"""Decides where a Pod goes: the feasible node with the best score, or a refusal with its reasons."""

from collections import OrderedDict

from kybern.scheduler.columns import Ints, np
from kybern.scheduler.config import Weights
from kybern.scheduler.filters import fit
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.reasons import Refusal, VolumeMask, refuse
from kybern.scheduler.shape import PodRequest, Shape
from kybern.scheduler.sheet import INFEASIBLE, TIE_BITS, Sheet

SHEET_LIMIT = 64
"""Shapes whose sheets are kept; at 5,000 nodes one is about 250 kB."""


class Placer:
    """Places Pods on the table, one after the other: each sees those before it."""

    def __init__(self, table: NodeTable, weights: Weights | None = None) -> None:
        self._table = table
        self._weights = weights or Weights()
        self._sheets: OrderedDict[Shape, Sheet] = OrderedDict()
        self.nominated: dict[str, dict[tuple[str, str], PodRequest]] = {}
        """Node -> Pods that wait for their victims there to go: room is kept for them."""
        self._nominations: dict[tuple[str, str], str] = {}

    def nominate(self, request: PodRequest, node: str) -> None:
        """Keep room on a node for a Pod, and none anywhere else ("": nowhere)."""
        self.withdraw(request.key)
        if node:
            self._nominations[request.key] = node
            self.nominated.setdefault(node, {})[request.key] = request

    def nomination(self, key: tuple[str, str]) -> str:
        """The node that is kept for a Pod, or ""."""
        return self._nominations.get(key, "")

    def withdraw(self, key: tuple[str, str]) -> None:
        """Keep no room for a Pod any more."""
        node = self._nominations.pop(key, "")
        if node:
            del self.nominated[node][key]
            if not self.nominated[node]:
                del self.nominated[node]

    def decide(self, request: PodRequest, volumes: VolumeMask | None = None) -> tuple[str, int] | Refusal:
        """(node, score) of the node to take, or why there is none. Changes nothing."""
        table = self._table
        keys = self._sheet(request.shape).keys_for(request, volumes.allowed if volumes else None)
        if request.pinned is not None:
            rows = np.array([table.rows[name] for name in request.pinned if name in table.rows], np.int64)
            return self._best(request, keys, rows) or self._refuse(request, volumes)
        kept = table.rows.get(self._nominations.get(request.key, ""), -1)
        if kept >= 0 and keys[kept] != INFEASIBLE and self._spared(request, kept):
            return table.names[kept], int(keys[kept]) >> TIE_BITS
        row = int(keys.argmax()) if len(table) else -1
        if row >= 0 and keys[row] != INFEASIBLE and (not self.nominated or self._spared(request, row)):
            return table.names[row], int(keys[row]) >> TIE_BITS
        return self._best(request, keys, None) or self._refuse(request, volumes)

    def feasible(self, request: PodRequest, row: int, volumes: VolumeMask | None = None) -> bool:
        """Whether one row can take the Pod as things stand (preemption's dry run asks)."""
        keys = self._sheet(request.shape).keys_for(request, volumes.allowed if volumes else None)
        return bool(keys[row] != INFEASIBLE) and self._spared(request, row)

    def _sheet(self, shape: Shape) -> Sheet:
        sheet = self._sheets.get(shape)
        if sheet is None:
            sheet = self._sheets[shape] = Sheet(shape, self._table, self._weights)
            if len(self._sheets) > SHEET_LIMIT:
                self._sheets.popitem(last=False)
        else:
            self._sheets.move_to_end(shape)
        return sheet

    def _best(self, request: PodRequest, keys: Ints, rows: Ints | None) -> tuple[str, int] | None:
        """The best of `rows` (all by default) that leaves nominated Pods their room."""
        if rows is None and not self.nominated:
            return None
        candidates = np.flatnonzero(keys != INFEASIBLE) if rows is None else rows
        for row in candidates[np.argsort(-keys[candidates], kind="stable")].tolist():
            if keys[row] != INFEASIBLE and self._spared(request, row):
                return self._table.names[row], int(keys[row]) >> TIE_BITS
        return None

    def _spared(self, request: PodRequest, row: int) -> bool:
        """Whether the Pods nominated to this row, of no lower priority, would still fit beside this one."""
        if not self.nominated:
            return True
        waiting = self._waiting(request, self._table.names[row])
        return not waiting or not fit.lacking(self._table, row, [request, *waiting])

    def _waiting(self, request: PodRequest, node: str) -> list[PodRequest]:
        others = self.nominated.get(node, {})
        return [other for other in others.values() if other.key != request.key and other.priority >= request.priority]

    def _refuse(self, request: PodRequest, volumes: VolumeMask | None) -> Refusal:
        rows = self._table.rows
        held = {rows[node]: self._waiting(request, node) for node in self.nominated if node in rows}
        return refuse(request, self._table, volumes, held)
