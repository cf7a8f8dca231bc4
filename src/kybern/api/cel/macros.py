"""Macros: calls that the parser replaces by folds (comprehensions), presence tests and conditionals.

The standard ones of CEL, those of two variables, of optional values, and `sortBy`: what Kubernetes v1.36 switches on.
Invariant: what a macro yields is checked and costed as cel-go's expansion of it is.
"""

from collections.abc import Callable

from kybern.api.cel.nodes import (
    Call,
    Comprehension,
    Entry,
    Field,
    Ident,
    ListNode,
    Literal,
    MapNode,
    Node,
    Select,
    StructNode,
    walk,
)

ACCUMULATOR = "@result"
_OLD_ACCUMULATOR = "__result__"
_SORT_INPUT = "@__sortBy_input__"
UNUSED = "#unused"

MAX_COPIED = 4_000
"""Nodes of a tree that `optMap` may duplicate: each one in a chain doubles what is before it."""


class MacroError(Exception):
    """A macro that was not called as it must be; `offset` is where."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


Expander = Callable[[int, Node, list[Node]], Node]


def expand(offset: int, function: str, target: Node | None, args: list[Node]) -> Node | None:
    """What the call stands for, or None if it is no macro. Raises MacroError."""
    if target is None:
        return _has(offset, args[0]) if function == "has" and len(args) == 1 else None
    expander = _MACROS.get((function, len(args)))
    return expander(offset, target, args) if expander else None


def _has(offset: int, argument: Node) -> Node:
    if not isinstance(argument, Select) or argument.test_only:
        raise MacroError(argument.offset, "invalid argument to has() macro")
    return Select(offset, argument.operand, argument.field, test_only=True)


def _accumulator(offset: int) -> Node:
    return Ident(offset, ACCUMULATOR)


def _name(node: Node, message: str = "argument must be a simple name") -> str:
    if not isinstance(node, Ident):
        raise MacroError(node.offset, message)
    if node.name in (ACCUMULATOR, _OLD_ACCUMULATOR):
        raise MacroError(node.offset, "iteration variable overwrites accumulator variable")
    return node.name


def _names(args: list[Node]) -> tuple[str, str]:
    """The two variables of a comprehension over keys and values."""
    for node in args[:2]:
        if not isinstance(node, Ident):
            raise MacroError(node.offset, "argument must be a simple name")
    first, second = args[0], args[1]
    assert isinstance(first, Ident)
    assert isinstance(second, Ident)
    if first.name == second.name:
        raise MacroError(second.offset, f"duplicate variable name: {first.name}")
    return _name(first), _name(second)


def _quantifier(macro: str, two: bool) -> Expander:
    def expander(offset: int, target: Node, args: list[Node]) -> Node:
        names = _names(args) if two else (_name(args[0]), "")
        predicate = args[-1]
        initial, condition, step, result = _QUANTIFIERS[macro](offset, predicate)
        return Comprehension(
            offset, target, *names, ACCUMULATOR, initial, condition, step, result, macro=macro, body=predicate
        )

    return expander


def _all(offset: int, predicate: Node) -> tuple[Node, Node, Node, Node]:
    return (
        Literal(offset, True),
        Call(offset, "@not_strictly_false", [_accumulator(offset)]),
        Call(offset, "_&&_", [_accumulator(offset), predicate]),
        _accumulator(offset),
    )


def _exists(offset: int, predicate: Node) -> tuple[Node, Node, Node, Node]:
    return (
        Literal(offset, False),
        Call(offset, "@not_strictly_false", [Call(offset, "!_", [_accumulator(offset)])]),
        Call(offset, "_||_", [_accumulator(offset), predicate]),
        _accumulator(offset),
    )


def _exists_one(offset: int, predicate: Node) -> tuple[Node, Node, Node, Node]:
    more = Call(offset, "_+_", [_accumulator(offset), Literal(offset, 1)])
    return (
        Literal(offset, 0),
        Literal(offset, True),
        Call(offset, "_?_:_", [predicate, more, _accumulator(offset)]),
        Call(offset, "_==_", [_accumulator(offset), Literal(offset, 1)]),
    )


_QUANTIFIERS = {"all": _all, "exists": _exists, "existsOne": _exists_one}


def _filtered(offset: int, step: Node, condition: Node | None) -> Node:
    return step if condition is None else Call(offset, "_?_:_", [condition, step, _accumulator(offset)])


def _to_list(offset: int, target: Node, names: tuple[str, str], condition: Node | None, element: Node) -> Node:
    step = Call(offset, "_+_", [_accumulator(offset), ListNode(offset, [element])])
    return Comprehension(
        offset,
        target,
        *names,
        ACCUMULATOR,
        ListNode(offset, []),
        Literal(offset, True),
        _filtered(offset, step, condition),
        _accumulator(offset),
        macro="map",
        body=element,
        filter_=condition,
    )


def _map(offset: int, target: Node, args: list[Node]) -> Node:
    name = _name(args[0], "argument is not an identifier")
    return _to_list(offset, target, (name, ""), args[1] if len(args) == 3 else None, args[-1])


def _filter(offset: int, target: Node, args: list[Node]) -> Node:
    name = _name(args[0], "argument is not an identifier")
    return _to_list(offset, target, (name, ""), args[1], args[0])


def _transform_list(offset: int, target: Node, args: list[Node]) -> Node:
    return _to_list(offset, target, _names(args), args[2] if len(args) == 4 else None, args[-1])


def _transform_map(offset: int, target: Node, args: list[Node]) -> Node:
    names = _names(args)
    step = Call(offset, "cel.@mapInsert", [_accumulator(offset), Ident(offset, names[0]), args[-1]])
    return _to_map(offset, target, names, args, step, "transformMap")


def _transform_map_entry(offset: int, target: Node, args: list[Node]) -> Node:
    step = Call(offset, "cel.@mapInsert", [_accumulator(offset), args[-1]])
    return _to_map(offset, target, _names(args), args, step, "transformMapEntry")


def _to_map(offset: int, target: Node, names: tuple[str, str], args: list[Node], step: Node, macro: str) -> Node:
    condition = args[2] if len(args) == 4 else None
    return Comprehension(
        offset,
        target,
        *names,
        ACCUMULATOR,
        MapNode(offset, []),
        Literal(offset, True),
        _filtered(offset, step, condition),
        _accumulator(offset),
        macro=macro,
        body=args[-1],
        filter_=condition,
    )


def _bind(offset: int, name: str, value: Node, body: Node) -> Node:
    never = Literal(offset, False)
    return Comprehension(
        offset, ListNode(offset, []), UNUSED, "", name, value, never, Ident(offset, name), body, macro="bind", body=body
    )


def _optional_map(function: str, wrap: bool) -> Expander:
    def expander(offset: int, target: Node, args: list[Node]) -> Node:
        if not isinstance(args[0], Ident):
            raise MacroError(args[0].offset, f"{function}() variable name must be a simple identifier")
        value = Call(offset, "value", [], copy(target))
        mapped = _bind(offset, args[0].name, value, args[1])
        if wrap:
            mapped = Call(offset, "optional.of", [mapped])
        present = Call(offset, "hasValue", [], target)
        return Call(offset, "_?_:_", [present, mapped, Call(offset, "optional.none", [])])

    return expander


def _sort_by(offset: int, target: Node, args: list[Node]) -> Node:
    if not isinstance(target, (ListNode, Select, Ident, Comprehension, Call)):
        message = "sortBy can only be applied to a list, identifier, comprehension, call or select expression"
        raise MacroError(target.offset, message)
    keys = _map(offset, Ident(offset, _SORT_INPUT), args)
    body = Call(offset, "@sortByAssociatedKeys", [keys], Ident(offset, _SORT_INPUT))
    return _bind(offset, _SORT_INPUT, target, body)


_MACROS: dict[tuple[str, int], Expander] = {
    ("map", 2): _map,
    ("map", 3): _map,
    ("filter", 2): _filter,
    ("transformList", 3): _transform_list,
    ("transformList", 4): _transform_list,
    ("transformMap", 3): _transform_map,
    ("transformMap", 4): _transform_map,
    ("transformMapEntry", 3): _transform_map_entry,
    ("transformMapEntry", 4): _transform_map_entry,
    ("optMap", 2): _optional_map("optMap", wrap=True),
    ("optFlatMap", 2): _optional_map("optFlatMap", wrap=False),
    ("sortBy", 2): _sort_by,
}
for _function, _macro in (
    ("all", "all"),
    ("exists", "exists"),
    ("existsOne", "existsOne"),
    ("exists_one", "existsOne"),
):
    _MACROS[(_function, 2)] = _quantifier(_macro, two=False)
    _MACROS[(_function, 3)] = _quantifier(_macro, two=True)


def copy(node: Node) -> Node:
    """A tree of its own with the same places, for the checker writes into the nodes. Raises MacroError for a tree so
    large that only copies of copies can have made it."""
    if len(walk(node)) > MAX_COPIED:
        raise MacroError(node.offset, "expression is too large once its macros are expanded")
    return _copy(node, {})


def _copy(node: Node, done: dict[int, Node]) -> Node:
    if id(node) not in done:
        done[id(node)] = _copy_kind(node, done)
    return done[id(node)]


def _copy_kind(node: Node, done: dict[int, Node]) -> Node:
    at = node.offset
    match node:
        case Literal():
            return Literal(at, node.value)
        case Ident():
            return Ident(at, node.name)
        case Select():
            return Select(at, _copy(node.operand, done), node.field, test_only=node.test_only)
        case Call():
            target = _copy(node.target, done) if node.target else None
            return Call(at, node.function, [_copy(arg, done) for arg in node.args], target)
        case ListNode():
            return ListNode(at, [_copy(element, done) for element in node.elements], node.optional)
        case MapNode():
            entries = node.entries
            pairs = [Entry(e.offset, _copy(e.key, done), _copy(e.value, done), optional=e.optional) for e in entries]
            return MapNode(at, pairs)
        case StructNode():
            fields = [Field(f.offset, f.name, _copy(f.value, done), optional=f.optional) for f in node.fields]
            return StructNode(at, node.type_name, fields)
        case Comprehension():
            return Comprehension(
                at,
                _copy(node.items, done),
                node.variable,
                node.variable2,
                node.accumulator,
                _copy(node.initial, done),
                _copy(node.condition, done),
                _copy(node.step, done),
                _copy(node.result, done),
                macro=node.macro,
                body=_copy(node.body, done),
                filter_=_copy(node.filter, done) if node.filter else None,
            )
        case _:
            return node
