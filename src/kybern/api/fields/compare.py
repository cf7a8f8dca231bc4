"""Which fields differ between two values: added, modified, removed. And the fields of one value that someone applies.

`compare` is on the way of every write: parts that are equal are never looked into.
Source: sigs.k8s.io/structured-merge-diff typed (compare.go, tofieldset.go).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kybern.api.fields.atom import DEDUCED, Atom, ListShape, MapShape
from kybern.api.fields.sets import LEAF, Fields, in_order

_COMPOUND = frozenset((dict, list))
_OPAQUE_MAP = MapShape(atomic=True)
_OPAQUE_LIST = ListShape()


class Comparison(NamedTuple):
    """Three sets; all empty where the values are equal."""

    removed: Fields
    modified: Fields
    added: Fields

    def __bool__(self) -> bool:
        return bool(self.removed or self.modified or self.added)


def compare(atom: Atom, old: dict[str, Any], new: dict[str, Any]) -> Comparison:
    """From one object to another of the same kind. Raises Unkeyed."""
    comparison = Comparison({}, {}, {})
    if old is not new:
        _maps(atom.map or _OPAQUE_MAP, old, new, comparison)
    return comparison


def present(atom: Atom, value: Any) -> Fields:
    """The node of a value that has no counterpart: it and all in it are members. Raises Unkeyed."""
    if not value:
        return LEAF
    if value.__class__ is dict:
        shape = atom.map
        if shape is None or shape.atomic:
            return LEAF
        return _members_of(shape, value)
    if value.__class__ is list:
        shape_ = atom.list
        if shape_ is None or not shape_.associative:
            return LEAF
        node = {".": LEAF}
        name, element = shape_.name, shape_.element
        for item in value:
            own = name(item)
            node[own] = LEAF if own in node else present(element, item)
        return {own: node[own] for own in in_order(node)} if len(node) > 2 else node
    return LEAF


def _members_of(shape: MapShape, value: dict[str, Any]) -> Fields:
    """`present` of what is no leaf: most members are leaves."""
    outline, branches = shape.outline(tuple(value))
    if not branches:
        return outline
    node = outline.copy()
    for key, name, atom in branches:
        node[name] = present(atom, value[key])
    return node


def created(atom: Atom, zero: Mapping[str, Any], new: dict[str, Any]) -> Fields:
    """What is added or modified where an object comes into being from its type's zero. Raises Unkeyed."""
    shape = atom.map or _OPAQUE_MAP
    fields, element = shape.fields, shape.element or DEDUCED
    node: Fields = {}
    for key, value in new.items():
        if key not in zero:
            node["f:" + key] = present(fields.get(key, element), value)
            continue
        empty = zero[key]
        if value.__class__ is dict and empty.__class__ is dict and (below := fields[key]).is_branch:
            inner = created(below, empty, value)
            if inner:
                node["f:" + key] = inner
        elif value != empty:
            inner = present(fields.get(key, element), value)
            if empty is None and inner:
                inner = {name: each for name, each in inner.items() if name != "."}
            node["f:" + key] = inner
    return dict(sorted(node.items()))


def _maps(shape: MapShape, old: dict[str, Any], new: dict[str, Any], to: Comparison) -> None:
    fields, element = shape.fields, shape.element or DEDUCED
    for key, value in new.items():
        if key not in old:
            to.added["f:" + key] = present(fields.get(key, element), value)
            continue
        other = old[key]
        if other is not value and other != value:
            _differing(fields.get(key, element), "f:" + key, other, value, to)
    for key in old.keys() - new.keys():
        to.removed["f:" + key] = present(fields.get(key, element), old[key])


def _differing(atom: Atom, name: str, old: Any, new: Any, to: Comparison) -> None:
    """Two values, both there and not equal."""
    kinds = {old.__class__, new.__class__} - {type(None)}
    below = Comparison({}, {}, {})
    if kinds == {dict} and (old or new) and atom.map is not None and not atom.map.atomic:
        _maps(atom.map, old or {}, new or {}, below)
    elif kinds == {list} and (old or new) and atom.list is not None and atom.list.associative:
        _lists(atom.list, old or [], new or [], below)
    else:
        to.modified[name] = LEAF
        if len(kinds) > 1:
            _changed_kind(atom, name, old, new, to)
        return
    for node, inner in zip(to, below, strict=True):
        if inner:
            node[name] = inner


def _changed_kind(atom: Atom, name: str, old: Any, new: Any, to: Comparison) -> None:
    """A map became a scalar, or the like: beside the field itself, what was and is in it has changed."""
    for node, value in ((to.removed, old), (to.added, new)):
        inner = {element: each for element, each in present(atom, value).items() if element != "."}
        if inner:
            node[name] = inner


def _lists(shape: ListShape, old: list[Any], new: list[Any], to: Comparison) -> None:
    before, after = _by_name(shape, old), _by_name(shape, new)
    for name, items in after.items():
        others = before.get(name)
        if others is None:
            to.added[name] = present(shape.element, items[0]) if len(items) == 1 else LEAF
        elif items != others:
            _items(shape.element, name, others, items, to)
    for name in before.keys() - after.keys():
        items = before[name]
        to.removed[name] = present(shape.element, items[0]) if len(items) == 1 else LEAF


def _items(atom: Atom, name: str, old: list[Any], new: list[Any], to: Comparison) -> None:
    """Elements of one name; several of them count as one value."""
    if len(old) == len(new) == 1:
        _differing(atom, name, old[0], new[0], to)
    elif len(old) > 1 and len(new) > 1:
        to.modified[name] = LEAF
    elif len(old) > 1:
        to.added[name] = present(atom, new[0])
        to.removed[name] = LEAF
    else:
        to.removed[name] = present(atom, old[0])
        to.added[name] = LEAF


def _by_name(shape: ListShape, items: list[Any]) -> dict[str, list[Any]]:
    named: dict[str, list[Any]] = {}
    for item in items:
        named.setdefault(shape.name(item), []).append(item)
    return named


def field_set(atom: Atom, value: Any) -> Fields:
    """The fields of an applied configuration: a struct is no member itself, but every leaf is. Raises Unkeyed."""
    if value.__class__ is dict:
        shape = atom.map
        if shape is None or shape.atomic:
            return LEAF
        return _members(shape, value)
    shape_ = atom.list
    if value.__class__ is not list or shape_ is None or not shape_.associative:
        return LEAF
    node: Fields = {}
    element = shape_.element
    for item in value:
        own = shape_.name(item)
        if own in node or item.__class__ not in _COMPOUND:
            node[own] = LEAF
        else:
            below = field_set(element, item)
            node[own] = {".": LEAF, **below} if below else LEAF
    return node


def _members(shape: MapShape, value: dict[str, Any]) -> Fields:
    node: Fields = {}
    fields, element = shape.fields, shape.element or DEDUCED
    for key, inner in value.items():
        if inner.__class__ not in _COMPOUND or (not inner and inner.__class__ is dict):
            node["f:" + key] = LEAF
            continue
        atom = fields.get(key)
        below = field_set(atom or element, inner)
        if atom is None and below:
            node["f:" + key] = {".": LEAF, **below}
        elif below or atom is None or _is_one_value(atom, inner):
            node["f:" + key] = below
    return node


def _is_one_value(atom: Atom, value: Any) -> bool:
    """Whether the value is a leaf: an associative list or a map without any is nothing at all."""
    if value.__class__ is list:
        return atom.list is None or not atom.list.associative
    return atom.map is None or atom.map.atomic
