"""The code of comprehensions: a Python loop for each, that pays for every turn before it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kybern.api.cel.nodes import Comprehension
from kybern.api.cel.source import Operand

if TYPE_CHECKING:
    from kybern.api.cel.generator import Generator

_CHECK = "if c > L: raise exceeded()"


def generate_loop(gen: Generator, node: Comprehension) -> Operand:
    """Code for a comprehension, by the macro that it was."""
    if node.macro == "bind":
        return _bind(gen, node)
    items = gen.generate(node.items)
    outer = dict(gen.names)
    gen.nesting += 2
    try:
        match node.macro:
            case "all" | "exists":
                return _quantifier(gen, node, items, decisive=node.macro == "exists")
            case "existsOne":
                return _exists_one(gen, node, items)
            case "map":
                return _list(gen, node, items)
            case _:
                return _map(gen, node, items)
    finally:
        gen.nesting -= 2
        gen.names = outer


def _bind(gen: Generator, node: Comprehension) -> Operand:
    outer = dict(gen.names)
    gen.names[node.accumulator] = gen.value(gen.generate(node.initial))
    operand = gen.value(gen.generate(node.result))
    gen.names = outer
    return operand


def _header(gen: Generator, node: Comprehension, items: Operand) -> tuple[str, list[tuple[str, Operand]]]:
    """The loop's line, and what each of its variables is."""
    writer = gen.writer
    schema = items.schema
    first, second = writer.name(), writer.name()
    if schema is not None and schema.kind == "list":
        item = schema.params[0]
        if not node.variable2:
            return f"for {first} in {items.code}:", [(node.variable, Operand(first, "", item))]
        names = [(node.variable, Operand(first, "int")), (node.variable2, Operand(second, "", item))]
        return f"for {first}, {second} in enumerate({items.code}):", names
    if schema is not None and schema.kind == "map":
        key = (node.variable, Operand(first, "string"))
        if not node.variable2:
            return f"for {first} in {items.code}:", [key]
        value = (node.variable2, Operand(second, "", schema.params[1]))
        return f"for {first}, {second} in {items.code}.items():", [key, value]
    code = gen.value(items).code
    if not node.variable2:
        return f"for {first} in {writer.assign(f'iterate({code})')}:", [(node.variable, Operand(first))]
    names = [(node.variable, Operand(first)), (node.variable2, Operand(second))]
    return f"for {first}, {second} in {writer.assign(f'pairs({code})')}:", names


def _declare(gen: Generator, names: list[tuple[str, Operand]]) -> None:
    """Binds the loop's variables; JSON of a schema becomes what the body can use."""
    for name, operand in names:
        gen.names[name] = operand if operand.schema is None else gen.of_schema(operand.code, operand.schema)


def _quantifier(gen: Generator, node: Comprehension, items: Operand, *, decisive: bool) -> Operand:
    """`all` and `exists`: an element that decides wins over failures of others."""
    writer = gen.writer
    result = writer.assign(f"{not decisive}", fallible=False)
    failure = writer.assign("None", fallible=False)
    header, names = _header(gen, node, items)
    with writer.block(header):
        writer.emit(f"c += {3 if decisive else 2}")
        writer.emit(f"if {result} is {decisive}: break")
        declared = writer.capture(lambda: _declared(gen, names))
        predicate = gen.boolean(node.body)
        writer.emit(f"c += {1 + predicate.cost + declared.cost}")
        writer.emit(_CHECK)
        with writer.block("try:"):
            writer.lines.extend(declared.lines)
            writer.lines.extend(predicate.lines)
            writer.emit(f"if {predicate.operand.code} is {decisive}: {result} = {decisive}")
        with writer.block("except E as x:"):
            writer.emit(f"if {failure} is None: {failure} = x.args")
    writer.attempt(f"if {failure} is not None and {result} is {not decisive}: raise E(*{failure})")
    writer.charge(1)
    return Operand(result, "bool")


def _declared(gen: Generator, names: list[tuple[str, Operand]]) -> Operand:
    _declare(gen, names)
    return Operand("None")


def _exists_one(gen: Generator, node: Comprehension, items: Operand) -> Operand:
    writer = gen.writer
    count = writer.assign("0", fallible=False)
    header, names = _header(gen, node, items)
    with writer.block(header):
        writer.emit(_CHECK)
        _declare(gen, names)
        predicate = gen.boolean(node.body)
        writer.place(predicate)
        with writer.block(f"if {predicate.operand.code}:"):
            writer.charge(2)
            writer.emit(f"{count} = {count} + 1")
    writer.charge(2)
    return Operand(writer.assign(f"{count} == 1", fallible=False), "bool")


def _list(gen: Generator, node: Comprehension, items: Operand) -> Operand:
    """`map`, `filter`, `transformList`."""
    writer = gen.writer
    result = writer.assign("[]", fallible=False)
    header, names = _header(gen, node, items)
    with writer.block(header):
        writer.emit(_CHECK)
        _declare(gen, names)
        keep = None
        if node.filter is not None:
            condition = gen.boolean(node.filter)
            writer.place(condition)
            keep = f"if {condition.operand.code}:"
        with writer.block(keep or "if True:"):
            constant, _ = gen.constants.of(node.body)
            writer.charge(2 if constant else 12)
            element = gen.value(gen.generate(node.body))
            writer.emit(f"{result}.append({element.code})")
    writer.charge(1)
    return Operand(result)


def _map(gen: Generator, node: Comprehension, items: Operand) -> Operand:
    """`transformMap` and `transformMapEntry`: a key that comes twice is a failure."""
    writer = gen.writer
    result = writer.assign("{}", fallible=False)
    header, names = _header(gen, node, items)
    with writer.block(header):
        writer.emit(_CHECK)
        _declare(gen, names)
        keep = "if True:"
        if node.filter is not None:
            condition = gen.boolean(node.filter)
            writer.place(condition)
            keep = f"if {condition.operand.code}:"
        with writer.block(keep):
            writer.charge(3 if node.macro == "transformMap" else 2)
            value = gen.value(gen.generate(node.body))
            if node.macro == "transformMap":
                key = gen.value(gen.names[node.variable])
                writer.attempt(f"insert({result}, {key.code}, {value.code})")
            else:
                writer.attempt(f"insert_all({result}, {value.code})")
    writer.charge(1)
    return Operand(result)
