"""Which parts of a tree upstream resolves as paths: reading one costs a unit, each step of it another."""

from kybern.api.cel.nodes import Call, Ident, Node, Select, walk

_STEPS = frozenset({"_[_]", "_[?_]", "_?._", "_?_:_"})


def variables_of(root: Node) -> list[str]:
    """The names that a tree reads, each once, in the order of the text."""
    found: dict[str, None] = {}
    for node in walk(root):
        if isinstance(node, Ident) and node.constant is None:
            found.setdefault(node.name)
    return list(found)


def is_attribute(node: Node) -> bool:
    """Variables, selections, indexes, and conditionals."""
    if isinstance(node, Ident):
        return node.constant is None
    if isinstance(node, Select) and node.variable is not None:
        return node.variable.constant is None
    return isinstance(node, Select) or (isinstance(node, Call) and node.target is None and node.function in _STEPS)


def attribute_base(node: Node) -> bool:
    """Whether the path costs a unit itself: not a presence test, nor what begins with a conditional."""
    if isinstance(node, Select) and node.test_only:
        return False
    while is_attribute(node):
        if isinstance(node, Select) and node.variable is None:
            node = node.operand
        elif isinstance(node, Call) and node.function != "_?_:_":
            node = node.args[0]
        else:
            break
    return not (isinstance(node, Call) and node.function == "_?_:_")
