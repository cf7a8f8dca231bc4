"""Checks of literals once the types are right: durations, timestamps, patterns, and lists and maps of one type."""

from kybern.api.cel.errors import EvaluationError, Issues
from kybern.api.cel.instants import parse_duration, parse_timestamp
from kybern.api.cel.nodes import Call, ListNode, Literal, MapNode, Node, children
from kybern.api.cel.patterns import compile_pattern
from kybern.api.cel.text_format import accepts, clauses, refuses_text
from kybern.api.cel.types import CelType, format_type, unwrap_optional

_SHOWN_KINDS = frozenset(
    ["list", "map", "int", "uint", "double", "bool", "string", "timestamp", "bytes", "duration", "type", "null", "dyn"]
)


def validate(root: Node, issues: Issues) -> None:
    """Reports what is wrong with literals, in the order in which upstream looks at them."""
    ordered = _with_exemption(root)
    calls = [node for node, _ in ordered if isinstance(node, Call)]
    for node, exempt in ordered:
        if isinstance(node, ListNode) and not exempt:
            _check_list(node, issues)
    for node, exempt in ordered:
        if isinstance(node, MapNode) and not exempt:
            _check_map(node, issues)
    for function in ("duration", "timestamp", "matches"):
        for call in calls:
            if call.function == function and call.args and _is_wrong(function, call.args[0]):
                issues.report(call.args[0].offset, f"invalid {function} argument")
    for call in calls:
        if call.overloads == ["string_format"] and isinstance(call.target, Literal):
            _check_format(call, call.target, issues)


def _with_exemption(root: Node) -> list[tuple[Node, bool]]:
    """All nodes, and whether they are somewhere in an argument of `format`, which takes values of any types."""
    found: list[tuple[Node, bool]] = []
    waiting = [(root, False)]
    while waiting:
        node, exempt = waiting.pop()
        found.append((node, exempt))
        below = exempt or (isinstance(node, Call) and node.function == "format")
        waiting.extend((child, below) for child in reversed(children(node)))
    return found


def _is_wrong(function: str, node: Node) -> bool:
    if not isinstance(node, Literal):
        return False
    value = node.value
    try:
        if function == "matches":
            return isinstance(value, str) and isinstance(compile_pattern(value), str)
        if function == "duration":
            return not isinstance(value, str) or parse_duration(value) is None
        if isinstance(value, str):
            return parse_timestamp(value) is None
        return type(value) is not int or not -62_135_596_800 <= value <= 253_402_300_799
    except EvaluationError:
        return True


def _report(issues: Issues, node: Node, expected: CelType, found: CelType) -> None:
    issues.report(node.offset, f"expected type '{format_type(expected)}' but found '{format_type(found)}'")


def _check_list(node: ListNode, issues: Issues) -> None:
    first: CelType | None = None
    for position, element in enumerate(node.elements):
        kind = unwrap_optional(element.type)[0] if position in node.optional else element.type
        if first is None:
            first = kind
        elif kind != first:
            _report(issues, element, first, kind)
            return


def _check_map(node: MapNode, issues: Issues) -> None:
    first: tuple[CelType, CelType] | None = None
    for entry in node.entries:
        value = unwrap_optional(entry.value.type)[0] if entry.optional else entry.value.type
        if first is None:
            first = entry.key.type, value
            continue
        if entry.key.type != first[0]:
            _report(issues, entry.key, first[0], entry.key.type)
        if value != first[1]:
            _report(issues, entry.value, first[1], value)


def _check_format(call: Call, pattern: Literal, issues: Issues) -> None:
    """A constant format string against the list that it is given."""
    args = call.args[0]
    if not isinstance(args, ListNode):
        return
    used = 0
    try:
        for clause in clauses(str(pattern.value), len(args.elements)):
            if isinstance(clause, str):
                continue
            used += 1
            refused = _refusal(clause.letter, args.elements[used - 1])
            if refused:
                issues.report(refused[0].offset, f"error during formatting: {refused[1]}")
                return
    except EvaluationError as error:
        issues.report(call.offset, str(error))
        return
    if len(args.elements) > used:
        counts = f"(expected {used}, got {len(args.elements)})"
        issues.report(call.offset, f"too many arguments supplied to string.format {counts}")


def _refusal(letter: str, argument: Node) -> tuple[Node, str] | None:
    """The argument, or the part of it, that a clause does not take, and why."""
    if letter != "s":
        message = None if argument.type.kind == "dyn" else accepts(letter, argument.type.kind)
        return (argument, message) if message else None
    waiting = [argument]
    while waiting:
        node = waiting.pop(0)
        if node.type.kind not in _SHOWN_KINDS:
            return node, refuses_text(node.type.name)
        if isinstance(node, (ListNode, MapNode)):
            waiting[:0] = children(node)
    return None
