"""Functions: their signatures, and which implementation takes which arguments.

A signature is written `string.(string, int) -> list<string>`: the receiver of a member call stands before the dot;
single capital letters are type parameters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from kybern.api.cel import types
from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.instants import Duration, Timestamp
from kybern.api.cel.typed import TypedList, TypedMap, TypedObject
from kybern.api.cel.types import CelType
from kybern.api.cel.values import NO_OVERLOAD, Optional, TypeValue, Uint, overload_error, type_name

Implementation = Callable[..., Any]

_SCALARS = {
    "bool": types.BOOL,
    "int": types.INT,
    "uint": types.UINT,
    "double": types.DOUBLE,
    "string": types.STRING,
    "bytes": types.BYTES,
    "dyn": types.DYN,
    "null": types.NULL,
    "timestamp": types.TIMESTAMP,
    "duration": types.DURATION,
}
_TOKEN = re.compile(r"[\w.]+|[<>,]")
_CLASSES: dict[str, type | tuple[type, ...]] = {
    "bool": bool,
    "uint": Uint,
    "double": float,
    "string": str,
    "bytes": bytes,
    "timestamp": Timestamp,
    "duration": Duration,
    "list": (list, TypedList),
    "map": (dict, TypedMap, TypedObject),
    "null": type(None),
    "type": TypeValue,
}


class Overload(NamedTuple):
    """One form of a function. `args` begins with the receiver where `member`."""

    id: str
    function: str
    args: tuple[CelType, ...]
    result: CelType
    member: bool
    implementation: Implementation | None


def overload(identifier: str, function: str, signature: str, implementation: Implementation | None = None) -> Overload:
    """A function's form from its signature; without implementation it is one that generated code knows itself."""
    head, _, result = signature.partition(" -> ")
    receiver, _, rest = head.partition("(")
    args = [receiver.removesuffix(".")] if receiver else []
    args += _split(rest.removesuffix(")"))
    kinds = tuple(parse_type(arg) for arg in args)
    return Overload(identifier, function, kinds, parse_type(result), bool(receiver), implementation)


def _split(text: str) -> list[str]:
    """The arguments of a signature: commas within `<>` belong to a type."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "<") - (character == ">")
        if character == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    return [*parts, text[start:].strip()] if text.strip() else []


@cache
def parse_type(text: str) -> CelType:
    """A type as signatures write it: `map<K, list<string>>`, `kubernetes.URL`."""
    tokens = _TOKEN.findall(text)
    kind, rest = _parse(tokens)
    assert not rest, text
    return kind


def _parse(tokens: Sequence[str]) -> tuple[CelType, Sequence[str]]:
    name, rest = tokens[0], tokens[1:]
    params: list[CelType] = []
    if rest and rest[0] == "<":
        while rest[0] != ">":
            kind, rest = _parse(rest[1:])
            params.append(kind)
        rest = rest[1:]
    return _named(name, params), rest


def _named(name: str, params: list[CelType]) -> CelType:
    if name == "list":
        return types.list_of(params[0])
    if name == "map":
        return types.map_of(params[0], params[1])
    if name == "type":
        return types.type_of(params[0])
    if name == "optional":
        return types.optional_of(params[0])
    if name.startswith("net."):
        return types.opaque(name)
    if name.startswith("kubernetes."):
        return CelType("object", name)
    return _SCALARS[name] if name in _SCALARS else types.param(name)


def takes(kind: CelType, value: Any) -> bool:
    """Whether a value can be what a parameter of that type is given at run time."""
    match kind.kind:
        case "dyn" | "param":
            return True
        case "int":
            return type(value) is int
        case "list":
            if not isinstance(value, (list, TypedList)):
                return False
            return not len(value) or takes(kind.params[0], value[0])
        case "object":
            return type_name(value) == kind.name
        case "opaque":
            return isinstance(value, Optional) if types.is_optional(kind) else type_name(value) == kind.name
        case other:
            return isinstance(value, _CLASSES[other])


def takes_outermost(kind: CelType, value: Any) -> bool:
    """As `takes`, whatever the elements of a list are."""
    return isinstance(value, (list, TypedList)) if kind.kind == "list" else takes(kind, value)


_TRAITS = frozenset({"size", "matches"})
_UNGUARDED = frozenset({"contains", "startsWith", "endsWith", "flatten"})


class Dispatcher:
    """Calls the first overload that takes the arguments as they are.

    Upstream looks only at the outermost type of the arguments of some functions, and words its refusals differently.
    """

    __slots__ = ("_function", "_overloads")

    def __init__(self, function: str, overloads: Sequence[Overload]) -> None:
        self._function = function
        self._overloads = tuple(form for form in overloads if form.implementation is not None)

    def __call__(self, *args: Any) -> Any:
        fits = takes_outermost if self._function in _UNGUARDED else takes
        for form in self._overloads:
            if len(form.args) == len(args) and all(map(fits, form.args, args)):
                assert form.implementation is not None
                return form.implementation(*args)
        if self._function in _UNGUARDED:
            raise EvaluationError(NO_OVERLOAD)
        if self._function in _TRAITS:
            raise EvaluationError(f"{NO_OVERLOAD}: {self._function}")
        raise overload_error(self._function, *args)
