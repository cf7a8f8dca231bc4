"""Numbers that may also be percentages (maxSurge, minAvailable)."""

from collections.abc import Iterator
from typing import Any

from kybern.api.resource import FieldError
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, non_negative


def validate_int_or_percent(value: Any, path: str) -> Iterator[FieldError]:
    """Not negative; a string must be a percentage."""
    if isinstance(value, str):
        yield from each_invalid(path, value, names.percent(value))
    else:
        yield from non_negative(path, value)


def as_percent(value: Any) -> int | None:
    """150 of "150%"; None for what is no percentage."""
    return int(value[:-1]) if isinstance(value, str) and not names.percent(value) else None


def value_of(value: Any) -> int:
    """The number in either form."""
    return as_percent(value) or 0 if isinstance(value, str) else int(value)
