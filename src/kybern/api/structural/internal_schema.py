"""A schema, and a version with its schema, as upstream's internal Go types print in messages: no JSON names, nothing
left out.

Source: apiextensions-apiserver pkg/apis/apiextensions/{types_jsonschema,types}.go.
"""

from collections.abc import Callable, Collection
from typing import Any

from kybern.api.structural.schema import Schema
from kybern.api.validation.field import Ordered

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
    return Ordered((_NAMES.get(key) or key[0].upper() + key[1:], _value(key, schema.get(key))) for key in _ORDER)


def is_told(key: str, value: Any) -> bool:
    """Whether a field of a schema differs from Go's zero value: pointers, lists and maps do where they are there."""
    return value is not None and (bool(value) or key not in _TEXTS | _FLAGS)


def internal_version(version: dict[str, Any], common: Collection[str]) -> dict[str, Any]:
    """An entry of `spec.versions`, without what (`common`) all entries have alike and upstream keeps once for all."""
    own = {key: None if key in common else version.get(key) for key in _PARTS}
    head = {
        "Name": version.get("name") or "",
        "Served": bool(version.get("served")),
        "Storage": bool(version.get("storage")),
        "Deprecated": bool(version.get("deprecated")),
        "DeprecationWarning": version.get("deprecationWarning"),
    }
    parts = {key[0].upper() + key[1:]: None if own[key] is None else form(own[key]) for key, form in _PARTS.items()}
    return Ordered(head | parts)


def _validation(given: dict[str, Any]) -> dict[str, Any]:
    schema = given.get("openAPIV3Schema")
    return {"OpenAPIV3Schema": None if schema is None else internal_schema(schema)}


def _subresources(given: dict[str, Any]) -> dict[str, Any]:
    scale = given.get("scale")
    return {
        "Status": None if given.get("status") is None else {},
        "Scale": None
        if scale is None
        else {
            "SpecReplicasPath": scale.get("specReplicasPath") or "",
            "StatusReplicasPath": scale.get("statusReplicasPath") or "",
            "LabelSelectorPath": scale.get("labelSelectorPath"),
        },
    }


def _columns(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    texts = (("name", "Name"), ("type", "Type"), ("format", "Format"), ("description", "Description"))
    return [
        {name: each.get(key) or "" for key, name in texts}
        | {"Priority": each.get("priority") or 0, "JSONPath": each.get("jsonPath") or ""}
        for each in given
    ]


def _selectable(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"JSONPath": each.get("jsonPath") or ""} for each in given]


_PARTS: dict[str, Callable[[Any], Any]] = {
    "schema": _validation,
    "subresources": _subresources,
    "additionalPrinterColumns": _columns,
    "selectableFields": _selectable,
}


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
