"""Limits of numbers, with the arithmetic and words of upstream's validator (kube-openapi validate/values.go)."""

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from kybern.api.structural import schema as read
from kybern.api.structural.faults import Fault, nowhere
from kybern.api.structural.formats import format_of
from kybern.api.structural.schema import Schema

_EXPONENT_FROM = 6
"""Go shows larger powers of ten by their exponent."""
_FLOAT32_MAX = 3.4028234663852886e38
_EXACT_BELOW = 2**53
"""Below this every whole float is exact."""


def faults(value: int | float, schema: Schema, path: str) -> Iterator[Fault]:
    """In upstream's order: the range of the type, multipleOf, minimum, maximum."""
    kinds = read.types(schema)
    kind = kinds[0] if len(kinds) == 1 and kinds[0] in ("integer", "number") else ""
    shape = format_of(schema) if kind else ""
    yield from _range(value, kind, shape, "Checked", path)
    if schema.get("multipleOf") is not None:
        factor = schema["multipleOf"]
        found = list(_range(factor, kind, shape, "MultipleOf", path))
        yield from found
        yield from _multiple(value, int(factor) if value.__class__ is int and not found else float(factor), path)
    for key, words in (("minimum", "Minimum boundary"), ("maximum", "Maximum boundary")):
        limit = schema.get(key)
        if limit is None:
            continue
        found = list(_range(limit, kind, shape, words, path))
        yield from found
        bound = int(limit) if value.__class__ is int and not found else float(limit)
        exclusive = bool(schema.get(f"exclusive{key.capitalize()}"))
        yield from _bounded(value, bound, path, is_maximum=key == "maximum", exclusive=exclusive)


def _bounded(
    value: int | float, limit: int | float, path: str, *, is_maximum: bool, exclusive: bool
) -> Iterator[Fault]:
    beyond = value - limit if is_maximum else limit - value
    if beyond < 0 or (beyond == 0 and not exclusive):
        return
    word = "less than" if is_maximum else "greater than"
    relation = word if exclusive else f"{word} or equal to"
    yield Fault(f"{path} in body should be {relation} {go_number(limit)}", path, value)


def _multiple(value: int | float, factor: int | float, path: str) -> Iterator[Fault]:
    if factor <= 0:
        yield Fault(f"factor MultipleOf declared for {path} must be positive: {go_number(factor)}", path, factor)
        return
    if isinstance(value, int) and isinstance(factor, int):
        fits = value % factor == 0
    else:
        ratio = 1 / factor * value if factor < 1 else value / factor
        fits = abs(ratio - round(ratio)) <= 1e-9 * max(1.0, abs(ratio))
    if not fits:
        yield Fault(f"{path} in body should be a multiple of {go_number(factor)}", path, value)


def _range(value: int | float, kind: str, shape: str, words: str, path: str) -> Iterator[Fault]:
    """Whether a number can be held by the type."""
    if kind == "integer":
        bits = 31 if shape == "int32" else 63
        fits = float(value).is_integer() and -(2**bits) <= value < 2**bits
    else:
        fits = shape != "float" or abs(value) <= _FLOAT32_MAX
    if not fits:
        form = f"with format {shape}" if shape else "(default format)"
        yield nowhere(f"{words} value must be of type {kind} {form} in {path}")


def is_exact_integer(value: float) -> bool:
    return value.is_integer() and abs(value) < _EXACT_BELOW


def go_number(value: Any) -> str:
    """Go's %v of an int64 or a float64."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    magnitude = len(digits) - 1 + exponent
    if -4 <= magnitude < _EXPONENT_FROM or not value:
        return repr(value).removesuffix(".0")
    shown = "".join(map(str, digits))
    fraction = f".{shown[1:]}" if len(shown) > 1 else ""
    return f"{'-' * sign}{shown[0]}{fraction}e{'-' if magnitude < 0 else '+'}{abs(magnitude):02}"
