"""Custom resources in OpenAPI: their schemas in both dialects, and their operations.

Source: apiextensions-apiserver pkg/controller/openapi/{builder,v2}.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from kybern.api.openapi import parameters, paths, render, schemas
from kybern.api.openapi.document import TITLE
from kybern.api.openapi.paths import Form, Operation
from kybern.api.openapi.schemas import META, Dialect
from kybern.api.resource import Resource
from kybern.api.structural import schema as read
from kybern.api.structural.schema import Schema

_JUNCTORS = ("allOf", "anyOf", "oneOf", "not")
_BODIES = (META + "DeleteOptions", META + "Status", META + "Patch", META + "ListMeta", META + "ObjectMeta")
_VERSION = "v0.1.0"
"""Of documents of custom resources, for ever."""
_SCALE = ("autoscaling", "v1", "Scale")
_OTHERS = frozenset(("admission.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "imagepolicy.k8s.io"))
"""Groups whose kinds documents of custom resources do not know of: other servers' schemes have them."""
_API_VERSION = (
    "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized "
    "schemas to the latest internal value, and may reject unrecognized values. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources"
)
_KIND = (
    "Kind is a string value representing the REST resource this object represents. Servers may infer this from the "
    "endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
)
_EMBEDDED_API_VERSION = (
    "apiVersion defines the versioned schema of this representation of an object. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources"
)
_EMBEDDED_KIND = (
    "kind is a string value representing the type of this object. In CamelCase. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
)
_METADATA = (
    "Standard object's metadata. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)
_LIST_METADATA = (
    "Standard list metadata. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
)


class Published(NamedTuple):
    """One version of a custom resource."""

    row: Resource
    list_kind: str
    schema: Schema | None


def definition_name(group: str, version: str, kind: str) -> str:
    """`com.example.v1.Widget`: how a custom resource's definition is called."""
    return ".".join([*reversed(group.split(".")), version, kind])


def definitions(published: Published, dialect: Dialect) -> Mapping[str, Schema]:
    """The definition of the resource and of its list."""
    row = published.row
    name = definition_name(row.group, row.version, row.kind)
    return {
        name: _resource(published, dialect),
        definition_name(row.group, row.version, published.list_kind): _list(published, name, dialect),
    }


def operations(published: Published, dialect: Dialect) -> dict[str, Schema]:
    """Path -> method -> operation, of the resource and its subresources. In v2 with references to what is shared."""
    row = published.row
    name = definition_name(row.group, row.version, row.kind)
    list_name = definition_name(row.group, row.version, published.list_kind)

    def name_of(operation: Operation, form: Form) -> str | None:
        if operation.subject == _SCALE:
            return schemas.definition_name(*_SCALE)
        return list_name if form is Form.LIST else name

    verbs = ("list", "create", "deletecollection", "get", "update", "delete", "patch")
    told = paths.operations(replace(row, verbs=verbs, is_custom=True))
    items = render.items(told, dialect, name_of)
    return parameters.share(items)[0] if dialect is Dialect.V2 else items


def document_v3(published: Iterable[Published]) -> Schema:
    """The v3 document of one group and version."""
    found = list(published)
    needed = [*_BODIES, *(_scale_names() if any(_has_scale(each.row) for each in found) else ())]
    texts = schemas.descriptions()
    known: dict[str, Schema] = {name: schemas.schema(name, texts, Dialect.V3) for name in schemas.closure(needed)}
    all_paths: dict[str, Schema] = {}
    known[_BODIES[0]] = _of_own_scheme(known[_BODIES[0]])
    for each in found:
        known |= definitions(each, Dialect.V3)
        all_paths |= operations(each, Dialect.V3)
    return {
        "openapi": "3.0.0",
        "info": {"title": f"{TITLE} CRD Swagger", "version": _VERSION},
        "paths": dict(sorted(all_paths.items())),
        "components": {"schemas": dict(sorted(known.items()))},
    }


def _of_own_scheme(schema: Schema) -> Schema:
    """A definition that kinds of many groups share, with those that documents of custom resources know."""
    shared = schema["x-kubernetes-group-version-kind"]
    return {**schema, "x-kubernetes-group-version-kind": [each for each in shared if each["group"] not in _OTHERS]}


def _scale_names() -> Sequence[str]:
    name = schemas.definition_name(*_SCALE)
    assert name is not None
    return (name,)


def _has_scale(row: Resource) -> bool:
    return any(each.name == "scale" for each in row.subresources)


def _resource(published: Published, dialect: Dialect) -> Schema:
    row, schema = published.row, published.schema
    out: Schema
    if schema is None or (dialect is Dialect.V2 and read.preserves(schema)):
        out = {"type": "object"}
    else:
        out = _converted(schema, dialect)
        out["properties"] = {
            **(out.get("properties") or {}),
            "apiVersion": {"description": _API_VERSION, "type": "string"},
            "kind": {"description": _KIND, "type": "string"},
            "metadata": _reference(META + "ObjectMeta", _METADATA, dialect),
        }
    gvk = {"group": row.group, "kind": row.kind, "version": row.version}
    out["x-kubernetes-group-version-kind"] = [gvk]
    return out | _selectable(row)


def _selectable(row: Resource) -> Schema:
    """The resource and its list tell what their objects may be selected by."""
    selectable = [{"fieldPath": name} for name in row.selectable_fields]
    return {"x-kubernetes-selectable-fields": selectable} if selectable else {}


def _list(published: Published, name: str, dialect: Dialect) -> Schema:
    row = published.row
    text = (
        f"List of {row.plural}. More info: "
        "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
    )
    item: Schema = {"$ref": dialect.value + name}
    return {
        "description": f"{published.list_kind} is a list of {row.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"description": _API_VERSION, "type": "string"},
            "items": {"description": text, "type": "array", "items": item},
            "kind": {"description": _KIND, "type": "string"},
            "metadata": _reference(META + "ListMeta", _LIST_METADATA, dialect),
        },
        "x-kubernetes-group-version-kind": [{"group": row.group, "kind": published.list_kind, "version": row.version}],
        **_selectable(row),
    }


