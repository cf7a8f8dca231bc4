"""The cluster's nodes as columns, with what is placed on each. A placement touches one row.

Invariants: `requested` of a row is the sum over the Pods placed there; every change of a row is in `usage_log` (what
Pods change) or raises `epoch` (what the Node object says), so that cached masks know what to look at again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from random import Random

from kybern.api.types.core_v1 import Node
from kybern.scheduler.columns import Ids, Ints, Mask, np
from kybern.scheduler.pods import amounts
from kybern.scheduler.shape import HostPort, Identity, PodRequest, Taint
from kybern.scheduler.topology import Topology

FIRST_CAPACITY = 64
LOG_LIMIT = 100_000
"""Entries of the usage log; when it is full it starts anew and every cached mask is made again."""
UNSCHEDULABLE_TAINT = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")


class NodeTable:
    """Columns for all nodes. Rows of nodes that are gone are free, and used again."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.rows: dict[str, int] = {}
        self.names: list[str] = []
        self._free: list[int] = []
        self.live: Mask = np.zeros(FIRST_CAPACITY, np.bool_)
        self.unschedulable: Mask = np.zeros(FIRST_CAPACITY, np.bool_)
        self.tie: Ints = np.zeros(FIRST_CAPACITY, np.int64)
        """A random rank: among equal nodes the highest is taken (upstream draws lots)."""
        self.pod_count: Ints = np.zeros(FIRST_CAPACITY, np.int64)
        self.max_pods: Ints = np.zeros(FIRST_CAPACITY, np.int64)
        self.nonzero: Ints = np.zeros((2, FIRST_CAPACITY), np.int64)
        """Milli-cores and bytes requested, with the defaults for scores."""
        self.allocatable: dict[str, Ints] = {}
        self.requested: dict[str, Ints] = {}
        self.taint_sets: list[tuple[Taint, ...]] = [()]
        self._taint_ids: dict[tuple[Taint, ...], int] = {(): 0}
        self.taints: Ids = np.zeros(FIRST_CAPACITY, np.int32)
        self.labels: list[Mapping[str, str]] = []
        self._label_columns: dict[str, Ids] = {}
        self._label_values: dict[str, dict[str, int]] = {}
        self.images: dict[str, dict[int, int]] = {}
        """Image name -> row -> bytes."""
        self._row_images: dict[int, Mapping[str, int]] = {}
        self.ports: dict[tuple[str, int], dict[int, list[str]]] = defaultdict(dict)
        """(protocol, port) -> row -> addresses taken."""
        self.pods: dict[tuple[str, str], tuple[PodRequest, int]] = {}
        self.by_row: list[dict[tuple[str, str], PodRequest]] = []
        self.versions: list[int] = []
        """Of each row: grows with every Pod that comes, goes or is another to its disruption budget."""
        self.usage_log: list[int] = []
        self.epoch = 0
        """Grows when nodes come, go or change."""
        self.orphans: dict[str, dict[tuple[str, str], PodRequest]] = defaultdict(dict)
        """Pods bound to nodes that are not known (yet)."""
        self.topology = Topology(self)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def capacity(self) -> int:
        """Length of every column."""
        return len(self.live)

    # Nodes

    def set_node(self, node: Node) -> bool:
        """Add a node or take over its change. Returns whether anything the scheduler looks at is different."""
        name = node.metadata.name
        row = self.rows.get(name)
        adopted = row is None
        if row is None:
            row = self._new_row(name)
        changed = self._set_facts(row, node) or adopted
        if changed:
            self._next_epoch()
        if adopted:
            for request in self.orphans.pop(name, {}).values():
                self.place(request, row)
        return changed

    def remove_node(self, name: str) -> None:
        """Forget a node; its Pods become orphans until they are gone too, or the node is back."""
        row = self.rows.get(name)
        if row is None:
            return
        for request in list(self.by_row[row].values()):
            self.remove(request.key)
            self.orphans[name][request.key] = request
        del self.rows[name]
        self.live[row] = False
        self.names[row] = ""
        self._set_labels(row, {})
        self._set_images(row, {})
        self._free.append(row)
        self._next_epoch()

    def _next_epoch(self) -> None:
        self.epoch += 1
        self.usage_log.clear()

    def _new_row(self, name: str) -> int:
        if self._free:
            row = self._free.pop()
            self.names[row] = name
        else:
            row = len(self.names)
            self.names.append(name)
            self.labels.append({})
            self.by_row.append({})
            self.versions.append(0)
            if row >= self.capacity:
                self._grow()
        self.rows[name] = row
        self.live[row] = True
        self.tie[row] = self._random.getrandbits(20)
        return row

    def _grow(self) -> None:
        more = self.capacity
        self.live = np.concatenate([self.live, np.zeros(more, np.bool_)])
        self.unschedulable = np.concatenate([self.unschedulable, np.zeros(more, np.bool_)])
        self.taints = np.concatenate([self.taints, np.zeros(more, np.int32)])
        self.nonzero = np.concatenate([self.nonzero, np.zeros((2, more), np.int64)], axis=1)
        for name in ("tie", "pod_count", "max_pods"):
            setattr(self, name, np.concatenate([getattr(self, name), np.zeros(more, np.int64)]))
        for columns in (self.allocatable, self.requested):
            for resource, column in columns.items():
                columns[resource] = np.concatenate([column, np.zeros(more, np.int64)])
        for key, ids in self._label_columns.items():
            self._label_columns[key] = np.concatenate([ids, np.zeros(more, np.int32)])

    def _set_facts(self, row: int, node: Node) -> bool:
        changed = self._set_allocatable(row, amounts(node.status.allocatable))
        unschedulable = bool(node.spec.unschedulable)
        taints = tuple(Taint(taint.key, taint.value, taint.effect) for taint in node.spec.taints)
        taint_id = self._taint_ids.setdefault(taints, len(self.taint_sets))
        if taint_id == len(self.taint_sets):
            self.taint_sets.append(taints)
        if unschedulable != self.unschedulable[row] or taint_id != self.taints[row]:
            self.unschedulable[row], self.taints[row] = unschedulable, taint_id
            changed = True
        if node.metadata.labels != self.labels[row]:
            self._set_labels(row, node.metadata.labels)
            changed = True
        images = {name: image.size_bytes or 0 for image in node.status.images for name in image.names}
        if images != self._row_images.get(row, {}):
            self._set_images(row, images)
            changed = True
        return changed

    def _set_allocatable(self, row: int, given: dict[str, int]) -> bool:
        changed = False
        max_pods = given.pop("pods", 0)
        if self.max_pods[row] != max_pods:
            self.max_pods[row], changed = max_pods, True
        for resource in given.keys() | self.allocatable.keys():
            column = self.column(self.allocatable, resource)
            number = given.get(resource, 0)
            if column[row] != number:
                column[row], changed = number, True
        return changed

    def column(self, columns: dict[str, Ints], resource: str) -> Ints:
        """The column of one resource, made when it is first asked for."""
        column = columns.get(resource)
        if column is None:
            column = columns[resource] = np.zeros(self.capacity, np.int64)
        return column

    # Labels and images

    def label_column(self, key: str) -> Ids:
        """The interned value of a label for every row, 0 where it is absent. Only keys that someone asks for cost."""
        column = self._label_columns.get(key)
        if column is None:
            values = self._label_values[key] = {}
            column = np.zeros(self.capacity, np.int32)
            for row, labels in enumerate(self.labels):
                if key in labels:
                    column[row] = values.setdefault(labels[key], len(values) + 1)
            self._label_columns[key] = column
        return column

    def label_values(self, key: str) -> Mapping[str, int]:
        """Value -> id in `label_column(key)`."""
        self.label_column(key)
        return self._label_values[key]

    def _set_labels(self, row: int, labels: Mapping[str, str]) -> None:
        self.labels[row] = labels
        for key, column in self._label_columns.items():
            values = self._label_values[key]
            column[row] = values.setdefault(labels[key], len(values) + 1) if key in labels else 0

    def _set_images(self, row: int, images: Mapping[str, int]) -> None:
        for name in self._row_images.pop(row, {}):
            self.images[name].pop(row, None)
            if not self.images[name]:
                del self.images[name]
        for name, size in images.items():
            self.images.setdefault(name, {})[row] = size
        if images:
            self._row_images[row] = images

    # Pods

    def assign(self, request: PodRequest, node: str) -> None:
        """Count a Pod on a node by name; a change of a Pod that is counted already replaces it."""
        self.unassign(request.key)
        row = self.rows.get(node)
        if row is None:
            self.orphans[node][request.key] = request
        else:
            self.place(request, row)

    def unassign(self, key: tuple[str, str]) -> bool:
        """Stop counting a Pod. Returns whether it was counted."""
        if key in self.pods:
            self.remove(key)
            return True
        for node, requests in self.orphans.items():
            if requests.pop(key, None) is not None:
                if not requests:
                    del self.orphans[node]
                return True
        return False

    def place(self, request: PodRequest, row: int) -> None:
        """Count a Pod on a row."""
        assert request.key not in self.pods, request.key
        self.pods[request.key] = (request, row)
        self.by_row[row][request.key] = request
        for port in request.shape.ports:
            self.ports[port.protocol, port.port].setdefault(row, []).append(port.ip)
        self._count(request, row, 1)

    def remove(self, key: tuple[str, str]) -> tuple[PodRequest, int]:
        """Take a Pod off its row. Raises KeyError when it is on none."""
        request, row = self.pods.pop(key)
        del self.by_row[row][key]
        for port in request.shape.ports:
            self._release(port, row)
        self._count(request, row, -1)
        return request, row

    def relabel(self, request: PodRequest, row: int, identity: Identity) -> None:
        """Other Pods see another one from now on; what it takes of its row stays."""
        self.topology.count(request.shape, request.identity, row, -1)
        request.identity = identity
        self.topology.count(request.shape, identity, row, 1)
        self.versions[row] += 1

    def _release(self, port: HostPort, row: int) -> None:
        taken = self.ports[port.protocol, port.port]
        taken[row].remove(port.ip)
        if not taken[row]:
            del taken[row]

    def _count(self, request: PodRequest, row: int, sign: int) -> None:
        shape = request.shape
        for resource, number in shape.requests:
            self.column(self.requested, resource)[row] += sign * number
        self.nonzero[0, row] += sign * shape.nonzero[0]
        self.nonzero[1, row] += sign * shape.nonzero[1]
        self.pod_count[row] += sign
        self.versions[row] += 1
        self.topology.count(shape, request.identity, row, sign)
        if len(self.usage_log) >= LOG_LIMIT:
            self._next_epoch()
        self.usage_log.append(row)

    def identities(self) -> Iterable[tuple[Identity, int]]:
        """Every placed Pod's identity and row (to fill a counter that is new)."""
        return ((request.identity, row) for request, row in self.pods.values())
