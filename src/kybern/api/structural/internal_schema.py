"""A schema as upstream's internal Go type prints in messages: no JSON names, nothing left out.

Source: apiextensions-apiserver pkg/apis/apiextensions/types_jsonschema.go.
"""

from collections.abc import Callable
from typing import Any

from kybern.api.structural.schema import Schema

_NAMES = {
    "id": "ID",
    "$schema": "Schema",
    "$ref": "Ref",
    "x-kubernetes-preserve-unknown-fields": "XPreserveUnknownFields",
    "x-kubernetes-embedded-resource": "XEmbeddedResource",
    "x-kubernetes-int-or-string": "XIntOrString",
    "x-kubernetes-list-map-keys": "XListMapKeys",
    "x-kubernetes-list-type": "XListType",
    "x-kubernetes-map-type": "XMapType",
    "x-kubernetes-validations": "XValidations",
}
_TEXTS = frozenset(("id", "$schema", "description", "type", "format", "title", "pattern"))
_FLAGS = frozenset(
    ("nullable", "exclusiveMaximum", "exclusiveMinimum", "uniqueItems", "x-kubernetes-embedded-resource",
     "x-kubernetes-int-or-string")
)  # fmt: skip
_ORDER = (
    "id", "$schema", "$ref", "description", "type", "nullable", "format", "title", "default", "maximum",
    "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems",
    "uniqueItems", "multipleOf", "enum", "maxProperties", "minProperties", "required", "items", "allOf", "oneOf",
    "anyOf", "not", "properties", "additionalProperties", "patternProperties", "dependencies", "additionalItems",
    "definitions", "externalDocs", "example", "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-validations",
)  # fmt: skip


def internal_schema(schema: Schema) -> dict[str, Any]:
    return {_NAMES.get(key) or key[0].upper() + key[1:]: _value(key, schema.get(key)) for key in _ORDER}


def is_told(key: str, value: Any) -> bool:
    """Whether a field of a schema differs from Go's zero value: pointers, lists and maps do where they are there."""
    return value is not None and (bool(value) or key not in _TEXTS | _FLAGS)


def internal_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """One of `x-kubernetes-validations`."""
    return {
        "Rule": rule.get("rule") or "",
        "Message": rule.get("message") or "",
        "MessageExpression": rule.get("messageExpression") or "",
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath") or "",
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }


def internal_items(items: Any) -> dict[str, Any] | None:
    """A schema, or the list of them that structural schemas do not have."""
    if items is None:
        return None
    listed = [internal_schema(each) for each in items] if isinstance(items, list) else None
    return {"Schema": internal_schema(items) if isinstance(items, dict) else None, "JSONSchemas": listed}


def _value(key: str, value: Any) -> Any:
    if value is None:
        return "" if key in _TEXTS else False if key in _FLAGS else None
    form = _FORMS.get(key)
    return value if form is None else form(value)


def _each(schemas: list[Schema]) -> list[dict[str, Any]]:
    return [internal_schema(each) for each in schemas]


def _named(schemas: dict[str, Schema]) -> dict[str, Any]:
    return {key: internal_schema(schemas[key]) for key in sorted(schemas)}


def _allowed(given: Any) -> dict[str, Any]:
    """Of additionalProperties and additionalItems: a schema, or whether any will do."""
    if isinstance(given, dict):
        return {"Allows": True, "Schema": internal_schema(given)}
    return {"Allows": bool(given), "Schema": None}


def _dependencies(given: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {
            "Schema": internal_schema(given[key]) if isinstance(given[key], dict) else None,
            "Property": given[key] if isinstance(given[key], list) else None,
        }
        for key in sorted(given)
    }


def _documentation(given: dict[str, Any]) -> dict[str, Any]:
    return {"Description": given.get("description") or "", "URL": given.get("url") or ""}


_FORMS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("allOf", "oneOf", "anyOf"), _each),
    **dict.fromkeys(("properties", "patternProperties", "definitions"), _named),
    **dict.fromkeys(("additionalProperties", "additionalItems"), _allowed),
    "dependencies": _dependencies,
    "externalDocs": _documentation,
    "items": internal_items,
    "not": internal_schema,
    "x-kubernetes-validations": lambda rules: [internal_rule(each) for each in rules],
}
