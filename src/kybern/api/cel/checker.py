"""Types of all parts of a tree, and the overload of each call; what does not fit is reported in cel-go's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from kybern.api.cel import types
from kybern.api.cel.declarations import Overload
from kybern.api.cel.errors import Issues
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
    walk,
)
from kybern.api.cel.scope import Scope
from kybern.api.cel.types import (
    BOOL,
    DYN,
    ERROR,
    CelType,
    format_type,
    is_dyn,
    optional_of,
    unwrap_optional,
)
from kybern.api.cel.unify import Substitutions, most_general
from kybern.api.cel.values import Uint

_LITERALS: dict[type, CelType] = {
    type(None): types.NULL,
    bool: types.BOOL,
    int: types.INT,
    Uint: types.UINT,
    float: types.DOUBLE,
    str: types.STRING,
    bytes: types.BYTES,
}


def check(root: Node, scope: Scope, issues: Issues) -> None:
    """Writes type and overloads into every node, and reports what does not fit."""
    checker = _Checker(scope, issues)
    checker.check(root)
    for node in walk(root):
        node.type = checker.known.resolve(node.type, to_dyn=True)


class _Checker:
    def __init__(self, scope: Scope, issues: Issues) -> None:
        self.scope = scope
        self.issues = issues
        self.known = Substitutions()
        self._locals: list[dict[str, CelType]] = []
        self._free = 0
        self._rules: dict[type, Callable[[Node], CelType]] = {
            Literal: lambda node: _LITERALS[type(cast(Literal, node).value)],
            Ident: self._ident,
            Select: self._select,
            Call: self._call,
            ListNode: self._list,
            MapNode: self._map,
            StructNode: self._struct,
            Comprehension: self._comprehension,
        }

    def check(self, node: Node) -> CelType:
        node.type = self._rules[type(node)](node)
        return node.type

    def _report(self, node_or_offset: Node | int, message: str) -> CelType:
        offset = node_or_offset if isinstance(node_or_offset, int) else node_or_offset.offset
        self.issues.report(offset, message)
        return ERROR

    def _undeclared(self, node: Node, name: str) -> CelType:
        return self._report(node, f"undeclared reference to '{name}' (in container '')")

    def _mismatch(self, node: Node, expected: CelType, found: CelType) -> CelType:
        return self._report(node, f"expected type '{format_type(expected)}' but found '{format_type(found)}'")

    def _lookup(self, name: str) -> tuple[CelType, bool] | None:
        for names in reversed(self._locals):
            if name in names:
                return names[name], False
        return self.scope.identifier(name)

    def _ident(self, node: Node) -> CelType:
        assert isinstance(node, Ident)
        found = self._lookup(node.name)
        if found is None:
            return self._undeclared(node, node.name)
        kind, constant = found
        node.constant = kind if constant else None
        node.name = node.name.removeprefix(".")
        return kind

    def _select(self, node: Node) -> CelType:
        assert isinstance(node, Select)
        name = _qualified(node)
        found = self._lookup(name) if name else None
        if name and found:
            variable = Ident(node.offset, name.removeprefix("."))
            variable.type, constant = found
            variable.constant = variable.type if constant else None
            node.variable = variable
            return variable.type
        kind = self._select_field(node, node.operand, node.field, optional=False)
        return BOOL if node.test_only else self.known.resolve(kind)

    def _select_field(self, node: Node, operand: Node, field: str, *, optional: bool) -> CelType:
        target, unwrapped = unwrap_optional(self.known.resolve(self.check(operand)))
        result = ERROR
        if target.kind == "map":
            result = target.params[1]
        elif target.kind == "object":
            result = self._field(node.offset, target, field)
        elif target.kind == "param":
            self.known.assignable([DYN], [target])
            result = DYN
        else:
            if target.kind not in ("dyn", "error"):
                self._report(node, f"type '{format_type(target)}' does not support field selection")
            result = DYN
        return optional_of(result) if unwrapped or optional else result

    def _field(self, offset: int, target: CelType, field: str) -> CelType:
        if self.scope.struct(target.name) is None:
            return self._report(offset, f"unexpected failed resolution of '{target.name}'")
        found = self.scope.field(target, field)
        return self._report(offset, f"undefined field '{field}'") if found is None else found

    def _call(self, node: Node) -> CelType:
        assert isinstance(node, Call)
        if node.function == "_?._":
            return self._optional_select(node)
        for arg in node.args:
            self.check(arg)
        if node.target is None:
            node.function = node.function.removeprefix(".")
        else:
            name = _qualified(node.target)
            if name and self.scope.overloads(f"{name}.{node.function}"):
                node.function = f"{name}.{node.function}".removeprefix(".")
                node.target = None
            else:
                self.check(node.target)
        overloads = self.scope.overloads(node.function)
        if overloads is None:
            return self._undeclared(node, node.function)
        return self._resolve(node, overloads)

    def _optional_select(self, node: Call) -> CelType:
        operand, field = node.args
        assert isinstance(field, Literal)
        field.type = types.STRING
        node.overloads = ["select_optional_field"]
        return self.known.resolve(self._select_field(node, operand, str(field.value), optional=True))

    def _resolve(self, node: Call, overloads: list[Overload]) -> CelType:
        """The result of the first overload that fits; dyn if several fit whose results differ."""
        operands = node.operands
        kinds = [operand.type for operand in operands]
        if node.function in ("_&&_", "_||_"):
            return self._logical(node, overloads[0])
        result: CelType | None = None
        for form in overloads:
            if form.member != (node.target is not None):
                continue
            signature = self._instantiate(form)
            if not self.known.assignable(kinds, list(signature[1:])):
                continue
            node.overloads.append(form.id)
            found = self.known.resolve(signature[0])
            if result is None:
                result = found
            elif not is_dyn(result) and found != result:
                result = DYN
        if result is None:
            shown = [self.known.resolve(kind, to_dyn=True) for kind in kinds]
            signature_text = types.function_signature(shown, member=node.target is not None)
            message = f"found no matching overload for '{node.function}' applied to '{signature_text}'"
            return self._report(node, message)
        return result

    def _logical(self, node: Call, form: Overload) -> CelType:
        node.overloads = [form.id]
        wrong = [operand for operand in node.args if not self.known.assignable([operand.type], [BOOL])]
        for operand in wrong:
            self._mismatch(operand, BOOL, operand.type)
        return ERROR if wrong else BOOL

    def _instantiate(self, form: Overload) -> tuple[CelType, ...]:
        """Result and arguments with fresh type variables."""
        names: dict[str, CelType] = {}

        def fresh(kind: CelType) -> CelType:
            if kind.kind == "param":
                if kind.name not in names:
                    names[kind.name] = self._variable()
                return names[kind.name]
            if not kind.params:
                return kind
            return CelType(kind.kind, kind.name, tuple(fresh(inner) for inner in kind.params))

        return fresh(form.result), *(fresh(arg) for arg in form.args)

    def _variable(self) -> CelType:
        self._free += 1
        return types.param(f"_var{self._free - 1}")

    def _join(self, previous: CelType | None, current: CelType) -> CelType:
        """The type of elements of both types; `validators` refuses most that have none."""
        if previous is None:
            return current
        if self.known.assignable([previous], [current]):
            return most_general(previous, current)
        return DYN

    def _unwrapped(self, node: Node) -> CelType:
        """The type within an element written `?x`, which must be optional."""
        kind, optional = unwrap_optional(node.type)
        if not optional and not is_dyn(kind):
            self._mismatch(node, optional_of(kind), kind)
        return kind

    def _list(self, node: Node) -> CelType:
        assert isinstance(node, ListNode)
        joined: CelType | None = None
        for position, element in enumerate(node.elements):
            kind = self.check(element)
            if position in node.optional:
                kind = self._unwrapped(element)
            joined = self._join(joined, kind)
        return types.list_of(joined or self._variable())

    def _map(self, node: Node) -> CelType:
        assert isinstance(node, MapNode)
        key_kind: CelType | None = None
        value_kind: CelType | None = None
        for entry in node.entries:
            key_kind = self._join(key_kind, self.check(entry.key))
            kind = self.check(entry.value)
            if entry.optional:
                kind = self._unwrapped(entry.value)
            value_kind = self._join(value_kind, kind)
        if key_kind is None or value_kind is None:
            return types.map_of(self._variable(), self._variable())
        return types.map_of(key_kind, value_kind)

    def _struct(self, node: Node) -> CelType:
        assert isinstance(node, StructNode)
        found = self._lookup(node.type_name)
        if found is None:
            return self._undeclared(node, node.type_name)
        node.type_name = node.type_name.removeprefix(".")
        kind, constant = found
        if not constant or kind.kind != "type":
            self._report(node, f"'{kind.name}' is not a type")
            kind = ERROR
        elif kind.params[0].kind != "object":
            self._report(node, f"'{kind.params[0].name}' is not a message type")
            kind = ERROR
        else:
            kind = kind.params[0]
        for field in node.fields:
            value = self.check(field.value)
            expected = self._field(field.offset, kind, field.name) if kind is not ERROR else ERROR
            if field.optional:
                value = self._unwrapped(field.value)
            if not self.known.assignable([expected], [value]):
                message = f"expected type of field '{field.name}' is '{format_type(expected)}' but provided type is"
                self._report(field.offset, f"{message} '{format_type(value)}'")
        return kind

    def _comprehension(self, node: Node) -> CelType:
        assert isinstance(node, Comprehension)
        items = self.known.resolve(self.check(node.items))
        accumulator = self.check(node.initial)
        first, second = self._iterated(node, items)
        self._locals.append({node.accumulator: accumulator})
        names = {node.variable: first}
        if node.variable2:
            names[node.variable2] = second
        self._locals.append(names)
        self.check(node.condition)
        self._expect(node.condition, BOOL)
        self.check(node.step)
        self._expect(node.step, accumulator)
        self._locals.pop()
        result = self.check(node.result)
        self._locals.pop()
        return self.known.resolve(result)

    def _iterated(self, node: Comprehension, items: CelType) -> tuple[CelType, CelType]:
        """Types of the variables of a loop over values of that type."""
        if items.kind == "list":
            element = items.params[0]
            return (types.INT, element) if node.variable2 else (element, DYN)
        if items.kind == "map":
            return items.params[0], items.params[1]
        if items.kind in ("dyn", "error", "param"):
            self.known.assignable([DYN], [items])
            return DYN, DYN
        message = (
            f"expression of type '{format_type(items)}' cannot be range of a comprehension"
            " (must be list, map, or dynamic)"
        )
        self._report(node.items, message)
        return ERROR, ERROR

    def _expect(self, node: Node, kind: CelType) -> None:
        if not self.known.assignable([kind], [node.type]):
            self._mismatch(node, kind, node.type)


def _qualified(node: Node) -> str | None:
    """`a.b.c` as one name, if the node is nothing but names."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.test_only:
        prefix = _qualified(node.operand)
        return f"{prefix}.{node.field}" if prefix else None
    return None