def _reference(name: str, text: str, dialect: Dialect) -> Schema:
    """v3 allows nothing beside a $ref."""
    reference = {"$ref": dialect.value + name}
    if dialect is Dialect.V2:
        return {"description": text, **reference}
    return {"description": text, "allOf": [reference]}


def _converted(schema: Schema, dialect: Dialect) -> Schema:
    out: Schema = dict(schema)
    if read.is_int_or_string(schema) and not read.int_or_string_any_of(schema):
        if "anyOf" in schema and not read.int_or_string_all_of(schema):
            out["allOf"] = [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, *(schema.get("allOf") or ())]
        elif "anyOf" not in schema:
            out["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if dialect is Dialect.V2:
        out = _without_what_v2_lacks(out)
    if "properties" in out:
        out["properties"] = {key: _converted(each, dialect) for key, each in out["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), dict):
            out[key] = _converted(out[key], dialect)
    if read.is_embedded(schema) and not (dialect is Dialect.V2 and read.preserves(schema)):
        _add_type(out, dialect)
    return out


def _add_type(out: Schema, dialect: Dialect) -> None:
    """An embedded resource has type and metadata, said or not."""
    out["properties"] = {
        **(out.get("properties") or {}),
        "apiVersion": {"description": _EMBEDDED_API_VERSION, "type": "string"},
        "kind": {"description": _EMBEDDED_KIND, "type": "string"},
        "metadata": _reference(META + "ObjectMeta", _METADATA, dialect),
    }
    out["required"] = list(dict.fromkeys([*(out.get("required") or ()), "kind", "apiVersion"]))


def _without_what_v2_lacks(schema: Schema) -> Schema:
    """kubectl cannot cope with more: junctors, nullable values, lists without items, free objects with properties.

    Defaults are told in v3 only."""
    out: dict[str, Any] = {key: value for key, value in schema.items() if key not in (*_JUNCTORS, "default")}
    nullable = [key for key, each in (schema.get("properties") or {}).items() if read.is_nullable(each)]
    if out.pop("nullable", False):
        out = {key: value for key, value in out.items() if key not in ("type", "items", "properties")}
    if read.preserves(out):
        out = {key: value for key, value in out.items() if key not in ("items", "properties")}
        if out.get("type") == "object":
            del out["type"]
    if out.get("type") == "array" and "items" not in out:
        del out["type"]
    if out.get("required"):
        out["required"] = [key for key in out["required"] if key not in nullable]
        if not out["required"]:
            del out["required"]
    return out
