"""A checked tree to Python source: values in locals, cost in `c`, limit in `L`; failures are raised.

`&&` and `||` absorb the failure of one side where the other decides. Costs are those of upstream's evaluation, summed
for each run of lines without a branch; loops compare them with the limit on every turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kybern.api.cel import costs
from kybern.api.cel.access import bind_optional
from kybern.api.cel.constants import Constants
from kybern.api.cel.costs import call_cost
from kybern.api.cel.declarations import Dispatcher, Overload
from kybern.api.cel.generate_calls import generate_call
from kybern.api.cel.generate_loops import generate_loop
from kybern.api.cel.nodes import (
    Call,
    Comprehension,
    Ident,
    ListNode,
    MapNode,
    Node,
    Select,
    StructNode,
)
from kybern.api.cel.paths import attribute_base, is_attribute, variables_of
from kybern.api.cel.runtime import GLOBALS
from kybern.api.cel.scope import Scope, property_of
from kybern.api.cel.source import Captured, Code, Operand, Writer
from kybern.api.cel.typed import adapt
from kybern.api.cel.types import CelType, is_optional
from kybern.api.cel.values import Optional

MAX_NESTING = 6
"""Blocks within blocks before the code goes on in a function of its own: Python allows 20 in one."""

TRUSTED: Final = frozenset({"bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"})


class Generator:
    """Generates the code of one expression. `names` maps variables in scope to where their values are."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.writer = Writer()
        self.constants = Constants(scope)
        self.names: dict[str, Operand] = {}
        self.nesting = 0

    def program(self, root: Node) -> Code:
        """The source, which defines `run(B, L, S)`, and the globals it needs.

        B holds the variables, L is the limit; it returns value and cost, and leaves the cost in S[0] if it fails.
        """
        writer = self.writer
        body = writer.capture(lambda: self._body(root))
        lines = [f"c = {body.cost}", "try:", *(f" {line}" for line in body.lines)]
        lines += [f" return {body.operand.code}, c", "except E:", " S[0] = c", " raise"]
        source = "\n".join([*writer.functions, "def run(B, L, S):", *(f" {line}" for line in lines)])
        return source, GLOBALS | writer.constants

    def _body(self, root: Node) -> Operand:
        for name in variables_of(root):
            if name in self.scope.variables:
                self.names[name] = self._load(name, self.scope.variables[name])
        return self.value(self.generate(root))

    def _load(self, name: str, kind: CelType) -> Operand:
        code = self.writer.assign(f"B[{name!a}]")
        if is_optional(kind):
            inner = kind.params[0]
            if inner.plain:
                return Operand(self.writer.assign(f"bind_optional({code})"))
            adapted = self.writer.constant(_optional_adapter(inner))
            return Operand(self.writer.assign(f"{adapted}({code})"))
        if kind.kind == "object" and kind.structural:
            fields = self.writer.assign(f"{code} if {code} is not None else NO_FIELDS", fallible=False)
            return Operand(fields, "", kind, code)
        return self.of_schema(code, kind) if kind.kind != "dyn" else Operand(code)

    def of_schema(self, code: str, kind: CelType) -> Operand:
        """JSON of a type: scalars become values at once, the rest when it is used."""
        if kind.kind in TRUSTED:
            if kind.nullable:
                return Operand(
                    code if kind.plain else self.writer.assign(f"adapt({code}, {self.writer.constant(kind)})")
                )
            if kind.adapt == "double":
                return Operand(self.writer.assign(f"float({code})"), "double")
            if kind.adapt:
                return Operand(self.writer.assign(f"adapt({code}, {self.writer.constant(kind)})"), kind.kind)
            return Operand(code, kind.kind)
        if kind.kind in ("list", "map") or (kind.kind == "object" and kind.structural):
            return Operand(code, "", None if kind.nullable and kind.plain else kind)
        return Operand(code)

    def value(self, operand: Operand) -> Operand:
        """The operand as a CEL value."""
        code = operand.whole or operand.code
        if operand.schema is None or operand.schema.plain:
            return Operand(code, operand.kind)
        return Operand(self.writer.assign(f"adapt({code}, {self.writer.constant(operand.schema)})"), operand.kind)

    def generate(self, node: Node, *, bare: bool = False) -> Operand:
        """Code for a node. `bare`: without the unit that reading an attribute costs, as upstream reads those that
        index something or that a conditional chooses."""
        constant, value = self.constants.of(node)
        if constant:
            return self._constant(value)
        if self.nesting >= MAX_NESTING and isinstance(node, (Call, Comprehension)):
            return self._outline(node)
        if is_attribute(node) and not bare:
            self.writer.charge(1 if attribute_base(node) else 0)
        match node:
            case Ident():
                return self.names[node.name]
            case Select():
                return self._select(node)
            case Call():
                return generate_call(self, node)
            case ListNode():
                return self._list(node)
            case MapNode():
                return self._map(node)
            case StructNode():
                return self._struct(node)
            case Comprehension():
                return generate_loop(self, node)
            case _:
                raise AssertionError(f"no code for {node!r}")

    def _constant(self, value: Any) -> Operand:
        return Operand(self.writer.literal(value), self.constants.kind(value))

    def _outline(self, node: Node) -> Operand:
        """The node's code as a function, given the locals that it reads."""
        nesting, self.nesting = self.nesting, 0
        piece = self.writer.capture(lambda: self.value(self.generate(node)))
        self.nesting = nesting
        operands = [self.names[name] for name in variables_of(node) if name in self.names]
        used = {code for operand in operands for code in (operand.code, operand.whole) if code}
        params = ", ".join(sorted(code for code in used if code[0] == "t"))
        function = f"f{len(self.writer.functions)}"
        lines = [f"def {function}(c, L, S, {params}):", f" c += {piece.cost}", " try:"]
        lines += [f"  {line}" for line in piece.lines]
        lines += [f"  return {piece.operand.code}, c", " except E:", "  S[0] = c", "  raise"]
        self.writer.functions.append("\n".join(lines))
        name = self.writer.name()
        self.writer.attempt("try:")
        self.writer.emit(f" {name}, c = {function}(c, L, S, {params})")
        self.writer.emit("except E:")
        self.writer.emit(" c = S[0]")
        self.writer.emit(" raise")
        return Operand(name, piece.operand.kind)

    def _select(self, node: Select) -> Operand:
        if node.variable is not None:
            return self.names[node.variable.name]
        base = self.generate(node.operand, bare=True) if is_attribute(node.operand) else self.generate(node.operand)
        self.writer.charge(1)
        writer, field = self.writer, ascii(node.field)
        schema = base.schema
        if schema is not None and schema.kind == "object" and (found := property_of(schema, node.field)):
            if node.test_only:
                return Operand(
                    writer.assign(f"{base.code}.get({writer.literal(found.name)}) is not None", fallible=False), "bool"
                )
            code = writer.assign(f"{base.code}.get({writer.literal(found.name)})", fallible=False)
            writer.attempt(f"if {code} is None: raise no_key({field})")
            return self.of_schema(code, found.type)
        if schema is not None and schema.kind == "map":
            if node.test_only:
                return Operand(writer.assign(f"{field} in {base.code}", fallible=False), "bool")
            code = writer.assign(f"{base.code}.get({field}, MISSING)", fallible=False)
            writer.attempt(f"if {code} is MISSING: raise no_key({field})")
            return self.of_schema(code, schema.params[1])
        base = self.value(base)
        if node.test_only:
            return Operand(writer.assign(f"has({base.code}, {field})"), "bool")
        if is_optional(node.operand.type):
            return Operand(writer.assign(f"optional_select({base.code}, {field})"))
        return Operand(writer.assign(f"select({base.code}, {field})"))

    def _list(self, node: ListNode) -> Operand:
        self.writer.charge(costs.LIST_BASE)
        elements = [self.value(self.generate(element)).code for element in node.elements]
        if not node.optional:
            return Operand(self.writer.assign(f"[{', '.join(elements)}]", fallible=False))
        name = self.writer.assign("[]", fallible=False)
        for position, element in enumerate(elements):
            if position in node.optional:
                message = ascii("cannot initialize optional list element")
                held = self.writer.assign(f"require_optional({element}, {message})")
                self.writer.emit(f"if {held}.held is not MISSING: {name}.append({held}.held)")
            else:
                self.writer.emit(f"{name}.append({element})")
        return Operand(name)

    def _map(self, node: MapNode) -> Operand:
        self.writer.charge(costs.MAP_BASE)
        name = self.writer.assign("{}", fallible=False)
        for entry in node.entries:
            key = self.value(self.generate(entry.key))
            held = key.code if key.kind == "string" else self.writer.assign(f"to_key({key.code})")
            value = self.value(self.generate(entry.value)).code
            self._entry(name, held, value, entry.optional)
        return Operand(name)

    def _struct(self, node: StructNode) -> Operand:
        self.writer.charge(costs.STRUCT_BASE)
        name = self.writer.assign("{}", fallible=False)
        for field in node.fields:
            value = self.value(self.generate(field.value)).code
            self._entry(name, ascii(field.name), value, field.optional)
        return Operand(self.writer.assign(f"Struct({node.type_name!a}, {name})", fallible=False))

    def _entry(self, name: str, key: str, value: str, optional: bool) -> None:
        if not optional:
            self.writer.emit(f"{name}[{key}] = {value}")
            return
        message = ascii("cannot initialize optional entry")
        held = self.writer.assign(f"require_optional({value}, {message})")
        self.writer.emit(f"if {held}.held is not MISSING: {name}[{key}] = {held}.held")

    def boolean(self, node: Node) -> Captured:
        """Code that ends in a bool."""

        def write() -> Operand:
            operand = self.generate(node)
            if operand.kind == "bool":
                return operand
            return Operand(self.writer.assign(f"as_bool({self.value(operand).code})"), "bool")

        return self.writer.capture(write)

    def charge_call(self, function: str, overload: str, args: list[str], result: str) -> None:
        """Adds the cost of a call: at the start of the block if it is fixed, else now."""
        cost = call_cost(function, overload)
        if isinstance(cost, int):
            self.writer.charge(cost)
            return
        operands = "".join(f"{arg}, " for arg in args)
        self.writer.charge(1)
        self.writer.emit(f"c += {self.writer.constant(cost)}(({operands}), {result}) - 1")

    def dispatcher(self, function: str, forms: list[Overload]) -> str:
        return self.writer.constant(Dispatcher(function, forms))


def _optional_adapter(kind: CelType) -> Callable[[Any], Optional]:
    def bind(value: Any) -> Optional:
        bound = bind_optional(value)
        return Optional(adapt(bound.held, kind)) if bound.present else bound

    return bind
