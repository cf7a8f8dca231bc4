"""Decoded JSON as Go's `fmt` prints it, in what upstream says of patches."""

from typing import Any

from kybern.api.resource import Object
from kybern.base.errors import Unclassified


def go_value(value: Any) -> str:
    """Go's %v of decoded JSON."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_value(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_value, value)) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def go_type(value: Any) -> str:
    """The name of its type in Go; of null what Go's %s makes of no type."""
    match value:
        case None:
            return "%!s(<nil>)"
        case bool():
            return "bool"
        case str():
            return "string"
        case int():
            return "int64"
        case list():
            return "[]interface {}"
        case dict():
            return "map[string]interface {}"
        case _:
            return "float64"


def unknown_directive(directive: Any, patch: Object) -> Unclassified:
    """For a `$patch` that is none."""
    return Unclassified(f"unknown patch type: {_as_text(directive)} in map: {go_value(patch)}")


def _as_text(value: Any) -> str:
    """Go's %s of decoded JSON."""
    if isinstance(value, str | dict | list):
        return go_value(value)
    return go_type(value) if value is None else f"%!s({go_type(value)}={go_value(value)})"
