"""Kubernetes' quantities and semantic versions as values of expressions."""

from __future__ import annotations

import re
from typing import Any

from kybern.api import quantity
from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.literals import INT_MAX, INT_MIN
from kybern.api.cel.values import Opaque

_PARTS = re.compile(r"[+-]?0*(\d*)\.?(\d*)([EPTGMk]i|Ki|[EPTGMkmun]|[eE][+-]?\d+)?", re.ASCII)
_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_FAST_DIGITS = 18
"""Quantities of more digits are never integers to upstream, however large."""

_NO_INTEGER = -1000


class Quantity(Opaque):
    """`nanos` is the value in 10^-9; `scale` the power of ten that it was written with: integers have none below 0."""

    __slots__ = ("nanos", "scale")

    type_name = "kubernetes.Quantity"

    def __init__(self, nanos: int, scale: int) -> None:
        self.nanos = nanos
        self.scale = scale

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nanos == other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def is_integer(self) -> bool:
        return self.scale >= 0 and INT_MIN <= self.nanos // quantity.NANO <= INT_MAX

    def as_integer(self) -> int:
        if not self.is_integer():
            raise EvaluationError("cannot convert value to integer")
        return self.nanos // quantity.NANO

    def add(self, other: Quantity | int) -> Quantity:
        right = other if isinstance(other, Quantity) else Quantity(other * quantity.NANO, 0)
        return Quantity(self.nanos + right.nanos, self._joint(right))

    def subtract(self, other: Quantity | int) -> Quantity:
        right = other if isinstance(other, Quantity) else Quantity(other * quantity.NANO, 0)
        return Quantity(self.nanos - right.nanos, self._joint(right))

    def _joint(self, other: Quantity) -> int:
        if not other.nanos:
            return self.scale
        return min(self.scale, other.scale) if self.nanos else other.scale


def to_quantity(text: str) -> Quantity:
    try:
        nanos = quantity.parse(text)
    except ValueError as error:
        raise EvaluationError(str(error)) from None
    match = _PARTS.fullmatch(text)
    assert match is not None
    whole, fraction, suffix = match[1], match[2], match[3] or ""
    if len(whole + fraction) > _FAST_DIGITS:
        return Quantity(nanos, _NO_INTEGER)
    if suffix.endswith("i"):
        return Quantity(nanos, _NO_INTEGER if fraction else 0)
    power = _POWERS[suffix] if suffix in _POWERS else int(suffix[1:])
    return Quantity(nanos, power - len(fraction))


def is_quantity(text: str) -> bool:
    try:
        quantity.parse(text)
    except ValueError:
        return False
    return True


def _order(left: Quantity, right: Quantity) -> int:
    return (left.nanos > right.nanos) - (left.nanos < right.nanos)


class Semver(Opaque):
    """A semantic version; what it was built from does not count in comparisons."""

    __slots__ = ("build", "numbers", "pre")

    type_name = "kubernetes.Semver"

    def __init__(self, numbers: tuple[int, int, int], pre: tuple[int | str, ...]) -> None:
        self.numbers = numbers
        self.pre = pre

    def key(self) -> tuple[Any, ...]:
        """Orders versions: a pre-release is before its release, numbers are before words."""
        words = tuple((0, part, "") if isinstance(part, int) else (1, 0, part) for part in self.pre)
        return self.numbers, not self.pre, words

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semver) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())


def parse_semver(text: str) -> Semver:
    """Raises ValueError with the messages of github.com/blang/semver."""
    if not text:
        raise ValueError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != 3:
        raise ValueError("No Major.Minor.Patch elements found")
    patch, build = _cut(parts[2], "+")
    patch, pre = _cut(patch, "-")
    numbers = [
        _number(name, digits) for name, digits in zip(("Major", "Minor", "Patch"), (*parts[:2], patch), strict=True)
    ]
    words = tuple(_pre_release(word) for word in pre.split(".")) if pre is not None else ()
    for word in build.split(".") if build is not None else ():
        if not word:
            raise ValueError("Build meta data is empty")
        if not re.fullmatch(r"[0-9A-Za-z-]+", word):
            raise ValueError(f'Invalid character(s) found in build meta data "{word}"')
    return Semver((numbers[0], numbers[1], numbers[2]), words)


def _cut(text: str, mark: str) -> tuple[str, str | None]:
    before, found, after = text.partition(mark)
    return before, after if found else None


def _number(name: str, digits: str) -> int:
    if not re.fullmatch(r"[0-9]+", digits, re.ASCII):
        if name == "Patch" or digits:
            raise ValueError(f'Invalid character(s) found in {name.lower()} number "{digits}"')
        raise ValueError('strconv.ParseUint: parsing "": invalid syntax')
    if len(digits) > 1 and digits[0] == "0":
        raise ValueError(f'{name} number must not contain leading zeroes "{digits}"')
    if len(digits) > 20 or int(digits) >= 2**64:
        raise ValueError(f'strconv.ParseUint: parsing "{digits}": value out of range')
    return int(digits)


