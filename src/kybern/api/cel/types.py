"""Types of CEL: what the checker reasons about, and what callers declare their variables with.

A type made from a schema carries, besides, how its JSON form becomes a value (`adapt`), and how large it can be (for
the estimate of costs). Two types are the same when kind, name and parameters are: objects are told apart by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

UNBOUNDED: Final = 2**64 - 1


class Property(NamedTuple):
    """A field of an object: `name` is the property's in JSON, which may differ from the escaped one in expressions."""

    name: str
    type: CelType


class CelType:
    """One type. `kind` is one of: dyn, error, null, bool, int, uint, double, string, bytes, timestamp, duration, list,
    map, object, opaque, type, param, function.

    max_elements: the most characters, bytes, items or entries that a value can have; None where no schema says.
    min_size: bytes of the smallest JSON form; adapt: "" or how JSON becomes a value (double, timestamp, date,
    duration, bytes, set, map); keys: the properties that tell items of a list of type `map` apart; structural: an
    object of a schema, one of whose fields is not there when it is null.
    """

    __slots__ = (
        "adapt",
        "fields",
        "keys",
        "kind",
        "max_elements",
        "min_size",
        "name",
        "nullable",
        "params",
        "plain",
        "structural",
    )

    def __init__(
        self,
        kind: str,
        name: str = "",
        params: tuple[CelType, ...] = (),
        *,
        fields: Mapping[str, Property] | None = None,
        max_elements: int | None = None,
        min_size: int = 1,
        adapt: str = "",
        keys: tuple[str, ...] = (),
        nullable: bool = False,
        structural: bool = False,
    ) -> None:
        self.kind = kind
        self.name = name or kind
        self.params = params
        self.fields = fields
        self.max_elements = max_elements
        self.min_size = min_size
        self.adapt = adapt
        self.keys = keys
        self.nullable = nullable
        self.structural = structural
        self.plain = _is_plain(self)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, CelType)
            and self.kind == other.kind
            and self.name == other.name
            and self.params == other.params
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.name, self.params))

    def __str__(self) -> str:
        return format_type(self)

    def __repr__(self) -> str:
        return f"<CelType {self}>"


def _is_plain(kind: CelType) -> bool:
    """Whether every JSON value of this type is its CEL value, whole and in depth."""
    if kind.adapt or any(not param.plain or param.nullable for param in kind.params):
        return False
    for escaped, (name, inner) in (kind.fields or {}).items():
        if escaped != name or inner.nullable or not inner.plain:
            return False
    return True


DYN = CelType("dyn")
ANY = CelType("dyn", "any")
ERROR = CelType("error", "!error!")
NULL = CelType("null", "null_type", min_size=4)
BOOL = CelType("bool", min_size=4)
INT = CelType("int")
UINT = CelType("uint")
DOUBLE = CelType("double")
STRING = CelType("string", min_size=2)
BYTES = CelType("bytes", min_size=2)
TIMESTAMP = CelType("timestamp", "google.protobuf.Timestamp", min_size=12)
DURATION = CelType("duration", "google.protobuf.Duration", min_size=3)
TYPE = CelType("type")

SCALARS: Final = frozenset({"bool", "int", "uint", "double", "timestamp", "duration"})
"""Kinds whose size counts as one."""


def list_of(element: CelType, max_items: int | None = None, **extra: object) -> CelType:
    return CelType("list", "list", (element,), max_elements=max_items, min_size=2, **extra)  # type: ignore[arg-type]


def map_of(key: CelType, value: CelType, max_properties: int | None = None, *, nullable: bool = False) -> CelType:
    return CelType("map", "map", (key, value), max_elements=max_properties, min_size=2, nullable=nullable)


def optional_of(value: CelType) -> CelType:
    return CelType("opaque", "optional_type", (value,))


def type_of(value: CelType) -> CelType:
    return CelType("type", "type", (value,))


def param(name: str) -> CelType:
    return CelType("param", name)


def object_type(name: str, fields: Mapping[str, CelType] | None = None) -> CelType:
    """An object with the fields given by the names that expressions use."""
    properties = {field: Property(field, kind) for field, kind in (fields or {}).items()}
    return CelType("object", name, fields=properties, min_size=2)


def opaque(name: str) -> CelType:
    return CelType("opaque", name)


def is_optional(kind: CelType) -> bool:
    return kind.kind == "opaque" and kind.name == "optional_type"


def unwrap_optional(kind: CelType) -> tuple[CelType, bool]:
    return (kind.params[0], True) if is_optional(kind) else (kind, False)


def is_dyn(kind: CelType) -> bool:
    return kind.kind == "dyn"


def function_signature(args: list[CelType], *, member: bool) -> str:
    """The arguments as cel-go prints them: `(int, string)`, `string.(int)`."""
    if member:
        return f"{format_type(args[0])}.({', '.join(map(format_type, args[1:]))})"
    return f"({', '.join(map(format_type, args))})"


_SHOWN = {"timestamp": "timestamp", "duration": "duration", "null": "null", "error": "!error!"}


def format_type(kind: CelType) -> str:
    """The type as compile errors name it."""
    shown = _SHOWN.get(kind.kind)
    if shown is not None:
        return shown
    if not kind.params:
        return kind.name
    return f"{kind.name}({', '.join(map(format_type, kind.params))})"
