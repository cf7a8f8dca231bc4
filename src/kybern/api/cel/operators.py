"""Operators on values whose types are known only when evaluated, and those that need more than Python's own.

Where the checker knows the types, generated code uses Python's operators instead. All raise EvaluationError.
"""

import math
from typing import Any

from kybern.api.cel.access import LISTS, MAPS, find, keys, no_overload
from kybern.api.cel.errors import CostExceeded, EvaluationError
from kybern.api.cel.instants import Duration, Timestamp
from kybern.api.cel.literals import INT_MAX, INT_MIN, UINT_MAX
from kybern.api.cel.typed import TypedList, TypedObject
from kybern.api.cel.values import (
    MISSING,
    Opaque,
    Optional,
    StructValue,
    Uint,
)

_NUMBERS = frozenset({int, Uint, float})
_ORDERED = frozenset({bool, str, bytes, Timestamp, Duration})


MAX_ITEMS = 1_000_000
"""Items of a list, and characters of a text, that one operation may make: as many as one call may cost."""


def check_int(value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationError("integer overflow")


def check_uint(value: int) -> Uint:
    if 0 <= value <= UINT_MAX:
        return Uint(value)
    raise EvaluationError("unsigned integer overflow")


def add(left: Any, right: Any) -> Any:
    kind = type(left)
    if isinstance(left, LISTS) and isinstance(right, LISTS):
        return concatenate(left, right)
    if kind is Timestamp and type(right) is Duration:
        return Timestamp(left.nanos + right.nanos, left.offset)
    if kind is Duration and type(right) is Timestamp:
        return Timestamp(left.nanos + right.nanos, right.offset)
    if kind is not type(right):
        raise no_overload()
    if kind is int:
        return check_int(left + right)
    if kind is Uint:
        return check_uint(int(left) + int(right))
    if kind in (float, str, bytes):
        return left + right
    if kind is Duration:
        return Duration(left.nanos + right.nanos)
    raise no_overload()


def concatenate(left: Any, right: Any) -> Any:
    """Lists of type `set` and `map` keep one item for each key: the right side's, at the place of the left's.

    Raises CostExceeded for a result that no other way of building it could pay for."""
    if len(left) + len(right) > MAX_ITEMS:
        raise CostExceeded
    if not isinstance(left, TypedList):
        return [*left, *right] if left or not isinstance(right, TypedList) else right
    others = right.raw if isinstance(right, TypedList) else list(right)
    if left.kind.adapt == "set":
        merged = list(left.raw)
        merged.extend(item for item in dict.fromkeys(others) if item not in merged)
        return TypedList(merged, left.kind)
    if left.kind.adapt == "map":
        by_key = {left.item_key(item): item for item in left.raw}
        by_key.update((left.item_key(item), getattr(item, "raw", item)) for item in others)
        return TypedList(list(by_key.values()), left.kind)
    return [*left, *right]


def subtract(left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is Timestamp and type(right) is Duration:
        return Timestamp(left.nanos - right.nanos, left.offset)
    if kind is not type(right):
        raise no_overload()
    if kind is int:
        return check_int(left - right)
    if kind is Uint:
        return check_uint(int(left) - int(right))
    if kind is float:
        return left - right
    if kind is Duration:
        return Duration(left.nanos - right.nanos)
    if kind is Timestamp:
        nanos = left.nanos - right.nanos
        if not INT_MIN <= nanos <= INT_MAX:
            raise EvaluationError("integer overflow")
        return Duration(nanos)
    raise no_overload()


def multiply(left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return check_int(left * right)
        if kind is Uint:
            return check_uint(int(left) * int(right))
        if kind is float:
            return left * right
    raise no_overload()


def divide(left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is not type(right) or kind not in _NUMBERS:
        raise no_overload()
    if kind is float:
        return divide_double(left, right)
    if right == 0:
        raise EvaluationError("division by zero")
    if kind is Uint:
        return Uint(int(left) // int(right))
    quotient = abs(left) // abs(right)
    return check_int(quotient if (left < 0) == (right < 0) else -quotient)


def divide_double(left: float, right: float) -> float:
    if right:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def modulo(left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is not type(right) or kind not in (int, Uint):
        raise no_overload()
    if right == 0:
        raise EvaluationError("modulus by zero")
    if left == INT_MIN and right == -1:
        raise EvaluationError("integer overflow")
    remainder = abs(int(left)) % abs(int(right))
    return kind(-remainder if left < 0 else remainder)


def negate(value: Any) -> Any:
    if type(value) is int:
        return check_int(-value)
    if type(value) is float:
        return -value
    if type(value) is Duration:
        return Duration(-value.nanos)
    raise no_overload()


def compare(left: Any, right: Any) -> int:
    """Negative, zero or positive. Numbers compare over their types."""
    kind, other = type(left), type(right)
    if kind in _NUMBERS and other in _NUMBERS:
        if left != left or right != right:
            raise EvaluationError("NaN values cannot be ordered")
        if kind is not other and float in (kind, other):
            left, right = float(left), float(right)
        return int(left > right) - int(left < right)
    if kind is other and kind in _ORDERED:
        return int(left > right) - int(left < right)
    raise no_overload()


def less(left: Any, right: Any) -> bool:
    return compare(left, right) < 0


def less_equals(left: Any, right: Any) -> bool:
    return compare(left, right) <= 0


def greater(left: Any, right: Any) -> bool:
    return compare(left, right) > 0


def greater_equals(left: Any, right: Any) -> bool:
    return compare(left, right) >= 0


def equal(left: Any, right: Any) -> bool:
    """CEL's `==`: values of different types are unlike, but numbers are compared over their types."""
    kind, other = type(left), type(right)
    if kind in _NUMBERS and other in _NUMBERS:
        if kind is other or float not in (kind, other):
            return bool(left == right)
        return float(left) == float(right)
    if left is None or right is None:
        return left is right
    if isinstance(left, LISTS):
        return isinstance(right, LISTS) and _equal_lists(left, right)
    if isinstance(left, MAPS):
        return isinstance(right, MAPS) and _equal_maps(left, right)
    if isinstance(left, Opaque):
        return left.equals(right)
    if kind is not other:
        return False
    if kind is Optional:
        return left.present == right.present and (not left.present or equal(left.held, right.held))
    if kind is StructValue:
        return left.type_name == right.type_name and _equal_maps(left.fields, right.fields)
    return bool(left == right)


def _equal_lists(left: Any, right: Any) -> bool:
    if len(left) != len(right):
        return False
    adapted = left.kind.adapt if isinstance(left, TypedList) else ""
    if adapted == "set":
        others = right.raw if isinstance(right, TypedList) else right
        return all(any(equal(item, own) for own in left.raw) for item in others)
    if adapted == "map":
        by_key = {left.item_key(item): item for item in left}
        keyed = [(left.item_key(item), item) for item in right]
        return all(key in by_key and equal(by_key[key], item) for key, item in keyed)
    return all(equal(one, other) for one, other in zip(left, right, strict=True))


def _equal_maps(left: Any, right: Any) -> bool:
    if len(left) != len(right):
        return False
    if isinstance(left, TypedObject) and isinstance(right, TypedObject):
        unknown = left.raw.keys() - {name for name, _ in (left.kind.fields or {}).values()}
        if any(name in right.raw and left.raw[name] != right.raw[name] for name in unknown):
            return False
    for key in keys(left):
        own, other = find(left, key), find(right, key)
        if own is MISSING and other is MISSING:
            continue  # A field that is null on both sides.
        if own is MISSING or other is MISSING or not equal(own, other):
            return False
    return True


def not_equal(left: Any, right: Any) -> bool:
    try:
        return not equal(left, right)
    except EvaluationError:
        return True


def contains(element: Any, container: Any) -> bool:
    """`element in container`."""
    if isinstance(container, LISTS):
        return any(equal(element, item) for item in container)
    if isinstance(container, MAPS):
        return find(container, element) is not MISSING
    raise no_overload()
