"""What strategic merge asks of the built-in kinds' structure: per field its type, patch strategy and merge key.

Source: apimachinery util/strategicpatch/meta.go, third_party/forked/golang/json/fields.go.
"""

from functools import cache
from typing import NamedTuple

import orjson

from kybern.api.schema.structure import Type, class_of, definitions
from kybern.base.errors import Unclassified

_STRUCTS = {"r": "RawExtension", "j": "JSON", "F": "FieldsV1", "t": "Time", "u": "MicroTime", "q": "Quantity"}
"""Types that decode themselves: structs of Go's without a field that JSON knows."""
_KINDS = {"{": "map", "[": "slice", "@": "struct", "B": "slice", "s": "string", "b": "bool", "i": "int32", "l": "int64"}


class Field(NamedTuple):
    """What the structure says of one field."""

    type: Type
    strategy: str = ""
    """`merge`, `replace` or none: maps merge and lists are replaced."""
    merge_key: str = ""
    is_held: bool = False
    """Whether Go's struct holds the object itself, so that one that is absent is an empty one."""


def field(kind: Type, name: str) -> Field:
    """Of an object of some type; the type is the definitions' (`["@", "io.k8s.api.core.v1.Pod"]`).

    Raises Unclassified, as upstream answers 500 for what its struct does not have."""
    hashable = kind[1] if isinstance(kind, list) and kind[0] == "@" else ""
    if hashable:
        return _field(hashable, name)
    struct = _STRUCTS.get(kind) if isinstance(kind, str) else None
    if struct:
        raise _unknown(struct, name)
    raise Unclassified(f"merging an object in json but data type is not struct, instead is: {kind_of(kind)}")


@cache
def _field(definition: str, name: str) -> Field:
    described = definitions()[definition].get("f", {}).get(name)
    if described is None:
        raise _unknown(class_of(definition), name)
    hints = described.get("x") or {}
    strategies = [one for one in hints.get("patch-strategy", "").split(",") if one != "retainKeys"]
    kind = described["t"]
    is_held = described.get("m") == "!" and kind[0] == "@"
    return Field(kind, "".join(strategies), hints.get("patch-merge-key", ""), is_held)


def list_field(kind: Type, name: str) -> Field:
    """As `field`, of a list: the type is its elements'. Raises Unclassified."""
    found = field(kind, name)
    if found.type[0] != "[":
        raise Unclassified(f"expected slice or array type, but got: {kind_of(kind)}")
    return found._replace(type=found.type[1])


def kind_of(kind: Type) -> str:
    """What Go calls the kind of a type: `struct`, `map`."""
    return _KINDS.get(kind[0], "struct")


def _unknown(struct: str, name: str) -> Unclassified:
    quoted = orjson.dumps(name).decode()
    return Unclassified(f"unable to find api field in struct {struct} for the json field {quoted}")
