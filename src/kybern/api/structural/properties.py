"""What each schema of a definition may say, structural or not: upstream's rules of `openAPIV3Schema`, one by one.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from kybern.api.resource import FieldError
from kybern.api.structural import schema as read
from kybern.api.structural.internal_schema import internal_items
from kybern.api.structural.schema import JUNCTORS, META_FIELDS, Schema
from kybern.api.structural.validations import validate_rule_texts
from kybern.api.validation.field import forbidden, invalid, not_supported, required

TYPES = ("array", "boolean", "integer", "number", "object", "string")
_LIST_TYPES = ("atomic", "set", "map")
_MAP_TYPES = ("atomic", "granular")
_UNSUPPORTED = ("additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_UNSUPPORTED_EMPTY = frozenset(("additionalItems", "dependencies", "$ref"))


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for a schema because of where it stands, and what older definitions are forgiven."""

    no_defaults_reason: str | None = None
    """None: defaults are allowed here."""
    inside_meta: bool = False
    is_root: bool = False
    valid_types: bool = True
    atomic_sets: bool = True
    strict_list_maps: bool = True


def validate_properties(schema: Schema, path: str, context: Context) -> Iterator[FieldError]:
    """The faults of a schema and of all within it."""
    yield from _standard(schema, path, context)
    if schema.get("uniqueItems"):
        detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield forbidden(f"{path}.uniqueItems", detail)
    yield from _parts(schema, path, replace(context, is_root=False), is_root=context.is_root)
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        yield invalid(f"{path}.x-kubernetes-preserve-unknown-fields", False, "must be true or undefined")
    yield from _map_type(schema, path)
    yield from _list_type(schema, path, context)
    yield from _list_map(schema, path)
    if context.strict_list_maps:
        yield from list_map_faults(schema, path)
    yield from validate_rule_texts(schema, path)


def _standard(schema: Schema, path: str, context: Context) -> Iterator[FieldError]:
    kind = schema.get("type")
    if context.valid_types and kind and kind not in TYPES:
        yield not_supported(f"{path}.type", kind, TYPES)
    if schema.get("default") is not None and context.no_defaults_reason is not None:
        yield forbidden(f"{path}.default", f"must not be set {context.no_defaults_reason}".rstrip())
    if schema.get("id"):
        yield forbidden(f"{path}.id", "id is not supported")
    for key in _UNSUPPORTED:
        if schema.get(key) or (key in _UNSUPPORTED_EMPTY and schema.get(key) is not None):
            yield forbidden(f"{path}.{key}", f"{key} is not supported")
    if kind == "null":
        yield forbidden(f"{path}.type", "type cannot be set to null, use nullable as an alternative")
    if schema.get("items") and isinstance(schema["items"], list):
        yield forbidden(f"{path}.items", "items must be a schema object and not an array")
    if context.inside_meta and read.is_embedded(schema):
        yield forbidden(f"{path}.x-kubernetes-embedded-resource", "must not be used inside of resource meta")


def _parts(schema: Schema, path: str, context: Context, *, is_root: bool) -> Iterator[FieldError]:
    more = schema.get("additionalProperties")
    if more is not None and read.properties(schema) and more is not True:
        detail = "additionalProperties and properties are mutual exclusive"
        yield forbidden(f"{path}.additionalProperties", detail)
    if isinstance(more, dict):
        inner = context
        if context.inside_meta:
            inner = replace(context, no_defaults_reason="inside additionalProperties applying to object metadata")
        yield from validate_properties(more, f"{path}.additionalProperties", inner)
    for key, each in read.properties(schema).items():
        inner = context
        if key in META_FIELDS and (is_root or read.is_embedded(schema)):
            inner = replace(context, inside_meta=True)
            if is_root:
                inner = replace(inner, no_defaults_reason=f"in top-level {key}")
        yield from validate_properties(each, f"{path}.properties[{key}]", inner)
    if schema.get("not") is not None:
        yield from validate_properties(schema["not"], f"{path}.not", context)
    for junctor in JUNCTORS:
        for index, each in enumerate(schema.get(junctor) or ()):
            yield from validate_properties(each, f"{path}.{junctor}[{index}]", context)
    found: Any = schema.get("items")
    if isinstance(found, dict):
        yield from validate_properties(found, f"{path}.items", context)


