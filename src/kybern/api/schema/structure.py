"""The definitions of upstream's API, as the build left them (`schema_build.structure` tells the form)."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import orjson

Definition = dict[str, Any]
Type = Any
"""A letter or `["@", definition]`, `["[", type]`, `["{", type]` (see `schema_build.source`)."""


@cache
def definitions() -> dict[str, Definition]:
    """All definitions by full name (`io.k8s.api.core.v1.Pod`); read once, at first use."""
    packed = (Path(__file__).parents[1] / "definitions" / "structure.json.gz").read_bytes()
    loaded: dict[str, Definition] = orjson.loads(gzip.decompress(packed))
    return loaded


@cache
def names_of_kinds() -> dict[tuple[str, str], str]:
    """(apiVersion, kind) -> the full name of its definition."""
    names = {}
    for name, definition in definitions().items():
        for group, version, kind in definition.get("k", ()):
            names[f"{group}/{version}" if group else version, kind] = name
    return names


def fields(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = definitions()[name].get("f", {})
    return found


def class_of(name: str) -> str:
    return name.rpartition(".")[2]


def go_type(kind: Type, named: str = "") -> str:
    """What Go calls a type in its messages: `int32`, `[]v1.Container`."""
    if named:
        return named
    if isinstance(kind, str):
        return _GO[kind]
    mark, inner = kind
    if mark == "@":
        version, class_name = inner.split(".")[-2:]
        return f"{version}.{class_name}"
    return ("[]" if mark == "[" else "map[string]") + _GO_ELEMENTS.get(
        inner if isinstance(inner, str) else "", go_type(inner)
    )


def go_element(named: str) -> str:
    """`v1.Capability` of `[]v1.Capability`; "" where the name tells nothing of the elements."""
    if named.startswith("[]"):
        return named[2:]
    return named.partition("]")[2] if named.startswith("map[") else ""


_GO_ELEMENTS = {
    "t": "v1.Time", "u": "v1.MicroTime", "q": "resource.Quantity", "x": "intstr.IntOrString", "j": "v1.JSON",
}  # fmt: skip
"""As elements types have their own names; a value of one is read as the text within."""
_GO = {
    **dict.fromkeys("stuqjrFD", "string"),
    "b": "bool",
    "i": "int32",
    "x": "int32",
    "l": "int64",
    "d": "float64",
    "B": "[]uint8",
}
