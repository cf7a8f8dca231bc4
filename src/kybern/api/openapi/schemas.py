"""From the structure of definitions to OpenAPI schemas, in the dialect of v3 or of v2."""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from kybern.api.openapi.declared_defaults import DECLARED
from kybern.api.openapi.enums import enums

Schema = dict[str, Any]
Structure = Mapping[str, Mapping[str, Any]]

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
RAW_EXTENSION = "io.k8s.apimachinery.pkg.runtime.RawExtension"


class Dialect(Enum):
    """Where references point to, and what the dialect can say."""

    V2 = "#/definitions/"
    V3 = "#/components/schemas/"


_SCALARS: Mapping[str, Schema] = {
    "s": {"type": "string"},
    "b": {"type": "boolean"},
    "i": {"type": "integer", "format": "int32"},
    "l": {"type": "integer", "format": "int64"},
    "d": {"type": "number", "format": "double"},
    "B": {"type": "string", "format": "byte"},
    "j": {},
}

_POINTER, _ALWAYS = "*", "!"
"""Go's marks of a field: it may be nil; it has no omitempty."""
_ZEROS: Mapping[str, Any] = {"s": "", "b": False, "i": 0, "l": 0, "d": 0}

_NAMED = {
    "t": META + "Time",
    "u": META + "MicroTime",
    "F": META + "FieldsV1",
    "D": META + "Patch",
    "q": QUANTITY,
    "x": INT_OR_STRING,
    "r": RAW_EXTENSION,
}
"""Letters of the structure (see `schema_build.source`) that stand for a definition of their own."""

_TIME: Mapping[Dialect, Schema] = {dialect: {"type": "string", "format": "date-time"} for dialect in Dialect}

_VALUE_SCHEMAS: Mapping[str, Mapping[Dialect, Schema]] = {
    META + "Time": _TIME,
    META + "MicroTime": _TIME,
    QUANTITY: {Dialect.V2: {"type": "string"}, Dialect.V3: {"oneOf": [{"type": "string"}, {"type": "number"}]}},
    INT_OR_STRING: {
        Dialect.V2: {"type": "string", "format": "int-or-string"},
        Dialect.V3: {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    },
}

_ANY = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON"
"""This definition, and those whose names begin with it or with JSONSchemaPropsOr, may be any JSON value."""


@cache
def structure() -> Structure:
    """name -> {"k": kinds, "f": fields, "x": extensions}, of every definition; read once (8 ms)."""
    read: Structure = _read("structure.json.gz")
    return read


@cache
def definition_name(group: str, version: str, kind: str) -> str | None:
    """The definition of a kind; None where there is none (or where many versions share it, as DeleteOptions)."""
    return _by_kind().get((group, version, kind))


def descriptions() -> Mapping[str, Any]:
    """name -> [text, {field: text}]. Large and seldom needed, so nobody keeps it."""
    read: Mapping[str, Any] = _read("descriptions.json.gz")
    return read


def closure(names: Iterable[str]) -> list[str]:
    """The definitions and all that they refer to, sorted."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for each in structure()[name].get("f", {}).values():
            waiting.extend(_referred(each["t"]))
    return sorted(found)


def schema(name: str, texts: Mapping[str, Any], dialect: Dialect) -> Schema:
    """One definition."""
    definition = structure()[name]
    own_text, field_texts = texts.get(name, ("", {}))
    out: Schema = {"description": own_text} if own_text else {}
    if name in _VALUE_SCHEMAS:
        return out | _VALUE_SCHEMAS[name][dialect]
    if name.startswith((_ANY, _ANY.removesuffix("JSON") + "JSONSchemaPropsOr")) and not name.endswith("Props"):
        return out
    out["type"] = "object"
    fields = definition.get("f", {})
    required = [key for key, each in fields.items() if each.get("r")]
    if required:
        out["required"] = required
    if fields:
        values, declared = enums().get(name, {}), DECLARED.get(name, {})
        out["properties"] = {
            key: _field(each, field_texts.get(key, ""), dialect, values.get(key, ()), declared.get(key))
            for key, each in sorted(fields.items())
        }
    if "k" in definition:
        out["x-kubernetes-group-version-kind"] = [
            {"group": group, "kind": kind, "version": version} for group, version, kind in definition["k"]
        ]
    return out | _extensions(definition)


def _read(file: str) -> Any:
    return orjson.loads(gzip.decompress(files("kybern.api.definitions").joinpath(file).read_bytes()))


@cache
def _by_kind() -> Mapping[tuple[str, str, str], str]:
    return {
        (group, version, kind): name
        for name, definition in structure().items()
        if len(definition.get("k", ())) == 1
        for group, version, kind in definition["k"]
    }


def _referred(of: Any) -> list[str]:
    if isinstance(of, str):
        return [_NAMED[of]] if of in _NAMED else []
    form, inner = of
    return [inner] if form == "@" else _referred(inner)


def _extensions(holder: Mapping[str, Any]) -> Schema:
    return {f"x-kubernetes-{key}": value for key, value in holder.get("x", {}).items()}


def _field(
    each: Mapping[str, Any], text: str, dialect: Dialect, values: Sequence[str] = (), declared: Any = None
) -> Schema:
    out = _type(each["t"], dialect)
    if values and out["type"] == "array":
        out["items"] = {**out["items"], "enum": values}
    elif values:
        out["enum"] = values
        possible = "".join(f"\n - `{_quoted(value)}`" for value in values)
        text = f"{text}\n\nPossible enum values:{possible}".lstrip()
    beside: Schema = _extensions(each)
    default = (_default(each) if declared is None else declared) if dialect is Dialect.V3 else None
    if default is not None:
        beside["default"] = default
    if text:
        beside = {"description": text, **beside}
    if dialect is Dialect.V3 and "$ref" in out and beside:  # In OpenAPI 3.0 nothing counts beside a $ref.
        out = {"allOf": [out]}
    return beside | out


def _default(each: Mapping[str, Any]) -> Any:
    """What Go encodes of a field that nobody set, where it always encodes something; None for what may be absent."""
    mark, of = each.get("m", ""), each["t"]
    if _POINTER in mark:
        return None
    if isinstance(of, list):
        return {} if of[0] == "@" else None
    return _ZEROS.get(of) if _ALWAYS in mark else None


def _quoted(value: str) -> str:
    return f'"{value}"'


def _type(of: Any, dialect: Dialect) -> Schema:
    if isinstance(of, str):
        return {"$ref": dialect.value + _NAMED[of]} if of in _NAMED else dict(_SCALARS[of])
    form, inner = of
    if form == "@":
        return {"$ref": dialect.value + inner}
    item = _type(inner, dialect)
    return {"type": "array", "items": item} if form == "[" else {"type": "object", "additionalProperties": item}
