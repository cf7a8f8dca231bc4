"""The syntax tree. Every node knows where it starts; the checker writes its type and the overloads it resolved.

Macros leave no trace: `all`, `map`, `optMap` and the rest are comprehensions here.
"""

from __future__ import annotations

from typing import Any

from kybern.api.cel.types import DYN, CelType


class Node:
    """`offset` is the code point that errors point at; `type` is set by the checker."""

    __slots__ = ("offset", "type")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.type: CelType = DYN


class Unspecified(Node):
    """Stands where the text had a fault."""

    __slots__ = ()


class Literal(Node):
    """`value` is None, bool, int, Uint, float, str or bytes."""

    __slots__ = ("value",)

    def __init__(self, offset: int, value: Any) -> None:
        super().__init__(offset)
        self.value = value


class Ident(Node):
    """A variable, or (`constant`) the name of a type; `name` may hold dots once the checker resolved it."""

    __slots__ = ("constant", "name")

    def __init__(self, offset: int, name: str) -> None:
        super().__init__(offset)
        self.name = name
        self.constant: CelType | None = None


class Select(Node):
    """`operand.field`, or with `test_only` the test whether it is there.

    `variable` is set by the checker where the whole, `a.b`, is the name of one variable or type.
    """

    __slots__ = ("field", "operand", "test_only", "variable")

    def __init__(self, offset: int, operand: Node, field: str, *, test_only: bool = False) -> None:
        super().__init__(offset)
        self.operand = operand
        self.field = field
        self.test_only = test_only
        self.variable: Ident | None = None


class Call(Node):
    """A function, operator or (with a target) member call; `overloads` are the identifiers that fit."""

    __slots__ = ("args", "function", "overloads", "target")

    def __init__(self, offset: int, function: str, args: list[Node], target: Node | None = None) -> None:
        super().__init__(offset)
        self.function = function
        self.args = args
        self.target = target
        self.overloads: list[str] = []

    @property
    def operands(self) -> list[Node]:
        """The target, where there is one, before the arguments."""
        return self.args if self.target is None else [self.target, *self.args]


class ListNode(Node):
    """`optional` holds the indexes of elements written `?x`."""

    __slots__ = ("elements", "optional")

    def __init__(self, offset: int, elements: list[Node], optional: frozenset[int] = frozenset()) -> None:
        super().__init__(offset)
        self.elements = elements
        self.optional = optional


class Entry:
    """One `key: value` of a map; errors point at its colon."""

    __slots__ = ("key", "offset", "optional", "value")

    def __init__(self, offset: int, key: Node, value: Node, *, optional: bool) -> None:
        self.offset = offset
        self.key = key
        self.value = value
        self.optional = optional


class MapNode(Node):
    __slots__ = ("entries",)

    def __init__(self, offset: int, entries: list[Entry]) -> None:
        super().__init__(offset)
        self.entries = entries


class Field:
    """One `name: value` of an object."""

    __slots__ = ("name", "offset", "optional", "value")

    def __init__(self, offset: int, name: str, value: Node, *, optional: bool) -> None:
        self.offset = offset
        self.name = name
        self.value = value
        self.optional = optional


class StructNode(Node):
    __slots__ = ("fields", "type_name")

    def __init__(self, offset: int, type_name: str, fields: list[Field]) -> None:
        super().__init__(offset)
        self.type_name = type_name
        self.fields = fields


class Comprehension(Node):
    """A fold over a list or a map: while `condition`, `accumulator` becomes `step`; its value is `result`.

    `variable2` is "" for the form with one variable. `macro` names what it was written as, `filter` and `body` are the
    parts of it that the author wrote; the generated code is made from these, the checks and the costs from the fold.
    The macro "bind" folds over nothing and only names a value, `initial`.
    """

    __slots__ = (
        "accumulator",
        "body",
        "condition",
        "filter",
        "initial",
        "items",
        "macro",
        "result",
        "step",
        "variable",
        "variable2",
    )

    def __init__(
        self,
        offset: int,
        items: Node,
        variable: str,
        variable2: str,
        accumulator: str,
        initial: Node,
        condition: Node,
        step: Node,
        result: Node,
        *,
        macro: str,
        body: Node,
        filter_: Node | None = None,
    ) -> None:
        super().__init__(offset)
        self.items = items
        self.variable = variable
        self.variable2 = variable2
        self.accumulator = accumulator
        self.initial = initial
        self.condition = condition
        self.step = step
        self.result = result
        self.macro = macro
        self.body = body
        self.filter = filter_


def children(node: Node) -> list[Node]:
    """The nodes directly below, in the order of the text."""
    match node:
        case Select():
            return [node.operand if node.variable is None else node.variable]
        case Call():
            return node.operands
        case ListNode():
            return node.elements
        case MapNode():
            return [part for entry in node.entries for part in (entry.key, entry.value)]
        case StructNode():
            return [field.value for field in node.fields]
        case Comprehension():
            return [node.items, node.initial, node.condition, node.step, node.result]
        case _:
            return []


def walk(root: Node) -> list[Node]:
    """All nodes, parents before children; no recursion."""
    found: list[Node] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting.extend(reversed(children(node)))
    return found
