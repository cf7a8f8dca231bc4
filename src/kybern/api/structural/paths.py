"""Simple paths into objects, as the scale subresource names its fields: `.spec.replicas`."""

from typing import Any

from kybern.api.resource import Object
from kybern.api.structural.numbers import go_number

_GO = {int: "int64", str: "string"}


class NestedPath:
    """Names joined by points; the first point may be there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names = text.removeprefix(".").split(".")

    def get(self, obj: Object) -> Any:
        """The value, or None where there is none."""
        value: Any = obj
        for name in self.names:
            if value.__class__ is not dict or name not in value:
                return None
            value = value[name]
        return value

    def set(self, obj: Object, value: Any) -> str:
        """Put a value there, making objects on the way; what stands in the way, "" for nothing."""
        inner: Any = obj
        for index, name in enumerate(self.names[:-1]):
            if name not in inner:
                inner[name] = {}
            inner = inner[name]
            if inner.__class__ is not dict:
                return f"value cannot be set because .{'.'.join(self.names[: index + 1])} is not a map[string]interface{{}}"
        inner[self.names[-1]] = value
        return ""

    def fault(self, obj: Object, kind: type) -> str:
        """Go's words where the value is there and of another type; "" otherwise."""
        value: Any = obj
        for index, name in enumerate(self.names):
            if value is None and index:
                return ""
            if value.__class__ is not dict:
                shown = f"{_shown(value)} is of the type {_go_type(value)}, expected map[string]interface{{}}"
                return f".{'.'.join(self.names)} accessor error: {shown}"
            if name not in value:
                return ""
            value = value[name]
        if value.__class__ is kind:
            return ""
        shown = f"{_shown(value)} is of the type {_go_type(value)}, expected {_GO[kind]}"
        return f".{'.'.join(self.names)} accessor error: {shown}"


def _shown(value: Any) -> str:
    """Go's %v."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return str(value).lower()
        case int() | float():
            return go_number(value)
        case list():
            return f"[{' '.join(map(_shown, value))}]"
        case dict():
            return f"map[{' '.join(f'{key}:{_shown(value[key])}' for key in sorted(value))}]"
        case _:
            return str(value)


def _go_type(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "[]interface {}"
        case _:
            return "map[string]interface {}"
