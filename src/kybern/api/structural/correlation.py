"""Pairs the parts of a new object with those of the old one, so that what is invalid but unchanged is tolerated.

Source: KEP-4008 (CRD validation ratcheting), k8s.io/apiserver pkg/cel/common/equality.go.
"""

from typing import Any

import orjson

from kybern.api.structural import schema as read
from kybern.api.structural.schema import Schema


class Correlation:
    """A new value, the old one in its place, and the schema of both. Parts that have no old one have no Correlation."""

    __slots__ = ("_elements", "new", "old", "schema")

    def __init__(self, new: Any, old: Any, schema: Schema) -> None:
        self.new = new
        self.old = old
        self.schema = schema
        self._elements: dict[bytes, Any] | None = None

    @property
    def unchanged(self) -> bool:
        """Equal part by part: the order of lists of type map does not matter, and a part without a schema counts as
        changed."""
        new, old = self.new, self.old
        if new.__class__ is dict and old.__class__ is dict:
            return len(new) == len(old) and all(_is_unchanged(self.key(name)) for name in new)
        if new.__class__ is list and old.__class__ is list and self.schema.get("x-kubernetes-list-type") == "map":
            return len(new) == len(old) and all(_is_unchanged(self.index(at)) for at in range(len(new)))
        return is_same(new, old)

    def key(self, name: str) -> "Correlation | None":
        """The part under a name; None where nothing old stands beside it."""
        new, old = self.new, self.old
        if new.__class__ is not dict or old.__class__ is not dict or name not in new or name not in old:
            return None
        inner = read.properties(self.schema).get(name) or read.additional(self.schema)
        return None if inner is None else Correlation(new[name], old[name], inner)

    def index(self, at: int) -> "Correlation | None":
        """The element with the same keys in the old list; only lists of type map can tell."""
        inner = read.items(self.schema)
        if self.schema.get("x-kubernetes-list-type") != "map" or inner is None:
            return None
        if self.new.__class__ is not list or self.old.__class__ is not list:
            return None
        found = self._by_keys().get(self._keys_of(self.new[at]))
        return None if found is None else Correlation(self.new[at], found, inner)

    def _by_keys(self) -> dict[bytes, Any]:
        if self._elements is None:
            self._elements = {}
            for each in self.old:
                self._elements.setdefault(self._keys_of(each), each)
        return self._elements

    def _keys_of(self, element: Any) -> bytes:
        if element.__class__ is not dict:
            return b""
        return orjson.dumps([element.get(key) for key in self.schema.get("x-kubernetes-list-map-keys") or ()])


def _is_unchanged(part: Correlation | None) -> bool:
    return part is not None and part.unchanged


def is_same(one: Any, other: Any) -> bool:
    """Equality that tells true from 1."""
    if one.__class__ is dict and other.__class__ is dict:
        return one.keys() == other.keys() and all(is_same(each, other[key]) for key, each in one.items())
    if one.__class__ is list and other.__class__ is list:
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other) and (one.__class__ is bool) == (other.__class__ is bool)
