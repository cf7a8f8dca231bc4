"""Empty lists and maps that a client sent: decoding drops them, as storing does, but upstream has them until then.

They are seen in the messages of validation, by the kinds whose generation tells an empty list from none, and in who
owns the fields that are encoded even where they are empty; within atomic lists, which are compared whole, all are seen.
"""

from collections.abc import Collection
from typing import Any

from kybern.api.resource import Object
from kybern.api.schema import structure, unions
from kybern.api.schema.structure import Type


def restored(
    name: str, obj: Object, sent: Any, *, encoded: bool = False, unsent: bool = False, but: Collection[str] = ()
) -> Object:
    """`obj`, of the definition, with the empty lists and maps of `sent` where it has nothing; else `obj` itself.

    Lists are gone through in step while they are equally long. `encoded`: only what Go's encoding shows, the fields
    without `omitempty`. `unsent`: without the quantities that were not sent: Go tells them from the zero that is
    stored. `but`: fields of the object itself that are left as they are.
    """
    if not isinstance(sent, dict) or name in _WITHOUT:
        return obj
    whole = obj
    for wire, field in structure.fields(name).items():
        given = sent.get(wire)
        if given is None or wire in but:
            if unsent and field["t"] == "q" and field.get("m") == "!" and wire in obj:
                whole = dict(obj) if whole is obj else whole
                del whole[wire]
            continue
        kind, mine = field["t"], obj.get(wire)
        if isinstance(kind, str):
            if wire not in unions.of(name) or mine.__class__ is not dict:
                continue
            kind = ["@", unions.SCHEMA]
        if kind[0] == "@" and mine is None:
            full = {} if "*" in field.get("m", "") else restored(kind[1], {}, given, encoded=encoded, unsent=unsent)
            if not full:
                continue
        elif mine is None:
            if given or given.__class__ is not _CLASSES[kind[0]] or (encoded and "!" not in field.get("m", "")):
                continue
            full = given
        else:
            full = _within(kind, mine, given, encoded and not _is_atomic(field), unsent)
            if full is mine:
                continue
        whole = dict(obj) if whole is obj else whole
        whole[wire] = full
    return whole


def _is_atomic(field: dict[str, Any]) -> bool:
    return bool(field.get("x", _NOTHING_SAID).get("list-type") == "atomic")


_NOTHING_SAID: dict[str, Any] = {}
_CLASSES = {"[": list, "{": dict}
_SHARED = "io.k8s.apimachinery.pkg.apis.meta.v1."
_WITHOUT = frozenset((f"{_SHARED}LabelSelector", f"{_SHARED}LabelSelectorRequirement"))
"""Messages show them encoded, without what is empty."""


def _within(kind: Type, mine: Any, given: Any, encoded: bool, unsent: bool) -> Any:
    """The same below a list, a map or a struct."""
    if isinstance(kind, str) or mine.__class__ is not given.__class__:
        return mine
    mark, inner = kind
    if mark == "@":
        return restored(inner, mine, given, encoded=encoded, unsent=unsent)
    if isinstance(inner, str):
        return mine
    if mark == "[":
        if len(mine) != len(given):
            return mine
        full: Any = [_within(inner, one, other, encoded, unsent) for one, other in zip(mine, given, strict=True)]
        return mine if all(one is other for one, other in zip(full, mine, strict=True)) else full
    full = {key: _within(inner, one, given.get(key), encoded, unsent) for key, one in mine.items()}
    return mine if all(one is mine[key] for key, one in full.items()) else full


def has_any(name: str, obj: Object, sent: Any, but: Collection[str] = ()) -> bool:
    """Whether something was dropped."""
    return restored(name, obj, sent, but=but) is not obj
