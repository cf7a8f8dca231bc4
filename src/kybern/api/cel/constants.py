"""Parts of a tree that are the same whatever the variables: evaluated once, and free of cost, as upstream has it."""

from __future__ import annotations

from typing import Any

from kybern.api.cel.declarations import Dispatcher
from kybern.api.cel.errors import EvaluationError, ProgramError
from kybern.api.cel.nodes import Call, Ident, ListNode, Literal, MapNode, Node, Select
from kybern.api.cel.scope import Scope
from kybern.api.cel.values import TypeValue, to_key, type_name

_CONVERSIONS = frozenset(["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"])
_KINDS = {"google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}
_SCALARS = frozenset({"bool", "int", "uint", "double", "string", "bytes"})


class Constants:
    """Finds constants; remembers what it found, for parents ask for their children again."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._known: dict[int, tuple[bool, Any]] = {}

    def of(self, node: Node) -> tuple[bool, Any]:
        """Whether the node is constant, and its value. Raises ProgramError where evaluating it fails."""
        if id(node) not in self._known:
            self._known[id(node)] = self._find(node)
        return self._known[id(node)]

    @staticmethod
    def kind(value: Any) -> str:
        """The kind that generated code may rely on."""
        name = type_name(value)
        return _KINDS.get(name, name if name in _SCALARS else "")

    def _find(self, node: Node) -> tuple[bool, Any]:
        match node:
            case Literal():
                return True, node.value
            case Ident() if node.constant is not None:
                return True, TypeValue(node.constant.params[0].name if node.constant.params else "type")
            case Select() if node.variable is not None:
                return self.of(node.variable)
            case ListNode() if not node.optional:
                return self._list(node)
            case MapNode() if not any(entry.optional for entry in node.entries):
                return self._map(node)
            case Call() if node.function in _CONVERSIONS and len(node.operands) == 1:
                return self._conversion(node)
            case _:
                return False, None

    def _list(self, node: ListNode) -> tuple[bool, Any]:
        found = [self.of(element) for element in node.elements]
        return (True, [value for _, value in found]) if all(known for known, _ in found) else (False, None)

    def _map(self, node: MapNode) -> tuple[bool, Any]:
        pairs = [(self.of(entry.key), self.of(entry.value)) for entry in node.entries]
        if not all(key[0] and value[0] for key, value in pairs):
            return False, None
        try:
            return True, {to_key(key[1]): value[1] for key, value in pairs}
        except EvaluationError as error:
            raise ProgramError(str(error)) from None

    def _conversion(self, node: Call) -> tuple[bool, Any]:
        known, value = self.of(node.operands[0])
        if not known:
            return False, None
        try:
            return True, Dispatcher(node.function, self._scope.functions[node.function])(value)
        except EvaluationError as error:
            raise ProgramError(str(error)) from None
