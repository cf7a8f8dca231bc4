"""Takes fields out of an object, and says which named fields a set implies.

Source: sigs.k8s.io/structured-merge-diff typed/remove.go, fieldpath/set.go (EnsureNamedFieldsAreMembers).
"""

from typing import Any

from kybern.api.fields.atom import DEDUCED, Atom
from kybern.api.fields.sets import LEAF, Fields, is_member


def remove(atom: Atom, value: Any, doomed: Fields) -> Any:
    """The value without the members of `doomed`; null where nothing is left. Raises Unkeyed."""
    if value.__class__ is dict and atom.map is not None:
        if not value or atom.map.atomic:
            return None
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            node = doomed.get("f:" + key)
            if node is None:
                kept[key] = inner
            elif not is_member(node):
                kept[key] = remove(atom.map.of(key), inner, node)
        return kept or None
    if value.__class__ is list and atom.list is not None:
        if not value or not atom.list.associative:
            return None
        items = []
        for item in value:
            node = doomed.get(atom.list.name(item))
            if node is None:
                items.append(item)
            elif not is_member(node):
                items.append(remove(atom.list.element, item, node))
        return items or None
    return value


def named(atom: Atom | None, tree: Fields) -> Fields:
    """The set with every declared field that has members below it as a member too."""
    result = tree
    for element, node in tree.items():
        if not node or element == ".":
            continue
        below, declared = _below(atom, element)
        inner = named(below, node)
        if declared and "." not in inner:
            inner = {".": LEAF, **inner}
        if inner is not node:
            if result is tree:
                result = dict(tree)
            result[element] = inner
    return result


def _below(atom: Atom | None, element: str) -> tuple[Atom | None, bool]:
    """The atom behind a path element, and whether a struct declares it."""
    if atom is None:
        return None, False
    if element.startswith("f:") and atom.map is not None:
        found = atom.map.fields.get(element[2:])
        return found or atom.map.element or DEDUCED, found is not None
    if element.startswith("k:") and atom.list is not None:
        return atom.list.element, False
    return None, False


def reconciled(atom: Atom | None, tree: Fields) -> Fields:
    """The set, fitted to a schema in which what was many values has become one: owners of parts own the whole."""
    result = tree
    for element, node in tree.items():
        if not node or element == ".":
            continue
        below, _ = _below(atom, element)
        inner = LEAF if _is_one_value(below) else reconciled(below, node)
        if inner is not node:
            if result is tree:
                result = dict(tree)
            result[element] = inner
    return result


def _is_one_value(atom: Atom | None) -> bool:
    if atom is None:
        return False
    if atom.map is not None:
        return atom.map.atomic
    return atom.list is not None and not atom.list.associative and not atom.scalar
