"""Checks of single values, for the generated functions: each gives the value in upstream's form or raises Unfit.

Invariant: what one of these returns, it would return unchanged when asked again.
"""

import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from kybern.api import quantity as quantities

INT32 = range(-(2**31), 2**31)
INT64 = range(-(2**63), 2**63)

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class Unfit(Exception):
    """The quick pass met something that it leaves to `inspection`."""


def string(value: Any) -> str:
    if value.__class__ is str:
        return value
    raise Unfit


def boolean(value: Any) -> bool:
    if value.__class__ is bool:
        return value
    raise Unfit


def int32(value: Any) -> int:
    if value.__class__ is int and value in INT32:
        return value
    raise Unfit


def int64(value: Any) -> int:
    if value.__class__ is int and value in INT64:
        return value
    raise Unfit


def number(value: Any) -> float:
    if value.__class__ is float or value.__class__ is int:
        return value
    raise Unfit


def int_or_string(value: Any) -> int | str:
    if value.__class__ is str or (value.__class__ is int and value in INT32):
        return value
    raise Unfit


def anything(value: Any) -> Any:
    return value


def base64(value: Any) -> str:
    """Base64 as Go writes it; line ends are dropped. A list of bytes is taken as well. Raises Unfit."""
    if value.__class__ is list and all(each.__class__ is int and 0 <= each < 256 for each in value):
        return b64encode(bytes(value)).decode()
    if value.__class__ is not str:
        raise Unfit
    try:
        return b64encode(b64decode(value.replace("\n", "").replace("\r", ""), validate=True)).decode()
    except ValueError:
        raise Unfit from None


def time(value: Any) -> str | None:
    """RFC 3339 in UTC with whole seconds (metav1.Time); the empty text is no time. Raises Unfit."""
    if value.__class__ is not str or not _TIME.fullmatch(value):
        raise Unfit
    moment = _moment(value)
    return value if len(value) == 20 else moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def micro_time(value: Any) -> str:
    """RFC 3339 in UTC with exactly six digits after the point (metav1.MicroTime). Raises Unfit."""
    if value.__class__ is not str or not _MICRO_TIME.fullmatch(value):
        raise Unfit
    return _moment(value).isoformat(timespec="microseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit from None


def quantity(value: Any) -> str:
    """A quantity's canonical text; whole numbers are taken as well. Raises Unfit."""
    if value.__class__ is str:
        return _quantity(value)
    if value.__class__ is int:
        return _quantity(repr(value))
    raise Unfit


def quantity_of_float(value: float) -> str:
    """Only where its text is known, or lost for good. Raises Unfit."""
    return _quantity(repr(value))


def resource_quantity(value: Any) -> str:
    """A quantity of a ResourceList: as `quantity`, rounded up to thousandths (upstream's SetDefaults_ResourceList)."""
    text = quantity(value)
    if text[-1] not in "nu" and "e-" not in text:
        return text
    return quantities.format_nanos(quantities.milli_value(text) * (quantities.NANO // 1000))


@lru_cache(maxsize=4096)
def _quantity(text: str) -> str:
    try:
        return quantities.canonical(text.strip())
    except ValueError:
        raise Unfit from None


CONVERTERS = {
    "s": string, "b": boolean, "i": int32, "l": int64, "d": number, "B": base64, "t": time, "u": micro_time,
    "q": quantity, "x": int_or_string, **dict.fromkeys("jrFD", anything),
}  # fmt: skip
"""By the letters of types."""

ZEROS: dict[str, Any] = {"s": "", "b": False, "i": 0, "l": 0, "d": 0, "q": "0", "x": 0}
"""What Go encodes for an absent value of a type; null for every other."""
