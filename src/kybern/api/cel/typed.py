"""JSON seen through a schema: lists, maps and objects whose parts become CEL values only when they are looked at.

Only types that are not `plain` need these; everything else is used as JSON gave it. Nothing is copied.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.escaping import unescape
from kybern.api.cel.instants import MAX_DIGITS, Duration, Timestamp, parse_duration, parse_timestamp
from kybern.api.cel.types import CelType
from kybern.api.cel.values import MISSING, NANOS, register_name

_LONG_UNITS = {
    "ns": 1, "nano": 1, "us": 10**3, "µs": 10**3, "micro": 10**3, "ms": 10**6, "milli": 10**6,
    "s": NANOS, "sec": NANOS, "m": 60 * NANOS, "min": 60 * NANOS, "h": 3600 * NANOS, "hr": 3600 * NANOS,
    "hour": 3600 * NANOS, "d": 86400 * NANOS, "day": 86400 * NANOS, "w": 604800 * NANOS, "wk": 604800 * NANOS,
    "week": 604800 * NANOS,
}  # fmt: skip
_LONG_DURATION = re.compile(r"(\d+)\s*([A-Za-zµ]+)")


class TypedList:
    """A list of JSON values with the type of its items."""

    __slots__ = ("kind", "raw")

    def __init__(self, raw: list[Any], kind: CelType) -> None:
        self.raw = raw
        self.kind = kind

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[Any]:
        item = self.kind.params[0]
        return (adapt(value, item) for value in self.raw)

    def __getitem__(self, index: int) -> Any:
        return adapt(self.raw[index], self.kind.params[0])

    def item_key(self, value: Any) -> tuple[Any, ...]:
        """What tells an item of a list of type `map` apart."""
        raw = value.raw if isinstance(value, TypedObject) else value
        return tuple(raw.get(key) for key in self.kind.keys) if isinstance(raw, dict) else (raw,)


class TypedMap:
    """A map of JSON values with their type."""

    __slots__ = ("kind", "raw")

    def __init__(self, raw: dict[str, Any], kind: CelType) -> None:
        self.raw = raw
        self.kind = kind

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def find(self, key: Any) -> Any:
        """The value, or MISSING."""
        value = self.raw.get(key, MISSING) if isinstance(key, str) else MISSING
        return value if value is MISSING else adapt(value, self.kind.params[1])


class TypedObject:
    """An object with known fields; to what is dynamic it is a map. A field that is null is not there."""

    __slots__ = ("kind", "raw")

    def __init__(self, raw: dict[str, Any], kind: CelType) -> None:
        self.raw = raw
        self.kind = kind

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[str]:
        return (escaped for escaped, (name, _) in (self.kind.fields or {}).items() if name in self.raw)

    def find(self, key: Any) -> Any:
        """The value of a field by the name that expressions use, or MISSING."""
        if not isinstance(key, str):
            return MISSING
        fields = self.kind.fields or {}
        found = fields.get(key)
        if found is None:
            name = unescape(key)
            found = next((field for field in fields.values() if field.name == name), None)
        value = self.raw.get(found.name) if found else None
        return MISSING if value is None or found is None else adapt(value, found.type)


register_name(TypedList, "list")
register_name(TypedMap, "map")
register_name(TypedObject, "map")


def adapt(raw: Any, kind: CelType) -> Any:
    """The CEL value of a JSON value of that type. Raises EvaluationError for what the schema's format forbids."""
    if kind.plain or raw is None:
        return raw
    match kind.kind:
        case "object":
            return TypedObject(raw, kind)
        case "list":
            return TypedList(raw, kind)
        case "map":
            return TypedMap(raw, kind)
        case "double":
            return float(raw)
        case _:
            return _parse(raw, kind.adapt)


def _parse(text: str, form: str) -> Any:
    if form == "date":
        try:
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise EvaluationError(f"Invalid date formatted string {text}") from None
        return Timestamp(int(day.timestamp()) * NANOS)
    if form == "timestamp":
        value = parse_timestamp(text)
        if value is None:
            raise EvaluationError(f"Invalid date-time formatted string {text}")
        return value
    if form == "duration":
        return _schema_duration(text)
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise EvaluationError(f"Invalid byte formatted string {text}") from None


def _schema_duration(text: str) -> Duration:
    """The format `duration`: Go's durations, and `2 days`."""
    found = parse_duration(text)
    if found is not None:
        return found
    nanos, parts = 0, 0
    for amount, unit in _LONG_DURATION.findall(text):
        scale = _LONG_UNITS.get(unit) or _LONG_UNITS.get(unit.removesuffix("s").lower())
        if scale is None or len(amount) > MAX_DIGITS:
            break
        nanos += int(amount) * scale
        parts += 1
    if not parts:
        raise EvaluationError(f"Invalid duration {text}: unable to parse {text} as duration")
    return Duration(nanos)
