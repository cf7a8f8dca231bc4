"""What an expression can name: variables, types, functions, and the fields of objects.

Invariant: built once for many expressions and never changed by compiling one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kybern.api.cel import types
from kybern.api.cel.declarations import Overload
from kybern.api.cel.types import CelType

_TYPE_NAMES = {
    kind.name: types.type_of(kind)
    for kind in (
        types.BOOL,
        types.BYTES,
        types.DOUBLE,
        types.DURATION,
        types.INT,
        types.NULL,
        types.STRING,
        types.TIMESTAMP,
        types.UINT,
        types.list_of(types.param("A")),
        types.map_of(types.param("A"), types.param("B")),
        types.optional_of(types.param("T")),
        types.opaque("net.IP"),
        types.opaque("net.CIDR"),
    )
} | {"type": types.type_of(types.TYPE)}

_PATCH_FIELDS = {"op": types.STRING, "path": types.STRING, "from": types.STRING, "value": types.DYN}

OBJECT, JSON_PATCH = "Object", "JSONPatch"


class Scope:
    """Names and their meaning. `mutation` adds the types `Object…` and `JSONPatch` that expressions can build."""

    def __init__(
        self, variables: Mapping[str, CelType], overloads: Iterable[Overload], *, mutation: bool = False
    ) -> None:
        self.variables = dict(variables)
        self.functions: dict[str, list[Overload]] = {}
        for form in overloads:
            self.functions.setdefault(form.function, []).append(form)
        self.mutation = mutation
        self._objects: dict[str, CelType] = {}
        for kind in self.variables.values():
            self._register(kind)

    def extended(self, variables: Mapping[str, CelType]) -> Scope:
        """This scope with further variables; the functions are shared."""
        scope = Scope(self.variables | dict(variables), (), mutation=self.mutation)
        scope.functions = self.functions
        return scope

    def _register(self, root: CelType) -> None:
        waiting = [root]
        while waiting:
            kind = waiting.pop()
            if kind.kind == "object":
                if kind.name in self._objects:
                    continue
                self._objects[kind.name] = kind
            waiting.extend(kind.params)
            waiting.extend(field.type for field in (kind.fields or {}).values())

    def identifier(self, name: str) -> tuple[CelType, bool] | None:
        """The type of a name, and whether it names a type (a constant)."""
        name = name.removeprefix(".")
        if name in self.variables:
            return self.variables[name], False
        if name in _TYPE_NAMES:
            return _TYPE_NAMES[name], True
        struct = self.struct(name)
        return (types.type_of(struct), True) if struct else None

    def struct(self, name: str) -> CelType | None:
        """The object type of that name."""
        if self.mutation and (name in (OBJECT, JSON_PATCH) or name.startswith(f"{OBJECT}.")):
            return CelType("object", name)
        return self._objects.get(name)

    def field(self, kind: CelType, name: str) -> CelType | None:
        """The type of an object's field; a word reserved by the grammar also stands for its escaped form."""
        if self.mutation and kind.name == JSON_PATCH:
            return _PATCH_FIELDS.get(name)
        if self.mutation and (kind.name == OBJECT or kind.name.startswith(f"{OBJECT}.")):
            return types.DYN
        found = property_of(kind if kind.fields is not None else self._objects.get(kind.name, kind), name)
        return found.type if found else None

    def overloads(self, function: str) -> list[Overload] | None:
        return self.functions.get(function.removeprefix("."))


def property_of(kind: CelType, name: str) -> types.Property | None:
    """The field of an object by the name in an expression."""
    fields = kind.fields or {}
    return fields.get(name) or fields.get(f"__{name}__")
