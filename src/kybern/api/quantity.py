"""Quantities: exact decimal numbers with a suffix, `100m`, `1.5Gi`, `12e6`.

The rules are those of k8s.io/apimachinery/pkg/api/resource: a number keeps the family of its suffix (binary, decimal
or exponent), is rounded up to whole nanos, and is written with the largest suffix that leaves an integer.
Invariant: no float is ever involved.
"""

import re
from decimal import ROUND_CEILING, Context, Decimal
from enum import Enum
from functools import lru_cache

_FORM = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)([EPTGMk]i|Ki|[EPTGMkmun]|[eE][+-]?\d+)?", re.ASCII)
_LOOSE_FORM = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)[eEinumkKMGTP]*[-+]?\d*", re.ASCII)

_PARTS = re.compile(r"[+-]?0*(\d*)\.?(\d*)([A-Za-z].*)?", re.ASCII)
_FAST_DIGITS = 18

_BINARY = {"": 0, "Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}

NANO = 10**9
LARGEST = 2**63 - 1
"""Upstream caps what has a binary suffix at this many whole units; the sign is kept."""

MAX_LENGTH = 256
"""Characters of a quantity that are looked at; longer ones are refused, for big exponents cost memory."""

MAX_EXPONENT = 1000

_EXACT = Context(prec=2 * (MAX_LENGTH + MAX_EXPONENT))

UNKNOWN_SUFFIX = "unable to parse quantity's suffix"
INVALID = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


class Family(Enum):
    """Which suffixes a quantity is written with."""

    BINARY = "BinarySI"
    DECIMAL = "DecimalSI"
    EXPONENT = "DecimalExponent"


Exact = tuple[int, Family]
"""A value in nanos, and the family that it is written in."""


def parse(text: str) -> int:
    """The value in nanos (10^-9 units). Raises ValueError with upstream's message."""
    return exact(text)[0]


def canonical(text: str) -> str:
    """The form that upstream stores and prints: `0.5` is `500m`, `1024Mi` is `1Gi`. Raises ValueError."""
    nanos, family = exact(text)
    written = text if nanos and _stays(text, family) else format_nanos(nanos, family)
    if len(written) > MAX_LENGTH:
        raise ValueError(UNKNOWN_SUFFIX)
    return written


def _stays(text: str, family: Family) -> bool:
    """Whether upstream takes a good text for canonical without another look (`+3`, `1E3`, `1.500`)."""
    match = _PARTS.fullmatch(text)
    assert match is not None
    whole, fraction, suffix = match[1] or "0", match[2] or "", match[3] or ""
    if family is Family.BINARY:
        digits_left = 15 - len(whole) - _BINARY[suffix] * 3 // 10 - 1
        return not fraction and digits_left >= 0 and int(whole) % 8 != 0
    power = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
    digits, scale = whole + fraction, power - len(fraction)
    fits = len(digits) <= _FAST_DIGITS and scale >= -9
    return fits and scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def value(text: str) -> int:
    """In whole units, rounded up (away from minus infinity, as upstream's `Value()`)."""
    return -(-parse(text) // NANO)


def milli_value(text: str) -> int:
    """In thousandths, rounded up: `0.1` is 100, `1n` is 1."""
    return -(-parse(text) // (NANO // 1000))


def add(left: str, right: str) -> str:
    """The sum, in the family of the left side (of the right where the left is zero), canonical."""
    return format_nanos(*total(exact(left), exact(right)))


def total(left: Exact, right: Exact) -> Exact:
    """The same sum for what is parsed already, and is to be written once, after many."""
    return left[0] + right[0], left[1] if left[0] else right[1]


def subtract(left: str, right: str) -> str:
    """The difference, by the rules of `add`."""
    left_nanos, left_family = exact(left)
    right_nanos, right_family = exact(right)
    return format_nanos(left_nanos - right_nanos, left_family if left_nanos else right_family)


def compare(left: str, right: str) -> int:
    """-1, 0 or 1."""
    left_nanos, right_nanos = parse(left), parse(right)
    return (left_nanos > right_nanos) - (left_nanos < right_nanos)


def format_nanos(nanos: int, family: Family = Family.DECIMAL) -> str:
    """The canonical text of a value in nanos."""
    if family is Family.BINARY:
        if abs(nanos) < 1024 * NANO:
            return _format_decimal(nanos, Family.DECIMAL)  # Upstream has no binary suffix for small values.
        return _format_binary(-(-nanos // NANO))  # Nor for fractions: they are rounded up.
    return _format_decimal(nanos, family)


def _format_binary(units: int) -> str:
    suffix, power = "", 0
    for candidate, bits in _BINARY.items():
        if units % (1 << bits) == 0:
            suffix, power = candidate, bits
    return f"{units >> power}{suffix}"


def _format_decimal(nanos: int, family: Family) -> str:
    if nanos == 0:
        return "0"
    exponent = -9
    while exponent < 18 and nanos % 1000 == 0:
        nanos //= 1000
        exponent += 3
    if family is Family.EXPONENT:
        return f"{nanos}e{exponent}" if exponent else str(nanos)
    return f"{nanos}{_DECIMAL_SUFFIX[exponent]}"


@lru_cache(maxsize=4096)
def exact(text: str) -> Exact:
    """The value and how it is written. Raises ValueError with upstream's message."""
    match = _FORM.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise ValueError(UNKNOWN_SUFFIX if _LOOSE_FORM.fullmatch(text) else INVALID)
    sign, digits, suffix = match[1], match[2], match[3] or ""
    number = Decimal(digits)
    if suffix in _BINARY and suffix:
        family, scaled = Family.BINARY, _EXACT.multiply(number, Decimal(1 << _BINARY[suffix]))
    elif suffix in _DECIMAL:
        family, scaled = Family.DECIMAL, number.scaleb(_DECIMAL[suffix], _EXACT)
    else:
        exponent = int(suffix[1:])
        if abs(exponent) > MAX_EXPONENT:
            raise ValueError(UNKNOWN_SUFFIX)
        family, scaled = Family.EXPONENT, number.scaleb(exponent, _EXACT)
    # Upstream rounds the absolute value up to nanos, and caps those with a binary suffix.
    nanos = int(scaled.scaleb(9, _EXACT).to_integral_value(ROUND_CEILING))
    if family is Family.BINARY:
        nanos = min(nanos, LARGEST * NANO)
    return (-nanos if sign == "-" else nanos), family
