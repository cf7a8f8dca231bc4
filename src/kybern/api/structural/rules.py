"""What makes a schema structural: types outside of junctors, and nothing below them that is not described above.

Source: apiextensions-apiserver pkg/apiserver/schema/{validation,complete}.go,
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from collections.abc import Iterator
from enum import Enum

from kybern.api.resource import FieldError
from kybern.api.structural import patterns
from kybern.api.structural import schema as read
from kybern.api.structural.internal_schema import is_told
from kybern.api.structural.schema import JUNCTORS, Schema
from kybern.api.validation.field import forbidden, invalid, required


class Level(Enum):
    """Where a schema stands; the words are those of a missing type."""

    ROOT = "must not be empty at the root"
    ITEM = "must not be empty for specified array items"
    FIELD = "must not be empty for specified object fields"


_UNSUPPORTED = ("id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions")
_EMPTY_BELOW = ("title", "description")
_FALSE_BELOW = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string")
_UNDEFINED_BELOW = ("x-kubernetes-list-type", "x-kubernetes-map-type")


def is_convertible(schema: Schema) -> bool:
    """Whether the schema has nothing that a structural one cannot say at all."""
    return not any(_unsayable(each) for each in read.walk(schema))


def why_inconvertible(schema: Schema) -> str:
    """The first thing in the schema that a structural one cannot say, in upstream's words; "" if there is none."""
    return next(filter(None, map(_unsayable, read.walk(schema))), "")


def _unsayable(schema: Schema) -> str:
    for key in _UNSUPPORTED:
        if schema.get(key) or (key == "additionalItems" and schema.get(key) is not None):
            return f"OpenAPIV3Schema '{'schema' if key == '$schema' else key}' is not supported"
    if schema.get("items") and isinstance(schema["items"], list):
        return "OpenAPIV3Schema 'items' must be a schema, but is an array"
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"
    return ""


def validate_structural(schema: Schema, path: str) -> list[FieldError]:
    """All violations, sorted as upstream sorts them."""
    errors = [*_invariants(schema, Level.ROOT, path), *_completeness(schema, schema, path, path)]
    return sorted(errors, key=lambda error: f"{error.path}: {error.message}")


def _invariants(schema: Schema, level: Level, path: str) -> Iterator[FieldError]:
    inner, more = read.items(schema), read.additional(schema)
    if schema.get("type") == "array" and inner is None:
        yield required(f"{path}.items", "must be specified")
    if inner is not None:
        yield from _invariants(inner, Level.ITEM, f"{path}.items")
    for key, each in read.properties(schema).items():
        yield from _invariants(each, Level.FIELD, f"{path}.properties[{key}]")
    if read.allows_additional(schema) and level is Level.ROOT:
        yield forbidden(f"{path}.additionalProperties", "must not be used at the root")
    if more is not None:
        yield from _invariants(more, Level.FIELD, f"{path}.additionalProperties")
    yield from _extensions(schema, path)
    yield from _junctors(schema, read.int_or_string_any_of(schema), read.int_or_string_all_of(schema), path)
    yield from _type(schema, level, path)
    yield from _metadata(schema, level, path)


def _extensions(schema: Schema, path: str) -> Iterator[FieldError]:
    if read.is_int_or_string(schema):
        for key in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"):
            if schema.get(key):
                yield invalid(f"{path}.{key}", True, "must be false if x-kubernetes-int-or-string is true")


def _type(schema: Schema, level: Level, path: str) -> Iterator[FieldError]:
    kind, embedded = schema.get("type") or "", read.is_embedded(schema)
    if embedded and kind != "object":
        detail = "must be object if x-kubernetes-embedded-resource is true"
        yield invalid(f"{path}.type", kind, detail) if kind else required(f"{path}.type", detail)
    elif not kind and not read.is_int_or_string(schema) and not read.preserves(schema):
        yield required(f"{path}.type", level.value)
    if embedded and read.allows_additional(schema):
        yield forbidden(f"{path}.additionalProperties", "must not be used if x-kubernetes-embedded-resource is set")
    if level is Level.ROOT and kind and kind != "object":
        yield invalid(f"{path}.type", kind, "must be object at the root")


