"""Whether an applied configuration fits its type: upstream's words for what does not.

Source: sigs.k8s.io/structured-merge-diff typed/validate.go. Messages show values as Go prints them.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from kybern.api.fields import sets
from kybern.api.fields.atom import Atom, ListShape, MapShape, Unkeyed


class Mistyped(Exception):
    """A value that does not fit; the text is upstream's list of faults."""


class Misconverted(Mistyped):
    """An object that does not fit the type of the version that an entry is of."""


def check(atom: Atom, value: Any) -> None:
    """Raises Mistyped."""
    if not _fits(atom, value, unique=True):
        _refuse(atom, value)


def check_stored(atom: Atom, value: Any) -> None:
    """The same of a whole object, whose lists may name something twice. Raises Misconverted."""
    if not _fits(atom, value, unique=False):
        _refuse(atom, value, Misconverted)


def _fits(atom: Atom, value: Any, *, unique: bool) -> bool:
    """Whether there is no fault: the quick look, on the way of every apply."""
    if value.__class__ is dict:
        shape = atom.map
        if shape is None:
            return False
        fields, element = shape.fields, shape.element
        for key, inner in value.items():
            known = fields.get(key, element)
            if known is None or not (inner.__class__ in known.classes or _fits(known, inner, unique=unique)):
                return False
        return True
    if value.__class__ is list:
        return atom.list is not None and _list_fits(atom.list, value, unique=unique)
    return value.__class__ in atom.classes


def _list_fits(shape: ListShape, value: list[Any], *, unique: bool) -> bool:
    element = shape.element
    if shape.associative:
        try:
            if len({shape.name(item) for item in value}) != len(value) and unique:
                return False
        except Unkeyed:
            return False
    return all(item.__class__ in element.classes or _fits(element, item, unique=unique) for item in value)


def _refuse(atom: Atom, value: Any, kind: type[Mistyped] = Mistyped) -> None:
    faults = [each for each in _faults(atom, value, "") if kind is Mistyped or ": duplicate entries" not in each]
    if len(faults) == 1:
        raise kind(faults[0])
    if faults:
        raise kind("\n".join(["errors:", *(f"  {fault}" for fault in faults)]))


def _faults(atom: Atom, value: Any, path: str) -> Iterator[str]:
    if value is None:
        return
    if value.__class__ is dict and atom.map is not None:
        yield from _map_faults(atom.map, value, path)
    elif value.__class__ is list and atom.list is not None:
        yield from _list_faults(atom.list, value, path)
    elif atom.map is not None and not (atom.scalar and value.__class__ not in (dict, list)):
        yield _at(path, f"expected map, got {_shown(value)}")
    elif atom.scalar:
        fault = _scalar_fault(atom.scalar, value)
        if fault:
            yield _at(path, fault)
    else:
        yield _at(path, f"expected list, got {_shown(value)}")


def _map_faults(shape: MapShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for key, inner in value.items():
        here = f"{path}.{key}"
        known = shape.fields.get(key) or shape.element
        if known is None:
            yield _at(here, "field not declared in schema")
            return
        yield from _faults(known, inner, here)


def _list_faults(shape: ListShape, value: list[Any], path: str) -> Iterator[str]:
    seen = set()
    for index, item in enumerate(value):
        element = f"[{index}]"
        if shape.associative:
            try:
                name = shape.name(item)
            except Unkeyed as unkeyed:
                yield _at(path, f"element {index}: {unkeyed}")
                return
            element = sets.element_text(name)
            if name in seen:
                yield _at(path, f"duplicate entries for key {element}")
            seen.add(name)
        yield from _faults(shape.element, item, path + element)


def _at(path: str, fault: str) -> str:
    return f"{path}: {fault}" if path else fault


def _scalar_fault(kind: str, value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "numeric" and not is_number:
        return f"expected numeric (int or float), got {_GO_TYPES[type(value)]}"
    if kind == "string" and not isinstance(value, str):
        return f"expected string, got &value.valueUnstructured{{Value:{_literal(value)}}}"
    if kind == "boolean" and not isinstance(value, bool):
        return f"expected boolean, got {_shown(value)}"
    if kind == "untyped" and isinstance(value, dict | list):
        return f"expected any scalar, got {_shown(value)}"
    return ""


_GO_TYPES = {
    str: "string",
    bool: "bool",
    dict: "map[string]interface {}",
    list: "[]interface {}",
    int: "int64",
    float: "float64",
}


def _shown(value: Any) -> str:
    """Go's %v of a wrapped value."""
    return f"&{{{_plain(value)}}}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_plain(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(_plain, value)) + "]"
    if value is None:
        return "<nil>"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _literal(value: Any) -> str:
    """Go's %#v of decoded JSON."""
    if isinstance(value, dict):
        members = ", ".join(f"{orjson.dumps(key).decode()}:{_literal(value[key])}" for key in sorted(value))
        return f"map[string]interface {{}}{{{members}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_literal, value))}}}"
    return "interface {}(nil)" if value is None else orjson.dumps(value).decode()