def _map_type(schema: Schema, path: str) -> Iterator[FieldError]:
    given, kind = schema.get("x-kubernetes-map-type"), schema.get("type") or ""
    if given is None:
        return
    if kind != "object":
        detail = "must be object if x-kubernetes-map-type is specified"
        yield invalid(f"{path}.type", kind, detail) if kind else required(f"{path}.type", detail)
    if given not in _MAP_TYPES:
        yield not_supported(f"{path}.x-kubernetes-map-type", given, _MAP_TYPES)


def _list_type(schema: Schema, path: str, context: Context) -> Iterator[FieldError]:
    given, kind, inner = schema.get("x-kubernetes-list-type"), schema.get("type") or "", read.items(schema)
    if given is None:
        return
    if kind != "array":
        detail = "must be array if x-kubernetes-list-type is specified"
        yield invalid(f"{path}.type", kind, detail) if kind else required(f"{path}.type", detail)
    elif context.atomic_sets and given == "set" and inner is not None:
        yield from non_atomic_set(inner, path)
    if given not in _LIST_TYPES:
        yield not_supported(f"{path}.x-kubernetes-list-type", given, _LIST_TYPES)


def non_atomic_set(inner: Schema, path: str) -> Iterator[FieldError]:
    """Elements of sets are compared as a whole."""
    listed, mapped = inner.get("x-kubernetes-list-type"), inner.get("x-kubernetes-map-type")
    detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
    if inner.get("type") == "array" and listed not in (None, "atomic"):
        yield invalid(f"{path}.items.x-kubernetes-list-type", listed, detail)
    if inner.get("type") == "object" and mapped != "atomic":
        yield invalid(f"{path}.items.x-kubernetes-map-type", listed, detail)


def _list_map(schema: Schema, path: str) -> Iterator[FieldError]:
    given, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or []
    if keys and given != "map":
        detail = "must be map if x-kubernetes-list-map-keys is non-empty"
        place = f"{path}.x-kubernetes-list-type"
        yield required(place, detail) if given is None else invalid(place, given, detail)
    if given != "map":
        return
    inner: Any = schema.get("items")
    if not keys:
        yield required(f"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
    if inner is None:
        yield required(f"{path}.items", "must have a schema if x-kubernetes-list-type is map")
    elif not isinstance(inner, dict):
        yield invalid(
            f"{path}.items", internal_items(inner), "must only have a single schema if x-kubernetes-list-type is map"
        )
    elif inner.get("type") != "object":
        detail = "must be object if parent array's x-kubernetes-list-type is map"
        yield invalid(f"{path}.items.type", inner.get("type") or "", detail)
    else:
        yield from _map_keys(inner, keys, path)


def _map_keys(inner: Schema, keys: list[str], path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    place = f"{path}.x-kubernetes-list-map-keys"
    for key in keys:
        known = read.properties(inner).get(key)
        if known is None:
            yield invalid(place, keys, "entries must all be names of item properties")
        elif known.get("type") in ("array", "object"):
            detail = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            yield invalid(f"{path}.items.properties[{key}].type", inner["type"], detail)
        if key in seen:
            yield invalid(place, keys, "must not contain duplicate entries")
        seen.add(key)


def list_map_faults(schema: Schema, path: str = "") -> Iterator[FieldError]:
    """Elements of sets and maps cannot be null, and keys of maps are always there."""
    given, inner = schema.get("x-kubernetes-list-type"), read.items(schema)
    if inner is None or given not in ("set", "map"):
        return
    if inner.get("nullable"):
        yield forbidden(f"{path}.items.nullable", f"cannot be nullable when x-kubernetes-list-type is {given}")
    if given == "set":
        return
    for key in schema.get("x-kubernetes-list-map-keys") or ():
        known = read.properties(inner).get(key)
        if known is None:
            continue
        place = f"{path}.items.properties[{key}]"
        if key not in (inner.get("required") or ()) and known.get("default") is None:
            detail = (
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            )
            yield required(f"{place}.default", detail)
        if known.get("nullable"):
            yield forbidden(
                f"{place}.nullable", "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"
            )
