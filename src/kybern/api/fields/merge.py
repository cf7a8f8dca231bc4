"""An applied configuration laid over an object: what the configuration names is its, all else stays.

What does not change is shared with the object. Source: sigs.k8s.io/structured-merge-diff typed/merge.go.
"""

from typing import Any

from kybern.api.fields.atom import DEDUCED, Atom, ListShape, MapShape

_ABSENT = object()


def merge(atom: Atom, live: dict[str, Any], applied: dict[str, Any]) -> dict[str, Any]:
    """The merged object. Raises Unkeyed."""
    shape = atom.map
    if shape is None or shape.atomic:
        return applied
    return _maps(shape, live, applied)


def _maps(shape: MapShape, live: dict[str, Any], applied: dict[str, Any]) -> dict[str, Any]:
    merged = live
    fields, element = shape.fields, shape.element or DEDUCED
    for key, value in applied.items():
        old = live.get(key, _ABSENT)
        if old is not _ABSENT and old == value and old.__class__ is value.__class__:
            continue
        new = value if old is _ABSENT else _values(fields.get(key, element), old, value)
        if new is not old:
            if merged is live:
                merged = dict(live)
            merged[key] = new
    return merged


def _values(atom: Atom, live: Any, applied: Any) -> Any:
    """Two values that are not equal. Null where maps or lists merge means no opinion."""
    kinds = {live.__class__, applied.__class__} - {type(None)}
    if kinds == {dict} and atom.map is not None and not atom.map.atomic:
        if not live and not applied:
            return applied
        return _maps(atom.map, live or {}, applied or {})
    if kinds == {list} and atom.list is not None and atom.list.associative:
        if not live and not applied:
            return applied
        return _lists(atom.list, live or [], applied or [])
    return applied


def _lists(shape: ListShape, live: list[Any], applied: list[Any]) -> list[Any]:
    """Elements that both have stand in the order of the applied ones; the object's others keep their places between."""
    own, theirs = [shape.name(item) for item in live], [shape.name(item) for item in applied]
    before: dict[str, Any] = {}
    for name, item in zip(own, live, strict=True):
        before[name] = None if name in before else item
    after = dict(zip(theirs, applied, strict=True))
    shared = [name for name in theirs if name in before]
    merged: list[Any] = []
    done: set[str] = set()

    def take(name: str) -> None:
        done.add(name)
        if shared and shared[0] == name:
            shared.pop(0)
        old = before.get(name)
        merged.append(after[name] if old is None or old == after[name] else _values(shape.element, old, after[name]))

    left, right = 0, 0
    while left < len(own) or right < len(theirs):
        if left < len(own):
            name = own[left]
            if name not in after:
                merged.append(live[left])
                left += 1
                continue
            if right < len(theirs) and name == theirs[right]:
                take(name)
                left, right = left + 1, right + 1
                continue
            if name in done or right == len(theirs) or (shared and shared[0] != name):
                left += 1
                continue
        take(theirs[right])
        right += 1
    return live if merged == live else merged
