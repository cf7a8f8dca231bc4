"""Parts of values whose types are known only when evaluated: fields, keys, indexes, sizes, and what loops run over.

All raise EvaluationError.
"""

from typing import Any

from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.literals import INT_MAX
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

MAPS = (dict, TypedMap, TypedObject)
LISTS = (list, TypedList)


def no_overload() -> EvaluationError:
    return EvaluationError(NO_OVERLOAD)


def no_key(key: Any) -> EvaluationError:
    return EvaluationError(f"no such key: {show(key)}")


def show(value: Any) -> str:
    """A key or an index in a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


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


def _finds(value: Any) -> bool:
    """Whether a value computes its fields when they are read: it has `find`, as texts do for another purpose."""
    return hasattr(value, "find") and not isinstance(value, (str, bytes))


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
    elif _finds(value):
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
    if isinstance(value, dict) or _finds(value):
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
    if isinstance(value, LISTS):
        at = list_index(key)
        if 0 <= at < len(value):
            return value[at]
        raise EvaluationError(f"index out of bounds: {show(key)}")
    if isinstance(value, MAPS):
        found = find(value, key)
        if found is not MISSING:
            return found
    elif isinstance(value, Optional):
        return optional_select(value, key)
    elif isinstance(value, StructValue) and isinstance(key, str):
        return select(value, key)
    raise no_key(key)


def cost_size(value: Any) -> int:
    """How large a value counts in costs; one for what has no size."""
    if isinstance(value, (str, bytes, list, dict, TypedList, TypedMap, TypedObject)):
        return len(value)
    if isinstance(value, Optional):
        return cost_size(value.held) if value.present else 1
    return value.size if isinstance(value, Opaque) else 1


def iterate(value: Any) -> Any:
    """What a comprehension of one variable runs over: items, or keys."""
    if isinstance(value, LISTS):
        return value
    if isinstance(value, MAPS):
        return keys(value)
    raise EvaluationError(f"got '{type_name(value)}', expected iterable type")


def pairs(value: Any) -> Any:
    """What a comprehension of two variables runs over: indexes and items, or keys and values."""
    if isinstance(value, LISTS):
        return enumerate(value)
    if isinstance(value, MAPS):
        return [(key, find(value, key)) for key in keys(value)]
    raise EvaluationError(f"unsupported comprehension range type: {type_name(value)}")


def insert(entries: dict[Any, Any], key: Any, value: Any) -> None:
    """Adds an entry to a map being built; a key comes once."""
    held = to_key(key)
    if held in entries:
        raise EvaluationError(f"insert failed: key {show(key)} already exists")
    entries[held] = value


def insert_all(entries: dict[Any, Any], added: Any) -> None:
    if not isinstance(added, MAPS):
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
