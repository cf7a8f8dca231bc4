"""What an expression can cost at least and at most, before it has run, by upstream's model (cel-go's checker/cost.go).

Sizes come from the types of the variables; a part whose size nobody knows can be of any. All numbers stop at 2^64-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kybern.api.cel.costs import LIST_BASE, MAP_BASE, STRUCT_BASE, TRAVERSAL
from kybern.api.cel.macros import ACCUMULATOR
from kybern.api.cel.nodes import (
    Call,
    Comprehension,
    Ident,
    ListNode,
    Literal,
    MapNode,
    Node,
    Select,
    StructNode,
)
from kybern.api.cel.ranges import ONE, UNKNOWN, ZERO, Range
from kybern.api.cel.types import SCALARS, UNBOUNDED, CelType, is_optional

Path = tuple[str, ...]


class Sizes(NamedTuple):
    """Sizes of what is in a list or map: of keys and of values."""

    container: str
    key: Range
    value: Range

    def union(self, other: Sizes) -> Sizes:
        return Sizes(self.container, self.key.union(other.key), self.value.union(other.value))


class Local(NamedTuple):
    """A variable of a comprehension: where its values are from, and how large they are."""

    path: Path
    size: Range | None
    entries: Sizes | None


class Argument(NamedTuple):
    """What estimates of calls know of an operand."""

    node: Node | None
    type: CelType
    path: Path
    size: Range | None


def estimate(root: Node, variables: Mapping[str, CelType]) -> tuple[int, int]:
    """Units at least and at most."""
    cost = Estimator(variables).cost(root)
    return cost.low, cost.high


class Estimator:
    """Walks a tree once; remembers the sizes of what it has passed, by node."""

    def __init__(self, variables: Mapping[str, CelType]) -> None:
        self._variables = variables
        self._locals: dict[str, list[Local]] = {}
        self._paths: dict[int, Path] = {}
        self._sizes: dict[int, Range] = {}
        self._entries: dict[int, Sizes] = {}

    def cost(self, node: Node) -> Range:
        match node:
            case Literal():
                return ZERO
            case Ident():
                local = self._local(node.name)
                self._paths[id(node)] = local.path if local else (node.name,)
                return ONE
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListNode():
                return self._list(node)
            case MapNode():
                return self._map(node)
            case StructNode():
                return _total([self.cost(field.value) for field in node.fields]).plus(STRUCT_BASE)
            case Comprehension() if node.macro == "bind":
                return self._bind(node)
            case Comprehension():
                return self._comprehension(node)
            case _:
                return ZERO

    def _local(self, name: str) -> Local | None:
        found = self._locals.get(name)
        return found[-1] if found else None

    def _push(self, name: str, local: Local) -> None:
        self._locals.setdefault(name, []).append(local)

    def _path(self, node: Node) -> Path:
        local = self._local(node.name) if isinstance(node, Ident) else None
        return local.path if local else self._paths.get(id(node), ())

    def _select(self, node: Select) -> Range:
        if node.variable is not None:
            self._paths[id(node)] = (node.variable.name,)
            return self.cost(node.variable)
        base = self.cost(node.operand)
        if node.test_only:
            return base
        self._paths[id(node)] = (*self._path(node.operand), node.field)
        return base.plus(1) if node.operand.type.kind in ("map", "object", "param") else base

    def _list(self, node: ListNode) -> Range:
        costs = [self.cost(element) for element in node.elements]
        value = _union([self.size_or_unknown(element) for element in node.elements])
        self._entries[id(node)] = Sizes("list", ONE, value)
        return _total(costs).plus(LIST_BASE)

    def _map(self, node: MapNode) -> Range:
        costs = [self.cost(part) for entry in node.entries for part in (entry.key, entry.value)]
        key = _union([self.size_or_unknown(entry.key) for entry in node.entries])
        value = _union([self.size_or_unknown(entry.value) for entry in node.entries])
        self._entries[id(node)] = Sizes("map", key, value)
        return _total(costs).plus(MAP_BASE)

    def _bind(self, node: Comprehension) -> Range:
        cost = self.cost(node.items).add(self.cost(node.initial))
        path = self._path(node.initial)
        self._push(node.accumulator, Local(path, self.size(node.initial), self._entries_of(node.initial)))
        cost = cost.add(self.cost(node.result))
        self._locals[node.accumulator].pop()
        self._copy_sizes(node, node.result)
        return cost

    def _copy_sizes(self, target: Node, source: Node) -> None:
        size, entries = self.size(source), self._entries_of(source)
        if size is not None:
            self._sizes[id(target)] = size
        if entries is not None:
            self._entries[id(target)] = entries

    def _comprehension(self, node: Comprehension) -> Range:
        cost = self.cost(node.items).add(self.cost(node.initial))
        initial = Local(self._path(node.initial), self.size(node.initial), self._entries_of(node.initial))
        self._push(node.accumulator, initial)
        self._push_variables(node)
        turn = self.cost(node.condition).add(self.cost(node.step))
        for name in (node.variable, node.variable2):
            if name:
                self._locals[name].pop()
        cost = cost.add(self.cost(node.result))
        self._locals[node.accumulator].pop()
        turns = self.size_or_unknown(node.items)
        if isinstance(node.initial, Literal):
            size = self.size(node.initial)
            if size is not None:
                self._sizes[id(node)] = size
        else:
            self._sizes[id(node)] = turns
            step = self._entries_of(node.step)
            if step is not None:
                self._entries[id(node)] = step
        return cost.add(turns.multiply(turn))

    def _push_variables(self, node: Comprehension) -> None:
        entries, path = self._entries_of(node.items), self._path(node.items)
        is_list = (entries.container if entries else node.items.type.kind) == "list"
        key = Local((*path, "@indices" if is_list else "@keys"), entries.key if entries else None, None)
        value = Local((*path, "@items" if is_list else "@values"), entries.value if entries else None, None)
        if node.variable2:
            self._push(node.variable, key)
            self._push(node.variable2, value)
        else:
            self._push(node.variable, value if is_list else key)

    def _call(self, node: Call) -> Range:
        if node.function == "dyn":
            cost = self.cost(node.args[0]).plus(1)
            self._copy_sizes(node, node.args[0])
            return cost
        costs = [self.cost(arg) for arg in node.args]
        if not node.overloads:
            return ZERO
        target = ZERO if node.target is None else self.cost(node.target)
        low, high = UNBOUNDED, 0
        result: Range | None = None
        for overload in node.overloads:
            cost, size = self._overload(node, overload, costs)
            low, high = min(low, cost.low), max(high, cost.high)
            if size is not None:
                result = size if result is None else result.union(size)
            result = self._indexed(node, overload, result)
            if result is None:
                result = self.size(node)
        if result is not None:
            self._sizes[id(node)] = result
        return target.add(Range(low, high))

    def _indexed(self, node: Call, overload: str, result: Range | None) -> Range | None:
        """Where an index leads to; what is there has the size that is known of it."""
        step = {"index_list": "@items", "index_map": "@values"}.get(overload)
        if step is None:
            return result
        entries = self._entries_of(node.args[0])
        self._paths[id(node)] = (*self._path(node.args[0]), step)
        return entries.value if entries else None

    def argument(self, node: Node) -> Argument:
        path = self._path(node)
        return Argument(node, node.type, () if path[:1] == (ACCUMULATOR,) else path, self.size(node))

    def _overload(self, node: Call, overload: str, costs: list[Range]) -> tuple[Range, Range | None]:
        """Cost with its arguments', and size of the result, of one overload."""
        from kybern.api.cel.estimate_calls import estimate_call

        args = [self.argument(arg) for arg in node.args]
        target = self.argument(node.target) if node.target else None
        found = estimate_call(self, node.function, overload, target, args)
        if found is not None:
            return found[0].add(_total(costs)), found[1]
        if overload in ("logical_and", "logical_or"):
            return Range(costs[0].low, costs[0].add(costs[1]).high), None
        if overload == "conditional":
            size = self.size_or_unknown(node.args[1]).union(self.size_or_unknown(node.args[2]))
            self._join_entries(node, node.args[1], node.args[2])
            return costs[0].add(costs[1].union(costs[2])), size
        if overload in ("add_string", "add_bytes", "add_list"):
            size = self.size_or_unknown(node.args[0]).add(self.size_or_unknown(node.args[1]))
            self._join_entries(node, node.args[0], node.args[1])
            cost = ONE if overload == "add_list" else size.scaled(TRAVERSAL)
            return cost.add(_total(costs)), size
        return ONE.add(_total(costs)), None

    def _join_entries(self, node: Node, one: Node, other: Node) -> None:
        first, second = self._entries_of(one), self._entries_of(other)
        if first is not None and second is not None:
            self._entries[id(node)] = first.union(second)

    def _entries_of(self, node: Node) -> Sizes | None:
        found = self._entries.get(id(node))
        if found is None and isinstance(node, Ident):
            local = self._local(node.name)
            return local.entries if local else None
        return found

    def size(self, node: Node) -> Range | None:
        """Of a node's values, if anything is known of it."""
        known = self._sizes.get(id(node)) or _literal_size(node)
        if known is not None:
            return known
        declared = self.declared_size(self._path(node))
        if declared is not None:
            self._sizes[id(node)] = declared
            return declared
        if _is_scalar(node.type):
            return ONE
        local = self._local(node.name) if isinstance(node, Ident) else None
        return local.size if local else None

    def size_or_unknown(self, node: Node) -> Range:
        return self.size(node) or UNKNOWN

    def declared_size(self, path: Path) -> Range | None:
        """What the types of the variables say about what is at a path. What is no variable has the size of `self`:
        upstream's estimates do not look at the first part of a path."""
        kind = self._variables.get(path[0], self._variables.get("self")) if path else None
        if kind is None:
            return None
        if is_optional(kind):
            kind = kind.params[0]
        for step in path[1:]:
            found = _step(kind, step)
            if found is None:
                return None
            kind = found
        return None if kind.max_elements is None and kind.kind == "dyn" else Range(0, kind.max_elements or 0)

    def size_of(self, argument: Argument) -> Range:
        """Of an operand, as Kubernetes' estimates look for it."""
        return argument.size or self.declared_size(argument.path) or UNKNOWN


def _step(kind: CelType, step: str) -> CelType | None:
    if step in ("@items", "@values"):
        return kind.params[-1] if kind.kind in ("list", "map") else None
    if step == "@keys":
        return kind.params[0] if kind.kind == "map" else None
    found = (kind.fields or {}).get(step)
    return found.type if found else None


def _literal_size(node: Node) -> Range | None:
    if isinstance(node, Literal):
        size = len(node.value) if isinstance(node.value, (str, bytes)) else 1
    elif isinstance(node, ListNode):
        size = len(node.elements)
    elif isinstance(node, MapNode):
        size = len(node.entries)
    else:
        return None
    return Range(size, size)


def _is_scalar(kind: CelType) -> bool:
    return _is_scalar(kind.params[0]) if is_optional(kind) else kind.kind in SCALARS


def _total(costs: list[Range]) -> Range:
    total = ZERO
    for cost in costs:
        total = total.add(cost)
    return total


def _union(sizes: list[Range]) -> Range:
    if not sizes:
        return ZERO
    total = Range(UNBOUNDED, 0)
    for size in sizes:
        total = total.union(size)
    return total
