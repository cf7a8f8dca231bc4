"""Sets of fields, in the form in which objects carry them (FieldsV1): trees of dicts, keyed by path elements.

A path element is `f:name` (a member of a map), `k:{"name":"web"}` (an element of a list, by its keys), `v:"a"` (by its
value) or `i:0`. A node is a member of the set where it is empty or has the key `.`; the root is never one, so an
empty root is the empty set. Trees are never changed once made: what operations leave as it was, results share.

Source: sigs.k8s.io/structured-merge-diff fieldpath.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

Fields = dict[str, Any]
Path = tuple[str, ...]

_KINDS = frozenset(("f:", "k:", "v:", "i:"))

LEAF: Fields = {}
"""A member with nothing below it. Shared by all trees."""
EMPTY: Fields = LEAF
"""The empty set: a root with nothing below it."""


def is_member(node: Fields) -> bool:
    return not node or "." in node


def union(left: Fields, right: Fields) -> Fields:
    """Of roots, or of nodes that are both inner."""
    if not left or left is right:
        return right
    joined = dict(left)
    for element, node in right.items():
        mine = joined.get(element)
        if mine is None:
            joined[element] = node
        elif mine is not node:
            joined[element] = _join(mine, node)
    return joined


def _join(left: Fields, right: Fields) -> Fields:
    if left and right:
        return union(left, right)
    inner = left or right
    return inner if not inner or "." in inner else {".": LEAF, **inner}


def difference(left: Fields, right: Fields) -> Fields:
    """Members of `left` that are none of `right`; what is below a member stays."""
    result = left
    for element, other in right.items():
        mine = left.get(element)
        if mine is None or element == ".":
            continue
        rest = _minus(mine, other)
        if rest is not mine:
            if result is left:
                result = dict(left)
            if rest is None:
                del result[element]
            else:
                result[element] = rest
    return result


def _minus(mine: Fields, other: Fields) -> Fields | None:
    drops = is_member(other)
    if not mine:
        return None if drops else mine
    rest = difference(mine, other)
    if drops and "." in rest:
        rest = {element: node for element, node in rest.items() if element != "."}
    if rest is mine:
        return mine
    if not rest:
        return None
    return LEAF if len(rest) == 1 and "." in rest else rest


def without(left: Fields, right: Fields) -> Fields:
    """`left` without the members of `right` and all that is below them (RecursiveDifference)."""
    result = left
    for element, other in right.items():
        mine = left.get(element)
        if mine is None or element == ".":
            continue
        if is_member(other):
            rest: Fields | None = None
        elif not mine:
            continue
        else:
            rest = without(mine, other)
            if rest is mine:
                continue
            rest = (LEAF if "." in rest else rest) if len(rest) == 1 and "." in rest else rest or None
        if result is left:
            result = dict(left)
        if rest is None:
            del result[element]
        else:
            result[element] = rest
    return result


def intersection(left: Fields, right: Fields) -> Fields:
    """Members of both."""
    common: Fields = {}
    for element, mine in left.items():
        other = right.get(element)
        if other is None or element == ".":
            continue
        member = is_member(mine) and is_member(other)
        inner = intersection(mine, other) if mine and other else LEAF
        if member:
            common[element] = {".": LEAF, **inner} if inner else LEAF
        elif inner:
            common[element] = inner
    return common


def is_within(left: Fields, right: Fields) -> bool:
    """Whether every member of `left` is one of `right`."""
    return left == right or not difference(left, right)


def of_path(path: Path) -> Fields:
    """The set of one path."""
    tree = LEAF
    for element in reversed(path):
        tree = {element: tree}
    return tree


def has(tree: Fields, path: Path) -> bool:
    node: Any = tree
    for element in path:
        node = node.get(element)
        if node is None:
            return False
    return is_member(node)


def paths(tree: Fields, prefix: Path = ()) -> Iterator[Path]:
    """Every member, as upstream goes through a set: those of a level before those below it."""
    elements = in_order(element for element in tree if element != ".")
    for element in elements:
        if is_member(tree[element]):
            yield (*prefix, element)
    for element in elements:
        if tree[element]:
            yield from paths(tree[element], (*prefix, element))


def read(tree: Mapping[str, Any]) -> Fields:
    """A set that a client wrote: null is no member below, what has only itself is a leaf, unknown elements go."""
    found: Fields = {}
    for element, node in tree.items():
        if element == ".":
            found[element] = LEAF
        elif is_known(element):
            below = read(node) if node else LEAF
            found[element] = LEAF if len(below) == 1 and "." in below else below
    return found


def is_known(element: str) -> bool:
    """Whether a path element is of a kind that has a meaning."""
    return element[:2] in _KINDS


def is_readable(tree: Any) -> bool:
    """Whether what a client wrote is a set. What stands at `.` and at elements of unknown kinds is not looked at."""
    if tree is None:
        return True
    if not isinstance(tree, dict):
        return False
    try:
        for element, node in tree.items():
            if element == ".":
                continue
            if element[1:2] != ":":
                return False
            if is_known(element):
                _order(element)
                if not is_readable(node):
                    return False
    except (ValueError, TypeError):
        return False  # A path element whose value is none.
    return True


def ordered(tree: Fields) -> Fields:
    """The set as upstream writes it: clients compare the text."""
    elements = sorted(tree, key=_order) if len(tree) > 1 else tree
    return {element: ordered(node) if (node := tree[element]) else node for element in elements}


def in_order(elements: Iterable[str]) -> list[str]:
    """Path elements of one level, as upstream writes them."""
    return sorted(elements, key=_order)


def text(path: Path) -> str:
    """`.spec.containers[name="web"].image`, `.metadata.finalizers[="a"]`."""
    return "".join(map(element_text, path))


def element_text(element: str) -> str:
    kind, rest = element[:2], element[2:]
    if kind == "f:":
        return f".{rest}"
    if kind == "i:":
        return f"[{rest}]"
    value = orjson.loads(rest)
    if kind == "v:":
        return f"[={_value_text(value)}]"
    return "[" + ",".join(f"{key}={_value_text(value[key])}" for key in sorted(value)) + "]"


def _value_text(value: Any) -> str:
    """Go's %q of texts, %v of the rest."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1e21:
        return f"{value:g}"
    return orjson.dumps(value).decode()


@lru_cache(maxsize=8192)
def _order(element: str) -> tuple[int, Any]:
    """The node's own membership, then names, keys, values, indices."""
    if element == ".":
        return -1, ""
    kind, rest = element[:2], element[2:]
    if kind == "f:":
        return 0, rest
    if kind == "i:":
        return 3, int(rest)
    value = orjson.loads(rest)
    if kind == "v:":
        return 2, _rank(value)
    return 1, [(key, _rank(value[key])) for key in sorted(value)]


def _rank(value: Any) -> tuple[int, Any]:
    """Numbers, then texts, then booleans, then the rest by its text."""
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (3, orjson.dumps(value))
