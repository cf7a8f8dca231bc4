"""Types of Kubernetes' own kinds, and of what admission gives to policies besides the object."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from kybern.api.cel import types
from kybern.api.cel.escaping import escape
from kybern.api.cel.schemas import type_from_schema
from kybern.api.cel.types import CelType, Property
from kybern.api.schema.structure import class_of, fields, names_of_kinds

_LETTERS: Final = {
    "s": types.STRING,
    "q": types.STRING,
    "b": types.BOOL,
    "i": types.INT,
    "l": types.INT,
    "d": CelType("double", adapt="double"),
    "B": CelType("bytes", adapt="bytes", min_size=2),
    "t": CelType("timestamp", "google.protobuf.Timestamp", adapt="timestamp", min_size=21),
    "u": CelType("timestamp", "google.protobuf.Timestamp", adapt="timestamp", min_size=21),
    "x": types.DYN,
}
_HIDDEN: Final = frozenset("j")
"""Schemas without a type: expressions cannot see them."""


@cache
def type_from_definition(api_version: str, kind: str) -> CelType | None:
    """The type of a built-in kind (`apps/v1`, `Deployment`); None if there is no such kind."""
    name = names_of_kinds().get((api_version, kind))
    return None if name is None else _object(name, frozenset(), root=True)


def _object(name: str, above: frozenset[str], *, root: bool = False) -> CelType:
    if name in above:
        return types.DYN  # Only JSONSchemaProps holds itself.
    found: dict[str, Property] = {}
    if root:
        found = {field: Property(field, types.STRING) for field in ("apiVersion", "kind")}
    for field, described in fields(name).items():
        kind = _type(described["t"], described.get("x", {}), above | {name})
        escaped = escape(field)
        if kind is not None and escaped is not None:
            found[escaped] = Property(field, kind)
    return CelType("object", class_of(name), fields=found, min_size=2, structural=True)


def _type(kind: Any, extensions: dict[str, Any], above: frozenset[str]) -> CelType | None:
    if isinstance(kind, str):
        if kind in _HIDDEN:
            return None
        return _LETTERS.get(kind) or CelType("object", "object", fields={}, min_size=2, structural=True)
    mark, inner = kind
    if mark == "@":
        return _object(inner, above)
    element = _type(inner, {}, above)
    if element is None:
        return None
    if mark == "{":
        return types.map_of(types.STRING, element)
    adapted = extensions.get("list-type", "")
    keys = tuple(extensions.get("list-map-keys") or ())
    return types.list_of(element, adapt=adapted if adapted in ("set", "map") else "", keys=keys)


def _named(name: str, /, **members: CelType) -> CelType:
    return types.object_type(f"kubernetes.{name}", members)


_KIND: Final = _named("GroupVersionKind", group=types.STRING, version=types.STRING, kind=types.STRING)
_RESOURCE: Final = _named("GroupVersionResource", group=types.STRING, version=types.STRING, resource=types.STRING)
_USER: Final = _named(
    "UserInfo",
    username=types.STRING,
    uid=types.STRING,
    groups=types.list_of(types.STRING),
    extra=types.map_of(types.STRING, types.list_of(types.STRING)),
)

REQUEST: Final = _named(
    "AdmissionRequest",
    kind=_KIND,
    resource=_RESOURCE,
    subResource=types.STRING,
    requestKind=_KIND,
    requestResource=_RESOURCE,
    requestSubResource=types.STRING,
    name=types.STRING,
    namespace=types.STRING,
    operation=types.STRING,
    userInfo=_USER,
    dryRun=types.BOOL,
    options=types.DYN,
)
"""The variable `request` of policies and match conditions."""

AUTHORIZER: Final = CelType("object", "kubernetes.authorization.Authorizer")
RESOURCE_CHECK: Final = CelType("object", "kubernetes.authorization.ResourceCheck")
"""The variable `authorizer.requestResource`."""


def _namespace() -> CelType:
    text, moment = {"type": "string"}, {"type": "string", "format": "date-time"}
    texts = {"type": "object", "additionalProperties": text}
    metadata = {
        **dict.fromkeys(("name", "generateName", "namespace", "UID", "resourceVersion"), text),
        "labels": texts,
        "annotations": texts,
        "creationTimestamp": moment,
        "deletionTimestamp": moment,
        "deletionGracePeriodSeconds": {"type": "integer"},
        "generation": {"type": "integer"},
        "finalizers": {"type": "array", "items": text},
    }
    condition = dict.fromkeys(("status", "type", "message", "reason"), text) | {"lastTransitionTime": moment}
    conditions = {"type": "array", "items": {"type": "object", "properties": condition}}
    schema = {
        "type": "object",
        "properties": {
            "metadata": {"type": "object", "properties": metadata},
            "spec": {"type": "object", "properties": {"finalizers": {"type": "array", "items": text}}},
            "status": {"type": "object", "properties": {"conditions": conditions, "phase": text}},
        },
    }
    found = type_from_schema(schema, "kubernetes.Namespace")
    assert found is not None
    return found


NAMESPACE: Final = _namespace()
"""The variable `namespaceObject` of policies."""
