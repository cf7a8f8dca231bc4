"""Fields that hold a schema or something else: Go reads them with decoders of their own.

Within them nothing is told of unknown fields, and a fault ends the reading, whatever wrong types were met before.
Source: apiextensions-apiserver pkg/apis/apiextensions/v1/marshal.go.
"""

from collections.abc import Callable, Mapping
from typing import Any

from kybern.api.schema.values import Unfit

SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
LIST, FLAG, NAMED = "list", "flag", "named"
"""A schema or: a list of schemas; whether any value will do; by names, each a list of names."""
SCHEMA_EXPECTED = "boolean or JSON schema expected"

_FIELDS = {"items": LIST, "additionalProperties": FLAG, "additionalItems": FLAG, "dependencies": NAMED}
_NONE: Mapping[str, str] = {}


def of(name: str) -> Mapping[str, str]:
    """Field -> what else it may be, of a definition."""
    return _FIELDS if name == SCHEMA else _NONE


def complete(obj: dict[str, Any], schema: Callable[[Any], dict[str, Any]]) -> None:
    """Bring, in place, the parts into the form that `schema` gives to schemas. Raises Unfit, as it does."""
    for key, other in _FIELDS.items():
        if key not in obj:
            continue
        value = obj[key]
        if other is NAMED:
            obj[key] = {name: _schema_or_names(each, schema) for name, each in value.items()}
        elif value.__class__ is dict:
            obj[key] = schema(value)
        elif other is FLAG:
            if value.__class__ is not bool:
                raise Unfit
        elif value.__class__ is list and value:
            obj[key] = [schema(each) for each in value]
        else:
            del obj[key]


def _schema_or_names(value: Any, schema: Callable[[Any], dict[str, Any]]) -> Any:
    if value.__class__ is dict:
        return schema(value)
    if value.__class__ is list and any(each.__class__ is not str for each in value):
        raise Unfit
    return value
