"""Values that Python has no own class for. All others are what JSON gives: None, bool, int, float, str, list, dict.

Invariant: values are never changed; `bool` is never taken for an `int`, nor an `int` for a `Uint`.
"""

from __future__ import annotations

from typing import Any, Final

from kybern.api.cel.errors import EvaluationError

NANOS: Final = 10**9


class Uint(int):
    """An unsigned 64-bit integer."""

    __slots__ = ()


class Missing:
    """Stands for "no value", which is not null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


class Optional:
    """A value that may be missing."""

    __slots__ = ("held",)

    def __init__(self, held: Any = MISSING) -> None:
        self.held = held

    @property
    def present(self) -> bool:
        return self.held is not MISSING

    def value(self) -> Any:
        if self.held is MISSING:
            raise EvaluationError("optional.none() dereference")
        return self.held

    def __repr__(self) -> str:
        return f"Optional({self.held!r})"


NONE: Final = Optional()


class TypeValue:
    """What `type(x)` gives; types are equal when their names are."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeValue) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"TypeValue({self.name!r})"


class Opaque:
    """Base of library values (quantities, addresses, checks): equal by their own rule, else only passed on.

    `type_name` is CEL's name of the type; `size` is what costs take it for.
    """

    type_name: str = ""

    __slots__ = ()

    @property
    def size(self) -> int:
        return 1

    def equals(self, other: Any) -> bool:
        """Raises EvaluationError for a value of another type."""
        if type(other) is not type(self):
            raise EvaluationError("no such overload")
        return bool(self == other)


class StructValue:
    """An object built in an expression, `Object.spec{replicas: 3}` or `JSONPatch{op: "add"}`."""

    __slots__ = ("fields", "type_name")

    def __init__(self, type_name: str, fields: dict[str, Any]) -> None:
        self.type_name = type_name
        self.fields = fields

    def __repr__(self) -> str:
        return f"StructValue({self.type_name!r}, {self.fields!r})"


class BoolKey:
    """A bool as key of a map: Python's dict would take True for 1."""

    __slots__ = ("value",)

    def __init__(self, value: bool) -> None:
        self.value = value


_TRUE, _FALSE = BoolKey(True), BoolKey(False)


def to_key(value: Any) -> Any:
    """The form in which a dict holds a key. Raises EvaluationError for what cannot be one."""
    if value is True:
        return _TRUE
    if value is False:
        return _FALSE
    if isinstance(value, (str, int, float)):
        return value
    raise EvaluationError(f"unsupported key type: {type_name(value)}")


def from_key(key: Any) -> Any:
    return key.value if type(key) is BoolKey else key


_NAMES: dict[type, str] = {
    type(None): "null_type",
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    dict: "map",
    Optional: "optional_type",
    TypeValue: "type",
}


def register_name(cls: type, name: str) -> None:
    """Says how `type(x)` and errors name the values of a class."""
    _NAMES[cls] = name


def type_name(value: Any) -> str:
    """The name of a value's type at run time, without parameters."""
    name = _NAMES.get(type(value))
    return name if name is not None else str(getattr(value, "type_name", "unknown"))


def overload_error(function: str, *args: Any) -> EvaluationError:
    """What a function says to arguments that none of its overloads takes."""
    return EvaluationError(f"no such overload: {function}({', '.join(map(type_name, args))})")


NO_OVERLOAD: Final = "no such overload"
