"""The library of optional values. `or` and `orValue`, `.?` and `[?]` are known to the generated code itself."""

from typing import Any

from kybern.api.cel import access
from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.instants import Duration, Timestamp
from kybern.api.cel.typed import TypedList, TypedMap, TypedObject
from kybern.api.cel.values import NONE, Optional, StructValue


def of_non_zero(value: Any) -> Optional:
    return NONE if is_zero(value) else Optional(value)


def is_zero(value: Any) -> bool:
    """Whether a value is its type's zero: null, false, 0, "", an empty list or map, the first moment of year 1."""
    if value is None or isinstance(value, (bool, int, float, str, bytes, list, dict)):
        return not value
    if isinstance(value, (TypedList, TypedMap, TypedObject)):
        return len(value) == 0
    if isinstance(value, Duration):
        return value.nanos == 0
    if isinstance(value, Timestamp):
        return value.nanos == -62_135_596_800 * 10**9
    return isinstance(value, StructValue) and not value.fields


def unwrap(items: Any) -> list[Any]:
    """The values of those that have one."""
    found = []
    for item in items:
        if not isinstance(item, Optional):
            raise EvaluationError(f"value {access.show(item)} is not optional")
        if item.present:
            found.append(item.held)
    return found


def first(items: Any) -> Optional:
    return Optional(items[0]) if len(items) else NONE


def last(items: Any) -> Optional:
    return Optional(items[len(items) - 1]) if len(items) else NONE


OVERLOADS: list[Overload] = [
    overload("optional_of", "optional.of", "(V) -> optional<V>", Optional),
    overload("optional_ofNonZeroValue", "optional.ofNonZeroValue", "(V) -> optional<V>", of_non_zero),
    overload("optional_none", "optional.none", "() -> optional<V>", lambda: NONE),
    overload("optional_value", "value", "optional<V>.() -> V", Optional.value),
    overload("optional_hasValue", "hasValue", "optional<V>.() -> bool", lambda optional: optional.present),
    overload("optional_or_optional", "or", "optional<V>.(optional<V>) -> optional<V>"),
    overload("optional_orValue_value", "orValue", "optional<V>.(V) -> V"),
    overload("select_optional_field", "_?._", "(dyn, string) -> optional<V>"),
    overload("list_optindex_optional_int", "_[?_]", "(list<V>, int) -> optional<V>"),
    overload("optional_list_optindex_optional_int", "_[?_]", "(optional<list<V>>, int) -> optional<V>"),
    overload("map_optindex_optional_value", "_[?_]", "(map<K, V>, K) -> optional<V>"),
    overload("optional_map_optindex_optional_value", "_[?_]", "(optional<map<K, V>>, K) -> optional<V>"),
    overload("optional_list_index_int", "_[_]", "(optional<list<V>>, int) -> optional<V>", access.index),
    overload("optional_map_index_value", "_[_]", "(optional<map<K, V>>, K) -> optional<V>", access.index),
    overload("list_last", "last", "list<V>.() -> optional<V>", last),
    overload("list_first", "first", "list<V>.() -> optional<V>", first),
    overload("optional_unwrap", "optional.unwrap", "(list<optional<V>>) -> list<V>", unwrap),
    overload("optional_unwrapOpt", "unwrapOpt", "list<optional<V>>.() -> list<V>", unwrap),
]
