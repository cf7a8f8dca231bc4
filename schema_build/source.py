"""Upstream's definitions in one plain form.

The source is the JSON schema that `kubernetes-validate` ships (made from upstream's OpenAPI). There every optional type
became a union with null, and IntOrString and Quantity a oneOf; here a type is again one short value:

- a scalar's letter: `s` string, `b` boolean, `i` int32, `l` int64, `d` double, `B` base64 bytes, `t` Time,
  `u` MicroTime, `q` Quantity, `x` IntOrString, `j` any JSON, `r` RawExtension, `F` FieldsV1,
  `D` metav1.Patch and other free objects;
- `["@", name]` another definition, `["[", type]` a list, `["{", type]` a map from strings.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

VERSION = "v1.36.0"

Type = str | list[Any]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_APIEXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
LETTERS: Mapping[str, str] = {
    _META + "Time": "t",
    _META + "MicroTime": "u",
    _META + "FieldsV1": "F",
    _META + "Patch": "D",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "x",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "r",
    _APIEXTENSIONS + "JSON": "j",
    _APIEXTENSIONS + "JSONSchemaPropsOrArray": "j",
    _APIEXTENSIONS + "JSONSchemaPropsOrBool": "j",
    _APIEXTENSIONS + "JSONSchemaPropsOrStringArray": "j",
}
"""Definitions that are values of their own form."""

_SCALARS = {
    ("string", None): "s",
    ("string", "byte"): "B",
    ("boolean", None): "b",
    ("integer", "int32"): "i",
    ("integer", "int64"): "l",
    ("number", "double"): "d",
}


@dataclass(slots=True)
class Field:
    """One field of a definition; the extensions keep OpenAPI's words."""

    type: Type
    required: bool
    description: str
    extensions: dict[str, Any] = field(default_factory=dict)
    go_mark: str = ""
    """How Go holds the field: `*` a pointer (zero is a value), `!` always encoded, `*!` null where it is absent."""
    go_type: str = ""
    """Go's name of the type, where it does not follow from `type`."""
    numbers: list[int] = field(default_factory=list)
    """The field's protobuf number; before it those of the messages around it, which JSON inlines. Empty: has none."""


@dataclass(slots=True)
class Definition:
    name: str
    fields: dict[str, Field]
    description: str
    kinds: list[tuple[str, str, str]]
    """(group, version, kind) of each kind that has this form."""
    extensions: dict[str, Any] = field(default_factory=dict)


def load() -> dict[str, Definition]:
    """All definitions by their full name."""
    path = files("kubernetes_validate") / "kubernetes-json-schema" / f"{VERSION}-local" / "_definitions.json"
    raw = json.loads(path.read_text())["$defs"]
    definitions = {name: _definition(name, schema) for name, schema in sorted(raw.items())}
    for row in (Path(__file__).parent / "go_types.txt").read_text().splitlines():
        name, *fields = row.split()
        _order(definitions[name], fields)
    return definitions


def _order(definition: Definition, facts: list[str]) -> None:
    """Put the fields in Go's order, with Go's marks (`name*!#2.6:v1.Type`, see `schema_build.go_types`)."""
    ordered = {}
    for fact in facts:
        field_fact, _, go_type = fact.partition(":")
        field_fact, _, numbers = field_fact.partition("#")
        name = field_fact.rstrip("*!")
        each = ordered[name] = definition.fields.pop(name)
        each.go_mark, each.go_type = field_fact[len(name) :], go_type
        each.numbers = [int(number) for number in numbers.split(".") if number]
    assert not definition.fields, f"{definition.name}: go_types.txt lacks {list(definition.fields)}"
    definition.fields = ordered


def _definition(name: str, schema: Mapping[str, Any]) -> Definition:
    required = set(schema.get("required", ()))
    fields = {
        key: Field(_type(value), key in required, value.get("description", ""), _extensions(value))
        for key, value in schema.get("properties", {}).items()
    }
    kinds = [(k["group"], k["version"], k["kind"]) for k in schema.get("x-kubernetes-group-version-kind", ())]
    return Definition(name, fields, schema.get("description", ""), kinds, _extensions(schema))


def _extensions(schema: Mapping[str, Any]) -> dict[str, Any]:
    skipped = "x-kubernetes-group-version-kind"
    return {key[13:]: value for key, value in schema.items() if key.startswith("x-kubernetes-") and key != skipped}


def _type(schema: Mapping[str, Any]) -> Type:
    reference = schema.get("$ref")
    if reference is not None:
        name = reference.rpartition("/")[2]
        return LETTERS.get(name) or ["@", name]
    kind = schema["type"]
    if isinstance(kind, list):
        (kind,) = (each for each in kind if each != "null")
    if kind == "array":
        return ["[", _type(schema["items"])]
    if kind == "object":
        values = schema.get("additionalProperties")
        return "D" if values is None else ["{", _type(values)]
    return _SCALARS[kind, schema.get("format")]
