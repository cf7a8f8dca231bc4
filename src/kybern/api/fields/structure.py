"""Atoms of upstream's kinds, from the definitions that the build left."""

from functools import cache
from typing import Any

from kybern.api import defaults
from kybern.api.fields.atom import DEDUCED, OPAQUE, UNTYPED, Atom, ListShape, MapShape, Scalar
from kybern.api.schema import structure, values

_SCALARS: dict[str, Scalar] = {
    "s": "string", "b": "boolean", "i": "numeric", "l": "numeric", "d": "numeric", "B": "string",
}  # fmt: skip
_LETTERS = {
    **{letter: Atom(scalar) for letter, scalar in _SCALARS.items()},
    **dict.fromkeys("tuq", UNTYPED),
    **dict.fromkeys("jFDx", DEDUCED),
    "r": OPAQUE,
}


@cache
def atom(name: str) -> Atom:
    """The atom of a definition (`io.k8s.api.core.v1.Pod`)."""
    return Atom(map_=_struct(name, _map_type(structure.definitions()[name]) == "atomic"))


@cache
def zero(name: str) -> dict[str, Any]:
    """What Go encodes of an empty value of a definition; every creation is compared with it. Not to be changed."""
    empty: dict[str, Any] = {}
    for wire, field in structure.fields(name).items():
        mark, kind = field.get("m", ""), field["t"]
        if "!" not in mark:
            continue
        if kind[0] == "@" and "*" not in mark:
            empty[wire] = zero(kind[1])
        else:
            empty[wire] = values.ZEROS.get(kind) if isinstance(kind, str) and "*" not in mark else None
    return empty


def _struct(name: str, atomic: bool) -> MapShape:
    def fields() -> dict[str, Atom]:
        return {wire: _field(field) for wire, field in structure.fields(name).items()}

    return MapShape(fields, atomic=atomic)


def _field(field: dict[str, Any]) -> Atom:
    kind, hints = field["t"], field.get("x") or {}
    if kind[0] == "@":
        wanted = hints.get("map-type")
        made = atom(kind[1])
        if wanted is None or made.map is None or made.map.atomic == (wanted == "atomic"):
            return made
        return Atom(map_=_struct(kind[1], wanted == "atomic"))
    return _type(kind, hints)


def _type(kind: structure.Type, hints: dict[str, Any]) -> Atom:
    if isinstance(kind, str):
        return _LETTERS[kind]
    mark, inner = kind
    if mark == "@":
        return atom(inner)
    if mark == "{":
        return Atom(map_=MapShape(element=_type(inner, {}), atomic=_map_type({"x": hints}) == "atomic"))
    associative, keys = relationship(hints, "")
    key_defaults = _key_defaults(inner[1], keys) if keys and inner[0] == "@" else {}
    return Atom(list_=ListShape(_type(inner, {}), associative=associative, keys=keys, defaults=key_defaults))


def relationship(hints: dict[str, Any], prefix: str) -> tuple[bool, list[str]]:
    """(associative, keys) of a list with such extensions; a patch strategy stands in for a list type."""
    kind = hints.get(f"{prefix}list-type")
    if kind == "map":
        return True, list(hints.get(f"{prefix}list-map-keys") or ())
    if kind is not None:
        return kind == "set", []
    if hints.get(f"{prefix}patch-strategy") in ("merge", "merge,retainKeys"):
        key = hints.get(f"{prefix}patch-merge-key")
        return True, [key] if key else []
    return False, []


def _key_defaults(name: str, keys: list[str]) -> dict[str, Any]:
    """OpenAPI's defaults of an element's keys: those of the API, and zero for what Go always encodes."""
    fixed, _ = defaults.of(name)
    found = {}
    for key in keys:
        field = structure.fields(name).get(key, {})
        if key in fixed:
            found[key] = fixed[key]
        elif (name, key) in _EMPTY_KEYS:
            found[key] = ""
        elif field.get("m") == "!" and isinstance(field["t"], str):
            found[key] = values.ZEROS.get(field["t"])
    return found


_EMPTY_KEYS = frozenset((("io.k8s.api.core.v1.LocalObjectReference", "name"),))
"""Keys that upstream's types may leave out and then have as the empty text."""


def _map_type(described: dict[str, Any]) -> str:
    found: str = (described.get("x") or {}).get("map-type", "")
    return found
