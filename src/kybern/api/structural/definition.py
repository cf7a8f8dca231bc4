"""The schemas of a CustomResourceDefinition as a whole: what each version's schema must satisfy, new and changed.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.structural import schema as read
from kybern.api.structural.default_rules import validate_defaults
from kybern.api.structural.field_path import BadPath, resolve
from kybern.api.structural.formats import is_unrecognized
from kybern.api.structural.internal_schema import internal_schema, is_told
from kybern.api.structural.properties import TYPES, Context, list_map_faults, non_atomic_set, validate_properties
from kybern.api.structural.rules import is_convertible, validate_structural, why_inconvertible
from kybern.api.structural.schema import Schema
from kybern.api.validation.field import duplicate, forbidden, invalid, required, too_many

SELECTABLE_FIELDS_LIMIT = 8
_ROOT_FIELDS = {
    "description": "Description", "type": "Type", "format": "Format", "title": "Title", "maximum": "Maximum",
    "exclusiveMaximum": "ExclusiveMaximum", "minimum": "Minimum", "exclusiveMinimum": "ExclusiveMinimum",
    "maxLength": "MaxLength", "minLength": "MinLength", "pattern": "Pattern", "maxItems": "MaxItems",
    "minItems": "MinItems", "uniqueItems": "UniqueItems", "multipleOf": "MultipleOf", "required": "Required",
    "items": "Items", "properties": "Properties", "externalDocs": "ExternalDocs", "example": "Example",
    "x-kubernetes-preserve-unknown-fields": "XPreserveUnknownFields", "x-kubernetes-validations": "XValidations",
}  # fmt: skip
"""What a schema may say at its root when the status has a schema of its own (upstream shows its Go names)."""
_SELECTABLE_TYPES = ("string", "boolean", "integer")


@dataclass(frozen=True, slots=True)
class Strictness:
    """Which rules hold: an older definition that broke one may go on breaking it."""

    structural: bool = True
    pruned_defaults: bool = True
    valid_types: bool = True
    atomic_sets: bool = True
    strict_list_maps: bool = True
    unchanged: frozenset[str] = field(default_factory=frozenset)
    """Names of versions whose schemas are as they were: their rules' costs are not held against them."""
    too_many_selectable: frozenset[str] = field(default_factory=frozenset)
    """Names of versions that had more selectable fields than allowed and keep them."""


STRICT = Strictness()


def strictness_after(old_versions: Sequence[Object], new_versions: Sequence[Object]) -> Strictness:
    """What the new versions must satisfy, given the old ones."""
    before = {version.get("name", ""): version for version in old_versions}
    schemas = [schema for version in old_versions if (schema := schema_of(version)) is not None]
    inner = [each for schema in schemas for each in read.walk(schema)]
    shared = [version.get("name", "") for version in new_versions if version.get("name") in before]
    return Strictness(
        structural=all(is_convertible(schema) and not validate_structural(schema, "") for schema in schemas),
        pruned_defaults=not any(
            "unknown" in each.message for schema in schemas for each in validate_defaults(schema, "")
        ),
        valid_types=all(not each.get("type") or each["type"] in TYPES for each in inner),
        atomic_sets=not any(_has_loose_set(each) for each in inner),
        strict_list_maps=not any(True for each in inner for _ in list_map_faults(each)),
        unchanged=frozenset(
            version.get("name", "")
            for version in new_versions
            if version.get("name") in before and schema_of(version) == schema_of(before[version["name"]])
        ),
        too_many_selectable=frozenset(
            name for name in shared if len(before[name].get("selectableFields") or ()) > SELECTABLE_FIELDS_LIMIT
        ),
    )


def _has_loose_set(schema: Schema) -> bool:
    inner = read.items(schema)
    return schema.get("x-kubernetes-list-type") == "set" and inner is not None and any(non_atomic_set(inner, ""))


def schema_of(version: Object) -> Schema | None:
    return (version.get("schema") or {}).get("openAPIV3Schema")


RuleCheck = Callable[[Schema, str, Strictness, str, Sequence[str]], Iterator[FieldError]]
"""(schema, path, strictness, version, places of faults) -> the faults of its x-kubernetes-validations."""


def validate_schema(
    schema: Schema, path: str, strict: Strictness, *, has_status: bool, version: str, check_rules: RuleCheck
) -> Iterator[FieldError]:
    """One version's schema, at `path`."""
    errors = list(_root(schema, path, has_status=has_status))
    ready = False
    if strict.structural and is_convertible(schema):
        found = validate_structural(schema, path)
        found = found or list(validate_defaults(schema, path, pruned=strict.pruned_defaults))
        errors += found
        ready = not found
    context = Context(
        is_root=True,
        valid_types=strict.valid_types,
        atomic_sets=strict.atomic_sets,
        strict_list_maps=strict.strict_list_maps,
    )
    found = list(validate_properties(schema, path, context))
    errors += found
    if strict.structural and not errors and (why := why_inconvertible(schema)):
        yield invalid(path, "", why)
        return
    yield from errors
    if ready:
        yield from check_rules(schema, path, strict, version, [error.path for error in found])


def _root(schema: Schema, path: str, *, has_status: bool) -> Iterator[FieldError]:
    if has_status:
        kind = schema.get("type") or ""
        if kind and kind != "object":
            detail = (
                'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
            )
            yield invalid(f"{path}.type", kind, detail)
        elif any(key not in _ROOT_FIELDS and is_told(key, value) for key, value in schema.items()):
            detail = (
                f"only [{' '.join(_ROOT_FIELDS.values())}] fields are allowed at the root of the schema if the status "
                "subresource is enabled"
            )
            yield invalid(path, internal_schema(schema), detail)
    if schema.get("nullable"):
        yield forbidden(f"{path}.nullable", "nullable cannot be true at the root")


def validate_selectable_fields(
    given: Sequence[Object], schema: Schema, path: str, *, may_be_many: bool
) -> Iterator[FieldError]:
    """Fields that clients may select objects by: scalars outside of metadata."""
    seen: set[str] = set()
    for index, each in enumerate(given):
        place, text = f"{path}[{index}].jsonPath", each.get("jsonPath") or ""
        if not text:
            yield required(place)
            continue
        try:
            found = resolve(text, schema, allows_brackets=False)
        except BadPath as error:
            yield invalid(place, text, f"is an invalid path: {error}")
            continue
        if found.names[:1] == ("metadata",):
            yield invalid(place, text, "must not point to fields in metadata")
        if found.schema.get("type") not in _SELECTABLE_TYPES:
            detail = (
                "must point to a field of type string, boolean or integer. Enum string fields and strings with "
                "formats are allowed."
            )
            yield invalid(place, text, detail)
        if found.path in seen:
            yield duplicate(place, text)
        seen.add(found.path)
    if len(seen) > SELECTABLE_FIELDS_LIMIT and not may_be_many:
        yield too_many(path, len(seen), SELECTABLE_FIELDS_LIMIT)


def unrecognized_formats(versions: Sequence[Object]) -> list[str]:
    """Formats that are written but never checked, in the order of the schemas."""
    schemas: list[Any] = [schema_of(version) for version in versions]
    return [
        each["format"]
        for schema in schemas
        if schema is not None
        for each in read.walk(schema)
        if is_unrecognized(each)
    ]
