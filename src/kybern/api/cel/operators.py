"""Operators on values whose types are known only when evaluated, and those that need more than Python's own.

Where the checker knows the types, generated code uses Python's operators instead. All raise EvaluationError.
"""

import math
from typing import Any

from kybern.api.cel.errors import CostExceeded, EvaluationError
from kybern.api.cel.instants import Duration, Timestamp
from kybern.api.cel.literals import INT_MAX, INT_MIN, UINT_MAX
from kybern.api.cel.typed import TypedList, TypedMap, TypedObject
from kybern.api.cel.values import (
    MISSING,
    NO_OVERLOAD,
    NONE,
    Opaque,
    Optional,
    StructValue,
    Uint,
    from_key,
    to_key,
    type_name,
)

_NUMBERS = frozenset({int, Uint, float})
_ORDERED = frozenset({bool, str, bytes, Timestamp, Duration})
_MAPS = (dict, TypedMap, TypedObject)
_LISTS = (list, TypedList)


MAX_ITEMS = 1_000_000
"""Items of a list, and characters of a text, that one operation may make: as many as one call may cost."""


def no_overload() -> EvaluationError:
    return EvaluationError(NO_OVERLOAD)


def no_key(key: Any) -> EvaluationError:
    return EvaluationError(f"no such key: {show(key)}")


def show(value: Any) -> str:
    """A key or an index in a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


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
    if isinstance(left, _LISTS) and isinstance(right, _LISTS):
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
    if isinstance(left, _LISTS):
        return isinstance(right, _LISTS) and _equal_lists(left, right)
    if isinstance(left, _MAPS):
        return isinstance(right, _MAPS) and _equal_maps(left, right)
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


def keys(value: Any) -> list[Any]:
    """The keys of a map as CEL values."""
    return [from_key(key) for key in value] if type(value) is dict else list(value)


def find(value: Any, key: Any) -> Any:
    """The value of a key, or MISSING; a number finds its equal of another type."""
    if type(value) is not dict:
        return value.find(key)
    if type(key) is float and not key.is_integer():
        return MISSING
    return value.get(to_key(key), MISSING)


def select(value: Any, field: str) -> Any:
    """`value.field` or `value["field"]`."""
    kind = type(value)
    if kind is dict:
        found = value.get(field, MISSING)
        if found is not MISSING:
            return found
    elif kind is TypedObject or kind is TypedMap:
        found = value.find(field)
        if found is not MISSING:
            return found
    elif kind is StructValue:
        if field in value.fields:
            return value.fields[field]
    elif kind is Optional:
        return optional_select(value, field)
    elif kind is list or kind is TypedList:
        raise EvaluationError("unsupported index type 'string' in list")
    elif hasattr(value, "find"):
        found = value.find(field)
        if found is not MISSING:
            return found
    raise no_key(field)


def has(value: Any, field: str) -> bool:
    """`has(value.field)`: also false where the value has no fields at all."""
    return find_field(value, field) is not MISSING


def find_field(value: Any, field: Any) -> Any:
    """A field, key or index of anything, or MISSING."""
    if isinstance(value, Optional):
        return find_field(value.held, field) if value.present else MISSING
    if isinstance(value, (list, TypedList)):
        at = list_index(field)
        return value[at] if 0 <= at < len(value) else MISSING
    if isinstance(value, StructValue):
        return value.fields.get(field, MISSING)
    if isinstance(value, dict) or hasattr(value, "find"):
        return find(value, field)
    return MISSING


def optional_select(value: Any, field: Any) -> Optional:
    """`value.?field`, `value[?field]`, and every selection from an optional value."""
    found = find_field(value, field)
    return NONE if found is MISSING else Optional(found)


def list_index(index: Any) -> int:
    if type(index) is int:
        return int(index)
    if type(index) in (float, Uint):
        if index == int(index) and index <= INT_MAX:
            return int(index)
        raise EvaluationError(f"unsupported index value {index} in list")
    raise EvaluationError(f"unsupported index type '{type_name(index)}' in list")


def index(value: Any, key: Any) -> Any:
    """`value[key]`."""
    if isinstance(value, _LISTS):
        at = list_index(key)
        if 0 <= at < len(value):
            return value[at]
        raise EvaluationError(f"index out of bounds: {show(key)}")
    if isinstance(value, _MAPS):
        found = find(value, key)
        if found is not MISSING:
            return found
    elif isinstance(value, Optional):
        return optional_select(value, key)
    elif isinstance(value, StructValue) and isinstance(key, str):
        return select(value, key)
    raise no_key(key)


def contains(element: Any, container: Any) -> bool:
    """`element in container`."""
    if isinstance(container, _LISTS):
        return any(equal(element, item) for item in container)
    if isinstance(container, _MAPS):
        return find(container, element) is not MISSING
    raise no_overload()


def size(value: Any) -> int:
    """Code points of a string, bytes, items, or entries."""
    if isinstance(value, (str, bytes, list, dict, TypedList, TypedMap, TypedObject)):
        return len(value)
    raise no_overload()


def cost_size(value: Any) -> int:
    """How large a value counts in costs; one for what has no size."""
    if isinstance(value, (str, bytes, list, dict, TypedList, TypedMap, TypedObject)):
        return len(value)
    if isinstance(value, Optional):
        return cost_size(value.held) if value.present else 1
    return value.size if isinstance(value, Opaque) else 1


def iterate(value: Any) -> Any:
    """What a comprehension of one variable runs over: items, or keys."""
    if isinstance(value, _LISTS):
        return value
    if isinstance(value, _MAPS):
        return keys(value)
    raise EvaluationError(f"got '{type_name(value)}', expected iterable type")


def pairs(value: Any) -> Any:
    """What a comprehension of two variables runs over: indexes and items, or keys and values."""
    if isinstance(value, _LISTS):
        return enumerate(value)
    if isinstance(value, _MAPS):
        return [(key, find(value, key)) for key in keys(value)]
    raise EvaluationError(f"unsupported comprehension range type: {type_name(value)}")


def insert(entries: dict[Any, Any], key: Any, value: Any) -> None:
    """Adds an entry to a map being built; a key comes once."""
    held = to_key(key)
    if held in entries:
        raise EvaluationError(f"insert failed: key {show(key)} already exists")
    entries[held] = value


def insert_all(entries: dict[Any, Any], added: Any) -> None:
    if not isinstance(added, _MAPS):
        raise no_overload()
    for key in keys(added):
        insert(entries, key, find(added, key))


def as_bool(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise no_overload()


def require_optional(value: Any, message: str) -> Optional:
    if isinstance(value, Optional):
        return value
    raise EvaluationError(f"{message} from non-optional value {show(value)}")


def bind_optional(value: Any) -> Optional:
    """The value of a variable declared optional: null and MISSING are none."""
    if isinstance(value, Optional):
        return value
    return NONE if value is None or value is MISSING else Optional(value)
