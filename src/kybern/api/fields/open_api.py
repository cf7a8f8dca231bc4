"""Atoms of custom resources, from the openAPIV3Schema of a version of their definition.

Source: k8s.io/kube-openapi schemaconv, and apiextensions' structural defaulting of ObjectMeta.
"""

from collections.abc import Mapping
from typing import Any

from kybern.api.fields import structure
from kybern.api.fields.atom import DEDUCED, OPAQUE, UNTYPED, Atom, ListShape, MapShape, Scalar

_PREFIX = "x-kubernetes-"
_SCALARS: Mapping[str, Scalar] = {"integer": "numeric", "number": "numeric", "boolean": "boolean"}
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

Schema = Mapping[str, Any]


def atom(schema: Schema) -> Atom:
    """The atom of a whole custom resource: apiVersion, kind and metadata are known whatever the schema says."""
    made = _atom(schema, keeps_unknown=False)
    if made.map is None or made is DEDUCED:
        return DEDUCED
    shape = made.map

    def fields() -> Mapping[str, Atom]:
        text = Atom("string")
        return {**shape.fields, "apiVersion": text, "kind": text, "metadata": structure.atom(_OBJECT_META)}

    return Atom(map_=MapShape(fields, shape.element, atomic=shape.atomic))


def _atom(schema: Schema, keeps_unknown: bool) -> Atom:
    keeps_unknown = keeps_unknown or schema.get(f"{_PREFIX}preserve-unknown-fields") is True
    kind = schema.get("type", "")
    if schema.get(f"{_PREFIX}int-or-string"):
        return UNTYPED
    if kind == "object":
        return Atom(map_=_map(schema, keeps_unknown))
    if kind == "array":
        return Atom(list_=_list(schema, keeps_unknown))
    if kind == "string":
        return Atom("string" if schema.get("format", "") in ("", "byte") else "untyped")
    if kind:
        return Atom(_SCALARS.get(kind, "untyped"))
    return Atom("untyped", list_=_list(schema, keeps_unknown), map_=_map(schema, keeps_unknown))


def _map(schema: Schema, keeps_unknown: bool) -> MapShape:
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    embedded = schema.get(f"{_PREFIX}embedded-resource") is True

    def fields() -> Mapping[str, Atom]:
        made = {name: _atom(inner, keeps_unknown) for name, inner in properties.items()}
        if embedded:
            text = Atom("string")
            made = {**made, "apiVersion": text, "kind": text, "metadata": structure.atom(_OBJECT_META)}
        return made

    more = schema.get("additionalProperties")
    element: Atom | None = None
    if isinstance(more, Mapping):
        element = _atom(more, keeps_unknown)
    elif more is True or (more is None and (keeps_unknown or not properties)):
        element = DEDUCED
    return MapShape(fields, element, atomic=schema.get(f"{_PREFIX}map-type") == "atomic")


def _list(schema: Schema, keeps_unknown: bool) -> ListShape:
    associative, keys = structure.relationship(dict(schema), _PREFIX)
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return ListShape(OPAQUE, associative=associative, keys=keys)
    properties: Mapping[str, Schema] = items.get("properties") or {}
    key_defaults = {key: properties[key]["default"] for key in keys if "default" in properties.get(key, ())}
    return ListShape(_atom(items, keeps_unknown), associative=associative, keys=keys, defaults=key_defaults)