def _metadata(schema: Schema, level: Level, path: str) -> Iterator[FieldError]:
    """Schemas of type and metadata may hardly say anything."""
    is_resource = level is Level.ROOT or read.is_embedded(schema)
    known = read.properties(schema)
    for key in ("kind", "apiVersion"):
        if is_resource and key in known and known[key].get("type") != "string":
            yield invalid(f"{path}.properties[{key}].type", known[key].get("type") or "", "must be string")
    metadata = known.get("metadata")
    if metadata is not None:
        place = f"{path}.properties[metadata]"
        if is_resource and metadata.get("type") != "object":
            yield invalid(f"{place}.type", metadata.get("type") or "", "must be object")
        if level is Level.ROOT and not _says_names_only(metadata):
            detail = "must not specify anything other than name and generateName, but metadata is implicitly specified"
            yield forbidden(place, detail)
    if read.is_embedded(schema) and not read.preserves(schema) and not known:
        detail = (
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        )
        yield required(f"{path}.properties", detail)


def _says_names_only(metadata: Schema) -> bool:
    said = {key for key, value in metadata.items() if is_told(key, value)} - {"type", "default", "properties"}
    return not said and read.properties(metadata).keys() <= {"name", "generateName"}


def _junctors(schema: Schema, skips_any_of: bool, skips_first_all_of: bool, path: str) -> Iterator[FieldError]:
    if not skips_any_of:
        for index, each in enumerate(schema.get("anyOf") or ()):
            yield from _nested(each, f"{path}.anyOf[{index}]")
    for index, each in enumerate(schema.get("allOf") or ()):
        yield from _nested(each, f"{path}.allOf[{index}]", skips_any_of=skips_first_all_of and index == 0)
    for index, each in enumerate(schema.get("oneOf") or ()):
        yield from _nested(each, f"{path}.oneOf[{index}]")
    if schema.get("not") is not None:
        yield from _nested(schema["not"], f"{path}.not")
    fault = patterns.fault_of(schema["pattern"]) if schema.get("pattern") else ""
    if fault:
        yield invalid(f"{path}.pattern", schema["pattern"], f"must be a valid regular expression, but isn't: {fault}")


def _nested(schema: Schema, path: str, *, skips_any_of: bool = False) -> Iterator[FieldError]:
    """A schema below a junctor: it restricts values, it describes nothing."""
    yield from _junctors(schema, skips_any_of, False, path)
    inner = read.items(schema)
    if inner is not None:
        yield from _nested(inner, f"{path}.items")
    for key, each in read.properties(schema).items():
        yield from _nested(each, f"{path}.properties[{key}]")
    if schema.get("type"):
        yield forbidden(f"{path}.type", "must be empty to be structural")
    if schema.get("additionalProperties") not in (None, False):
        yield forbidden(f"{path}.additionalProperties", "must be undefined to be structural")
    if schema.get("default") is not None:
        yield forbidden(f"{path}.default", "must be undefined to be structural")
    for key in _EMPTY_BELOW:
        if schema.get(key):
            yield forbidden(f"{path}.{key}", "must be empty to be structural")
    for key in ("nullable", *_FALSE_BELOW):
        if schema.get(key):
            yield forbidden(f"{path}.{key}", "must be false to be structural")
    if schema.get("x-kubernetes-list-map-keys"):
        yield forbidden(f"{path}.x-kubernetes-list-map-keys", "must be empty to be structural")
    for key in _UNDEFINED_BELOW:
        if schema.get(key) is not None:
            yield forbidden(f"{path}.{key}", "must be undefined to be structural")
    if schema.get("x-kubernetes-validations"):
        yield forbidden(f"{path}.x-kubernetes-validations", "must be empty to be structural")
    if "metadata" in read.properties(schema):
        yield forbidden(f"{path}.properties[metadata]", "must not be specified in a nested context")


def _completeness(nested: Schema, schema: Schema | None, path: str, nested_path: str) -> Iterator[FieldError]:
    """Whatever junctors speak of is described outside of them."""
    if schema is None:
        yield required(path, f"because it is defined in {nested_path}")
        return
    if nested.get("not") is not None:
        yield from _below(nested["not"], schema, path, f"{nested_path}.not")
    for junctor in JUNCTORS:
        for index, each in enumerate(nested.get(junctor) or ()):
            yield from _below(each, schema, path, f"{nested_path}.{junctor}[{index}]")


def _below(nested: Schema, schema: Schema | None, path: str, nested_path: str) -> Iterator[FieldError]:
    yield from _completeness(nested, schema, path, nested_path)
    if schema is None:
        return
    inner = read.items(nested)
    if inner is not None:
        yield from _below(inner, read.items(schema), f"{path}.items", f"{nested_path}.items")
    for key, each in read.properties(nested).items():
        place = f"{nested_path}.properties[{key}]"
        known = read.properties(schema)
        if key in known:
            yield from _below(each, known[key], f"{path}.properties[{key}]", place)
        else:
            yield required(f"{path}.properties[{key}]", f"because it is defined in {place}")
