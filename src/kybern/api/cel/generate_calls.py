"""The code of calls: operators in Python's own form where the types are known, functions by their overloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kybern.api.cel.declarations import Overload
from kybern.api.cel.errors import ProgramError
from kybern.api.cel.literals import INT_MAX, INT_MIN
from kybern.api.cel.nodes import Call, Node
from kybern.api.cel.paths import is_attribute
from kybern.api.cel.patterns import compile_pattern
from kybern.api.cel.source import Operand

if TYPE_CHECKING:
    from kybern.api.cel.generator import Generator

_ORDERINGS: Final = {
    "_<_": ("<", "less"),
    "_<=_": ("<=", "less_equals"),
    "_>_": (">", "greater"),
    "_>=_": (">=", "greater_equals"),
}
_ARITHMETIC: Final = {
    "_+_": ("+", "add"),
    "_-_": ("-", "subtract"),
    "_*_": ("*", "multiply"),
    "_/_": ("/", "divide"),
    "_%_": ("%", "modulo"),
}
_ORDERED_INLINE = frozenset({"int", "uint", "string", "bytes", "timestamp", "duration", "bool"})
_EQUAL_INLINE = _ORDERED_INLINE | {"double"}
_SIZED = frozenset({"string", "bytes"})
_TRUSTED = _EQUAL_INLINE


def generate_call(gen: Generator, node: Call) -> Operand:
    """Code for a call that is no constant."""
    match node.function:
        case "_&&_" | "_||_":
            return _logical(gen, node, decisive=node.function == "_||_")
        case "_?_:_":
            return _conditional(gen, node)
        case "_==_" | "_!=_":
            return _equality(gen, node)
        case "@in":
            return _membership(gen, node)
        case "_[_]":
            return _index(gen, node)
        case "_[?_]" | "_?._":
            return _optional_index(gen, node)
        case "or" | "orValue" if node.target is not None:
            return _fallback(gen, node)
        case "!_":
            return _not(gen, node)
        case function if function in _ORDERINGS:
            return _ordering(gen, node)
        case function if function in _ARITHMETIC:
            return _arithmetic(gen, node)
        case _:
            return _function(gen, node)


def _overload(node: Call) -> str:
    """The overload, if there is only one that it can be."""
    return node.overloads[0] if len(node.overloads) == 1 else ""


def _logical(gen: Generator, node: Call, *, decisive: bool) -> Operand:
    """`&&` and `||`: a side that decides wins over a failure of the other; else the first failure counts."""
    writer = gen.writer
    gen.nesting += 1
    left, right = gen.boolean(node.args[0]), gen.boolean(node.args[1])
    gen.nesting -= 1
    result = writer.name()
    undecided = f"if not {result}:" if decisive else f"if {result}:"
    if not left.fallible:
        writer.place(left)
        writer.emit(f"{result} = {left.operand.code}")
        with writer.block(undecided):
            writer.place(right)
            writer.emit(f"{result} = {right.operand.code}")
        return Operand(result, "bool")
    failure = writer.name()
    writer.emit(f"{failure} = None")
    writer.charge(left.cost)
    with writer.block("try:"):
        writer.lines.extend(left.lines)
        writer.emit(f"{result} = {left.operand.code}")
    with writer.block("except E as x:"):
        writer.emit(f"{failure} = x.args")
        writer.emit(f"{result} = {not decisive}")
    writer.fallible = True
    with writer.block(undecided):
        writer.charge(right.cost)
        with writer.block("try:" if right.fallible else "if True:"):
            writer.lines.extend(right.lines)
            writer.emit(f"{result} = {right.operand.code}")
        if right.fallible:
            writer.emit("except E:")
            writer.emit(f" if {failure} is not None: raise E(*{failure})")
            writer.emit(" raise")
        writer.emit(f"if {failure} is not None and {result} is {not decisive}: raise E(*{failure})")
    return Operand(result, "bool")


def _conditional(gen: Generator, node: Call) -> Operand:
    """Branches that are attributes do not cost what reading one costs."""
    writer = gen.writer
    gen.nesting += 1
    condition = gen.boolean(node.args[0])
    branches = [
        writer.capture(lambda branch=branch: gen.value(gen.generate(branch, bare=is_attribute(branch))))  # type: ignore[misc]
        for branch in node.args[1:]
    ]
    gen.nesting -= 1
    writer.place(condition)
    result = writer.name()
    for header, branch in zip((f"if {condition.operand.code}:", "else:"), branches, strict=True):
        with writer.block(header):
            writer.place(branch)
            writer.emit(f"{result} = {branch.operand.code}")
    writer.fallible = writer.fallible or any(branch.fallible for branch in branches)
    kinds = {branch.operand.kind for branch in branches}
    return Operand(result, kinds.pop() if len(kinds) == 1 else "")


def _equality(gen: Generator, node: Call) -> Operand:
    writer = gen.writer
    left, right = [gen.value(gen.generate(arg)) for arg in node.args]
    symbol, function, cost = (
        ("==", "equal", "equality") if node.function == "_==_" else ("!=", "not_equal", "inequality")
    )
    if left.kind in _SIZED and right.kind in _SIZED:
        _charge_smaller(gen, left, right)
    elif left.kind in _TRUSTED - _SIZED or right.kind in _TRUSTED - _SIZED:
        _charge_scalar(gen, left, right)
    else:
        _charge_call(gen, f"{cost}({left.code}, {right.code})")
    if left.kind == right.kind and left.kind in _EQUAL_INLINE:
        return Operand(writer.assign(f"{left.code} {symbol} {right.code}", fallible=False), "bool")
    return Operand(writer.assign(f"{function}({left.code}, {right.code})"), "bool")


def _charge_scalar(gen: Generator, left: Operand, right: Operand) -> None:
    """Something of size one is compared: a unit, but for the empty."""
    if left.kind in _TRUSTED - _SIZED and right.kind in _TRUSTED - _SIZED:
        gen.writer.charge(1)
    else:
        _charge_call(gen, f"traversal(min(cost_size({left.code}), cost_size({right.code})))")


def _charge_call(gen: Generator, cost: str) -> None:
    """A cost that depends on the operands; one unit of it is due where they fail."""
    gen.writer.charge(1)
    gen.writer.emit(f"c += {cost} - 1")


def _charge_smaller(gen: Generator, left: Operand, right: Operand) -> None:
    """A tenth of the shorter of two strings."""
    lengths = [_length(operand) for operand in (left, right)]
    short = next((length for length in lengths if isinstance(length, int)), None)
    if short is not None and 1 <= short <= 10:
        other = right.code if isinstance(lengths[0], int) else left.code
        gen.writer.charge(1)
        gen.writer.emit(f"if not {other}: c -= 1")
    else:
        _charge_call(gen, f"traversal(min({lengths[0]}, {lengths[1]}))")


def _length(operand: Operand) -> int | str:
    code = operand.code
    if code[0] in "'\"" and "\\" not in code:
        return len(code) - 2
    return f"len({code})"


def _ordering(gen: Generator, node: Call) -> Operand:
    writer = gen.writer
    left, right = [gen.value(gen.generate(arg)) for arg in node.args]
    symbol, function = _ORDERINGS[node.function]
    if _overload(node).endswith(("_string", "_bytes")):
        if left.kind in _SIZED and right.kind in _SIZED:
            _charge_smaller(gen, left, right)
        else:
            _charge_call(gen, f"traversal(min(cost_size({left.code}), cost_size({right.code})))")
    else:
        writer.charge(1)
    if left.kind == right.kind and left.kind in _ORDERED_INLINE:
        return Operand(writer.assign(f"{left.code} {symbol} {right.code}", fallible=False), "bool")
    return Operand(writer.assign(f"{function}({left.code}, {right.code})"), "bool")


def _arithmetic(gen: Generator, node: Call) -> Operand:
    writer = gen.writer
    left, right = [gen.value(gen.generate(arg)) for arg in node.args]
    symbol, function = _ARITHMETIC[node.function]
    same = left.kind if left.kind == right.kind else ""
    overload = _overload(node)
    if overload in ("add_string", "add_bytes"):
        if same not in _SIZED:
            left, right = (
                Operand(writer.assign(f"add({o.code}, {_empty(overload)})"), overload[4:]) for o in (left, right)
            )
        _charge_call(gen, f"concatenation({left.code}, {right.code})")
        writer.emit("if c > L: raise exceeded()")
        return Operand(writer.assign(f"{left.code} + {right.code}", fallible=False), overload[4:])
    writer.charge(1)
    if same == "int" and symbol in "+-*":
        name = writer.assign(f"{left.code} {symbol} {right.code}", fallible=False)
        writer.attempt(f"if not {INT_MIN} <= {name} <= {INT_MAX}: check_int({name})")
        return Operand(name, "int")
    if same == "double" and symbol in "+-*":
        return Operand(writer.assign(f"{left.code} {symbol} {right.code}", fallible=False), "double")
    kind = node.type.kind if same in _TRUSTED and node.type.kind in _TRUSTED else ""
    return Operand(writer.assign(f"{function}({left.code}, {right.code})"), kind)


def _empty(overload: str) -> str:
    return "''" if overload == "add_string" else "b''"


def _membership(gen: Generator, node: Call) -> Operand:
    """`in`: free of cost where the list is a constant of scalars, as upstream makes a set of it."""
    writer = gen.writer
    constant, items = gen.constants.of(node.args[1])
    if constant and isinstance(items, list) and not items:
        return Operand("False", "bool")
    element = gen.value(gen.generate(node.args[0]))
    if (
        constant
        and isinstance(items, list)
        and all(type(item) in (str, bool, float) or isinstance(item, int) for item in items)
    ):
        if element.kind == "string" and all(type(item) is str for item in items):
            return Operand(
                writer.assign(f"{element.code} in {writer.constant(frozenset(items))}", fallible=False), "bool"
            )
        return Operand(writer.assign(f"contains({element.code}, {writer.literal(items)})"), "bool")
    container = gen.generate(node.args[1])
    schema = container.schema
    if schema is not None and schema.kind == "map" and element.kind == "string":
        writer.charge(1)
        return Operand(writer.assign(f"{element.code} in {container.code}", fallible=False), "bool")
    if (
        schema is not None
        and schema.kind == "list"
        and schema.plain
        and schema.params[0].kind == element.kind == "string"
    ):
        _charge_call(gen, f"len({container.code})")
        return Operand(writer.assign(f"{element.code} in {container.code}", fallible=False), "bool")
    container = gen.value(container)
    if _overload(node) == "in_list":
        _charge_call(gen, f"cost_size({container.code})")
    else:
        writer.charge(1)
    return Operand(writer.assign(f"contains({element.code}, {container.code})"), "bool")


def _path(gen: Generator, node: Node) -> Operand:
    return gen.generate(node, bare=is_attribute(node))


def _index(gen: Generator, node: Call) -> Operand:
    writer = gen.writer
    base = _path(gen, node.args[0])
    key = gen.value(_path(gen, node.args[1]))
    writer.charge(1)
    schema = base.schema
    if schema is not None and schema.kind == "map" and key.kind == "string":
        name = writer.assign(f"{base.code}.get({key.code}, MISSING)", fallible=False)
        writer.attempt(f"if {name} is MISSING: raise no_key({key.code})")
        return gen.of_schema(name, schema.params[1])
    if schema is not None and schema.kind == "list" and key.kind == "int":
        writer.attempt(f"if not 0 <= {key.code} < len({base.code}): index({base.code}, {key.code})")
        return gen.of_schema(writer.assign(f"{base.code}[{key.code}]", fallible=False), schema.params[0])
    return Operand(writer.assign(f"index({gen.value(base).code}, {key.code})"))


def _optional_index(gen: Generator, node: Call) -> Operand:
    """`a[?b]` and `a.?b`: the step costs a unit only where it finds something."""
    writer = gen.writer
    base = gen.value(_path(gen, node.args[0]))
    key = gen.value(_path(gen, node.args[1]))
    name = writer.assign(f"optional_select({base.code}, {key.code})")
    writer.emit(f"if {name}.held is not MISSING: c += 1")
    return Operand(name)


def _fallback(gen: Generator, node: Call) -> Operand:
    """`a.or(b)` and `a.orValue(b)`: b is evaluated only if a is none."""
    writer = gen.writer
    assert node.target is not None
    optional = gen.value(gen.generate(node.target))
    gen.nesting += 1
    other = writer.capture(lambda: gen.value(gen.generate(node.args[0])))
    gen.nesting -= 1
    held = writer.assign(f"require_optional({optional.code}, {'no such overload'!a})")
    result = writer.assign(f"{held}.held", fallible=False)
    with writer.block(f"if {result} is MISSING:"):
        writer.place(other)
        writer.emit(f"{result} = {other.operand.code}")
    if node.function == "or":
        with writer.block(f"elif {result} is not MISSING:"):
            writer.emit(f"{result} = {held}")
    return Operand(result)


def _not(gen: Generator, node: Call) -> Operand:
    piece = gen.boolean(node.args[0])
    gen.writer.place(piece)
    gen.writer.charge(1)
    return Operand(gen.writer.assign(f"not {piece.operand.code}", fallible=False), "bool")


def _function(gen: Generator, node: Call) -> Operand:
    """Any other function: the overload itself where it is known and its arguments are what it wants."""
    writer = gen.writer
    if node.function in ("find", "findAll"):
        _check_pattern(gen, node.args[0])
    operands = [gen.value(gen.generate(operand)) for operand in node.operands]
    codes = [operand.code for operand in operands]
    overload = _overload(node)
    forms = gen.scope.functions[node.function]
    known: Any = next((form for form in forms if form.id == overload), None)
    exact = known is not None and _takes(known, operands)
    implementation = (
        writer.constant(known.implementation) if exact else gen.dispatcher(node.function, [known] if known else forms)
    )
    result = writer.assign(f"{implementation}({', '.join(codes)})")
    gen.charge_call(node.function, overload, codes, result)
    return Operand(result, known.result.kind if known is not None and known.result.kind in _TRUSTED else "")


def _check_pattern(gen: Generator, node: Node) -> None:
    """A constant pattern is compiled with the program; what is none is a fault of the program."""
    constant, pattern = gen.constants.of(node)
    if constant and isinstance(pattern, str):
        compiled = compile_pattern(pattern)
        if isinstance(compiled, str):
            raise ProgramError(compiled)


def _takes(form: Overload, operands: list[Operand]) -> bool:
    return form.implementation is not None and all(
        kind.kind in ("dyn", "param") or (operand.kind and operand.kind == kind.kind)
        for kind, operand in zip(form.args, operands, strict=True)
    )
