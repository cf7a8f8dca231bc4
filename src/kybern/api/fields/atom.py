"""The shape of a value, as far as ownership of fields depends on it: which lists and maps are one value, which are many.

This is the door through which any kind comes to server-side apply. An `Atom` says what its value may be: a scalar, a
list, a map, or several of these. Two makers exist: `structure.atom` for upstream's kinds, `open_api.atom` for the
openAPIV3Schema of a CustomResourceDefinition's version. A custom resource plugs in so: make the atom of each version
once, when the definition is established, with `open_api.atom(schema)` (`DEDUCED` where a version has no schema or keeps
unknown fields throughout); give it to `update` and `apply` in a `Version` beside the apiVersion and what the endpoint
resets (`{"f:status": {}}`, or `{"f:spec": {}, "f:metadata": {}}` for /status); mark it `may_change`, for a definition's
lists may become atomic under objects that are owned piece by piece.

Source: sigs.k8s.io/structured-merge-diff schema, k8s.io/kube-openapi schemaconv.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Literal

import orjson

Scalar = Literal["", "string", "numeric", "boolean", "untyped"]

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_MARKED = re.compile("[<>&\u2028\u2029]").search


OUTLINES_LIMIT = 512
"""Sets of members that a map or struct remembers."""

Outline = tuple[dict[str, Any], "list[tuple[str, str, Atom]]"]
"""A set with every member as a leaf, and (member, path element, atom) of those that may have more below."""


class Unkeyed(Exception):
    """An element of an associative list that nothing names; the text is upstream's."""


class MapShape:
    """A struct (`fields`), a map (`element`), or both."""

    def __init__(
        self,
        fields: Callable[[], "Mapping[str, Atom]"] | None = None,
        element: "Atom | None" = None,
        *,
        atomic: bool = False,
    ) -> None:
        self._make_fields = fields
        self._outlines: dict[tuple[str, ...], Outline] = {}
        self.element = element
        """Of the values under keys that `fields` does not have; None: there are none such."""
        self.atomic = atomic

    @cached_property
    def fields(self) -> "Mapping[str, Atom]":
        """Made at first use, for types may contain themselves."""
        return self._make_fields() if self._make_fields is not None else {}

    def outline(self, keys: tuple[str, ...]) -> "Outline":
        """What a value with these members is owned as; kept, for values of one form recur."""
        known = self._outlines.get(keys)
        if known is None:
            if len(self._outlines) >= OUTLINES_LIMIT:
                self._outlines.clear()
            branches = [(key, f"f:{key}", atom) for key in keys if (atom := self.of(key)).is_branch]
            known = self._outlines[keys] = {".": {}, **{f"f:{key}": {} for key in sorted(keys)}}, branches
        return known

    def of(self, key: str) -> "Atom":
        """The atom of a member; what no schema knows is deduced."""
        return self.fields.get(key) or self.element or DEDUCED


class ListShape:
    """Atomic, or associative: a map by `keys`, a set where there are none."""

    def __init__(
        self,
        element: "Atom | None" = None,
        *,
        associative: bool = False,
        keys: Sequence[str] = (),
        defaults: Any = None,
    ) -> None:
        self._element = element
        self.associative = associative
        self.keys = tuple(sorted(keys))
        self.defaults: Mapping[str, Any] = defaults or {}
        """Values of keys that an element may leave out."""
        self._single = self.keys[0] if len(self.keys) == 1 else ""

    @property
    def element(self) -> "Atom":
        return self._element or DEDUCED

    def name(self, item: Any) -> str:
        """The path element of an item: `k:{"name":"web"}` or `v:"a"`. Raises Unkeyed."""
        if self.keys:
            if item.__class__ is not dict:
                what = "null element" if item is None else "non-map elements"
                raise Unkeyed(f"associative list with keys may not have {'a ' if item is None else ''}{what}")
            single = self._single
            if single and single in item:
                value = item[single]
                if value.__class__ is str:
                    return _key_element(single, value)
                return escaped(f'k:{{"{single}":{_json(value)}}}')
            return self._compound(item)
        if item.__class__ in (dict, list) or item is None:
            raise Unkeyed(_NO_SET[type(item)])
        return escaped(f"v:{_json(item)}")

    def _compound(self, item: dict[str, Any]) -> str:
        defaults = self.defaults
        found = {
            key: _json(item[key] if key in item else defaults[key])
            for key in self.keys
            if key in item or key in defaults
        }
        if not found:
            keys = "[" + " ".join(f'"{key}"' for key in self.keys) + "]"
            raise Unkeyed(
                f"associative list with keys has an element that omits all key fields {keys} (and doesn't have default "
                "values for any key fields)"
            )
        return escaped("k:{" + ",".join([f'"{key}":{text}' for key, text in found.items()]) + "}")


def _json(value: Any) -> str:
    """As Go writes it: whole floats have no point."""
    if value.__class__ is float and value.is_integer() and abs(value) < 2**63:
        value = int(value)
    return orjson.dumps(value).decode()


@lru_cache(maxsize=8192)
def _key_element(key: str, value: str) -> str:
    """The path element of an item known by one text: names of containers, variables, ports recur."""
    return escaped(f'k:{{"{key}":{orjson.dumps(value).decode()}}}')


_NO_SET = {
    dict: "associative list without keys has an element that's a map type",
    list: "not supported: associative list with lists as elements",
    type(None): "associative list without keys has an element that's an explicit null",
}


def escaped(text: str) -> str:
    """Go's JSON escapes what HTML would read, and what ends a line of JavaScript."""
    return "".join(_ESCAPED.get(character, character) for character in text) if _MARKED(text) else text


_CLASSES: Mapping[Scalar, frozenset[type]] = {
    "": frozenset((type(None),)),
    "string": frozenset((str, type(None))),
    "numeric": frozenset((int, float, type(None))),
    "boolean": frozenset((bool, type(None))),
    "untyped": frozenset((str, int, float, bool, type(None))),
}


class Atom:
    """What a value may be."""

    __slots__ = ("classes", "is_branch", "list", "map", "scalar")

    def __init__(self, scalar: Scalar = "", *, list_: ListShape | None = None, map_: MapShape | None = None) -> None:
        self.scalar: Scalar = scalar
        self.list = list_
        self.map = map_
        self.classes = _CLASSES[scalar]
        """Of scalars that fit; null fits everywhere."""
        self.is_branch = bool((map_ is not None and not map_.atomic) or (list_ is not None and list_.associative))
        """Whether there may be fields below: neither a scalar nor atomic."""


UNTYPED = Atom("untyped")
"""Any scalar."""
OPAQUE = Atom("untyped")
"""Anything, and always one value (RawExtension)."""
OPAQUE.list, OPAQUE.map = ListShape(OPAQUE), MapShape(element=OPAQUE, atomic=True)
DEDUCED = Atom("untyped")
"""Anything: maps by their members, lists as one value. What objects without a schema are."""
DEDUCED.list, DEDUCED.map, DEDUCED.is_branch = ListShape(OPAQUE), MapShape(element=DEDUCED), True