def _pre_release(word: str) -> int | str:
    if not word:
        raise ValueError("Prerelease is empty")
    if re.fullmatch(r"[0-9]+", word, re.ASCII):
        if len(word) > 1 and word[0] == "0":
            raise ValueError(f'Numeric PreRelease version must not contain leading zeroes "{word}"')
        if len(word) > 20:
            raise ValueError(f'strconv.ParseUint: parsing "{word}": value out of range')
        return int(word)
    if not re.fullmatch(r"[0-9A-Za-z-]+", word, re.ASCII):
        raise ValueError(f'Invalid character(s) found in prerelease "{word}"')
    return word


def _normalized(text: str) -> str:
    """Without a leading `v` and leading zeros, and with all three numbers. Raises ValueError."""
    parts = text.removeprefix("v").split(".", 2)
    for at, part in enumerate(parts):
        if len(part) > 1:
            stripped = part.lstrip("0")
            parts[at] = stripped if stripped[:1].isdigit() else "0" + stripped
    if len(parts) < 3:
        if "+" in parts[-1] or "-" in parts[-1]:
            raise ValueError("short version cannot contain PreRelease/Build meta data")
        parts += ["0"] * (3 - len(parts))
    return ".".join(parts)


def to_semver(text: str, normalize: bool = False) -> Semver:
    try:
        return parse_semver(_normalized(text) if normalize else text)
    except ValueError as error:
        raise EvaluationError(str(error)) from None


def is_semver(text: str, normalize: bool = False) -> bool:
    try:
        parse_semver(_normalized(text) if normalize else text)
    except ValueError:
        return False
    return True


def _order_semver(left: Semver, right: Semver) -> int:
    return (left.key() > right.key()) - (left.key() < right.key())


_Q = "kubernetes.Quantity"
_S = "kubernetes.Semver"

QUANTITY: list[Overload] = [
    overload("string_to_quantity", "quantity", f"(string) -> {_Q}", to_quantity),
    overload("is_quantity_string", "isQuantity", "(string) -> bool", is_quantity),
    overload("quantity_sign", "sign", f"({_Q}) -> int", lambda q: (q.nanos > 0) - (q.nanos < 0)),
    overload("quantity_is_greater_than", "isGreaterThan", f"{_Q}.({_Q}) -> bool", lambda a, b: a.nanos > b.nanos),
    overload("quantity_is_less_than", "isLessThan", f"{_Q}.({_Q}) -> bool", lambda a, b: a.nanos < b.nanos),
    overload("quantity_compare_to", "compareTo", f"{_Q}.({_Q}) -> int", _order),
    overload("quantity_get_float", "asApproximateFloat", f"{_Q}.() -> double", lambda q: q.nanos / quantity.NANO),
    overload("quantity_get_int", "asInteger", f"{_Q}.() -> int", Quantity.as_integer),
    overload("quantity_is_integer", "isInteger", f"{_Q}.() -> bool", Quantity.is_integer),
    overload("quantity_add", "add", f"{_Q}.({_Q}) -> {_Q}", Quantity.add),
    overload("quantity_add_int", "add", f"{_Q}.(int) -> {_Q}", Quantity.add),
    overload("quantity_sub", "sub", f"{_Q}.({_Q}) -> {_Q}", Quantity.subtract),
    overload("quantity_sub_int", "sub", f"{_Q}.(int) -> {_Q}", Quantity.subtract),
]

SEMVER: list[Overload] = [
    overload("string_to_semver", "semver", f"(string) -> {_S}", to_semver),
    overload("string_bool_to_semver", "semver", f"(string, bool) -> {_S}", to_semver),
    overload("is_semver_string", "isSemver", "(string) -> bool", is_semver),
    overload("is_semver_string_bool", "isSemver", "(string, bool) -> bool", is_semver),
    overload("semver_is_greater_than", "isGreaterThan", f"{_S}.({_S}) -> bool", lambda a, b: a.key() > b.key()),
    overload("semver_is_less_than", "isLessThan", f"{_S}.({_S}) -> bool", lambda a, b: a.key() < b.key()),
    overload("semver_compare_to", "compareTo", f"{_S}.({_S}) -> int", _order_semver),
    overload("semver_major", "major", f"{_S}.() -> int", lambda version: version.numbers[0]),
    overload("semver_minor", "minor", f"{_S}.() -> int", lambda version: version.numbers[1]),
    overload("semver_patch", "patch", f"{_S}.() -> int", lambda version: version.numbers[2]),
]
