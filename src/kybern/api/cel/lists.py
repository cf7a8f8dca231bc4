"""Lists: Kubernetes' library (sum, min, max, isSorted, indexOf), CEL's lists v3 (slice, sort, flatten …) and sets."""

import itertools
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from kybern.api.cel import operators
from kybern.api.cel.costs import PER_CALL_LIMIT
from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.errors import CostExceeded, EvaluationError
from kybern.api.cel.instants import Duration
from kybern.api.cel.operators import MAX_ITEMS, compare, equal
from kybern.api.cel.typed import TypedList
from kybern.api.cel.values import Uint, type_name

_COMPARABLE = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"]
_NAMES = {"duration": "google.protobuf.Duration", "timestamp": "google.protobuf.Timestamp"}


def is_sorted(items: Any) -> bool:
    values = list(items)
    return all(compare(one, other) <= 0 for one, other in itertools.pairwise(values))


def summing(zero: Any) -> Callable[[Any], Any]:
    def total(items: Any) -> Any:
        result = zero
        for item in items:
            result = operators.add(result, item)
        return result

    return total


def largest(items: Any) -> Any:
    return _extreme(items, "max", -1)


def smallest(items: Any) -> Any:
    return _extreme(items, "min", 1)


def _extreme(items: Any, name: str, prefer: int) -> Any:
    if not len(items):
        raise EvaluationError(f"{name} called on empty list")
    result = items[0]
    for item in items:
        if compare(result, item) == prefer:
            result = item
    return result


def index_of(items: Any, wanted: Any) -> int:
    return next((at for at, item in enumerate(items) if equal(item, wanted)), -1)


def last_index_of(items: Any, wanted: Any) -> int:
    return next((at for at in range(len(items) - 1, -1, -1) if equal(items[at], wanted)), -1)


def cut(items: Any, start: int, end: int) -> list[Any]:
    if start < 0 or end < 0:
        raise EvaluationError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        message = "start index must be less than or equal to end index"
        raise EvaluationError(f"cannot slice({start}, {end}), {message}")
    if len(items) < end:
        raise EvaluationError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return [items[at] for at in range(start, end)]


def flatten(items: Any, depth: int = 1) -> list[Any]:
    """Lists within opened, `depth` levels of them; no recursion."""
    if depth < 0:
        raise EvaluationError("level must be non-negative")
    flat: list[Any] = list(items)
    while depth and any(isinstance(item, (list, TypedList)) for item in flat):
        opened: list[Any] = []
        for item in flat:
            opened.extend(item if isinstance(item, (list, TypedList)) else [item])
            if len(opened) > MAX_ITEMS:
                raise CostExceeded
        flat, depth = opened, depth - 1
    return flat


def sort(items: Any) -> Any:
    return sort_by_keys(items, items)


def sort_by_keys(items: Any, keys: Any) -> Any:
    """The items in the order of their keys, which are of one comparable type."""
    _check_square(len(keys))
    if not len(items):
        return items
    values = list(keys)
    kind = type(values[0])
    if type_name(values[0]) not in (*_COMPARABLE, *_NAMES.values()):
        raise EvaluationError("list elements must be comparable")
    if any(type(value) is not kind for value in values):
        raise EvaluationError("list elements must have the same type")
    pairs: list[tuple[Any, Any]] = list(zip(values, items, strict=True))
    pairs.sort(key=cmp_to_key(_by_key))
    return [item for _, item in pairs]


def _by_key(one: tuple[Any, Any], other: tuple[Any, Any]) -> int:
    return compare(one[0], other[0])


def count_up(limit: int) -> list[int]:
    if limit > MAX_ITEMS:
        raise CostExceeded
    return list(range(limit))


def reverse(items: Any) -> list[Any]:
    return list(items)[::-1]


def distinct(items: Any) -> list[Any]:
    _check_square(len(items))
    found: list[Any] = []
    for item in items:
        if not any(equal(item, other) for other in found):
            found.append(item)
    return found


def _check_square(length: int) -> None:
    """What compares each item with each other costs that much, and is not begun if it is too much."""
    if 2 * length * length > PER_CALL_LIMIT:
        raise CostExceeded


def _check_product(one: Any, other: Any) -> None:
    if len(one) * len(other) > PER_CALL_LIMIT:
        raise CostExceeded


def sets_contains(items: Any, wanted: Any) -> bool:
    _check_product(items, wanted)
    return all(operators.contains(item, items) for item in wanted)


def sets_intersects(one: Any, other: Any) -> bool:
    _check_product(one, other)
    return any(operators.contains(item, other) for item in one)


def sets_equivalent(one: Any, other: Any) -> bool:
    return sets_contains(one, other) and sets_contains(other, one)


def _templated(pattern: str, function: str, signature: str, implementation: Callable[..., Any]) -> list[Overload]:
    """One overload for each comparable type T."""
    forms = []
    for kind in _COMPARABLE:
        identifier = pattern.format(kind=kind, name=_NAMES.get(kind, kind))
        forms.append(overload(identifier, function, signature.replace("T", kind), implementation))
    return forms


KUBERNETES: list[Overload] = [
    *_templated("list_{kind}_is_sorted_bool", "isSorted", "list<T>.() -> bool", is_sorted),
    *(
        overload(f"list_{kind}_sum_{kind}", "sum", f"list<{kind}>.() -> {kind}", summing(zero))
        for kind, zero in (("int", 0), ("uint", Uint(0)), ("double", 0.0), ("duration", Duration(0)))
    ),
    *_templated("list_{kind}_max_{kind}", "max", "list<T>.() -> T", largest),
    *_templated("list_{kind}_min_{kind}", "min", "list<T>.() -> T", smallest),
    overload("list_a_index_of_int", "indexOf", "list<A>.(A) -> int", index_of),
    overload("list_a_last_index_of_int", "lastIndexOf", "list<A>.(A) -> int", last_index_of),
]

SETS: list[Overload] = [
    overload("list_sets_contains_list", "sets.contains", "(list<T>, list<T>) -> bool", sets_contains),
    overload("list_sets_equivalent_list", "sets.equivalent", "(list<T>, list<T>) -> bool", sets_equivalent),
    overload("list_sets_intersects_list", "sets.intersects", "(list<T>, list<T>) -> bool", sets_intersects),
]

EXTENDED: list[Overload] = [
    overload("list_slice", "slice", "list<T>.(int, int) -> list<T>", cut),
    overload("list_flatten", "flatten", "list<list<T>>.() -> list<T>", flatten),
    overload("list_flatten_int", "flatten", "list<dyn>.(int) -> list<dyn>", flatten),
    *_templated("list_{name}_sort", "sort", "list<T>.() -> list<T>", sort),
    *(
        overload(
            f"list_{_NAMES.get(kind, kind)}_sortByAssociatedKeys",
            "@sortByAssociatedKeys",
            f"list<T>.(list<{kind}>) -> list<T>",
            sort_by_keys,
        )
        for kind in _COMPARABLE
    ),
    overload("lists_range", "lists.range", "(int) -> list<int>", count_up),
    overload("list_reverse", "reverse", "list<T>.() -> list<T>", reverse),
    overload("list_distinct", "distinct", "list<T>.() -> list<T>", distinct),
]
