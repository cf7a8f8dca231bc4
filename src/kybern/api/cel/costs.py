"""What a call costs when it is evaluated, by upstream's cost model (cel-go's, and Kubernetes' for its libraries).

One unit is about one operation; a string costs a tenth of a unit for each character that is looked at.
"""

import math
from collections.abc import Callable
from typing import Any, Final

from kybern.api.cel.access import cost_size, keys
from kybern.api.cel.instants import Duration, Timestamp
from kybern.api.cel.typed import TypedList, TypedMap, TypedObject
from kybern.api.cel.values import Opaque

PER_CALL_LIMIT: Final = 1_000_000
"""Units that one evaluation may take."""

BUDGET_LIMIT: Final = 10_000_000
"""Units for all expressions on one object, or of one policy binding."""

MATCH_CONDITIONS_LIMIT: Final = 2_500_000
"""Units for all matchConditions of one webhook or policy binding."""

TRAVERSAL: Final = 0.1
REGEX: Final = 0.25
LIST_BASE: Final = 10
MAP_BASE: Final = 30
STRUCT_BASE: Final = 40
CHECK: Final = 350_000
"""An authorization check: two of them fit into one expression."""

CostFunction = Callable[[tuple[Any, ...], Any], int]


def traversal(length: int, times: float = 1) -> int:
    return math.ceil(length * times * TRAVERSAL)


def _first(times: float = 1) -> CostFunction:
    return lambda args, result: math.ceil(cost_size(args[0]) * times * TRAVERSAL)


def _regex(args: tuple[Any, ...], result: Any) -> int:
    text = math.ceil((1.0 + cost_size(args[0])) * TRAVERSAL)
    return text * math.ceil(cost_size(args[1]) * REGEX)


def _contains(args: tuple[Any, ...], result: Any) -> int:
    return traversal(cost_size(args[0])) * traversal(cost_size(args[1]))


def _smaller(args: tuple[Any, ...], result: Any) -> int:
    return traversal(min(cost_size(args[0]), cost_size(args[1])))


def equality(left: Any, right: Any) -> int:
    """The cost of `==`: library values count one, whatever their size."""
    if isinstance(left, Opaque):
        return 1
    return traversal(min(cost_size(left), cost_size(right)))


def inequality(left: Any, right: Any) -> int:
    return traversal(min(cost_size(left), cost_size(right)))


def concatenation(left: Any, right: Any) -> int:
    """The cost of joining two strings."""
    return math.ceil((len(left) + len(right)) * TRAVERSAL)


def walked(value: Any) -> int:
    """One visit of a value and all that is in it."""
    if isinstance(value, str):
        return int(len(value.encode("utf-8", "surrogatepass")) * TRAVERSAL)
    if isinstance(value, bytes):
        return int(len(value) * TRAVERSAL)
    if isinstance(value, (list, TypedList)):
        if value and type(value[0]) in (int, float, bool, Timestamp, Duration):
            return len(value)
        return sum(map(walked, value))
    if isinstance(value, TypedMap | TypedObject):
        return sum(walked(key) + walked(value.find(key)) for key in value)
    if isinstance(value, dict):
        return sum(walked(key) + walked(inner) for key, inner in zip(keys(value), value.values(), strict=True))
    return 1


def selector(length: int) -> int:
    """Parsing a selector: the list, the text, and a requirement for each two characters."""
    return LIST_BASE + traversal(length) + math.ceil(math.ceil(length * 0.5) * float(LIST_BASE + STRUCT_BASE))


def _contains_ip(args: tuple[Any, ...], result: Any) -> int:
    cost = traversal(2 * cost_size(args[0]))
    return cost + traversal(len(args[1])) if isinstance(args[1], str) else cost


def _contains_cidr(args: tuple[Any, ...], result: Any) -> int:
    own = cost_size(args[0])
    cost = traversal(2 * own) + traversal(own) + 1
    return cost + traversal(len(args[1])) if isinstance(args[1], str) else cost


def _validate(args: tuple[Any, ...], result: Any) -> int:
    size = getattr(args[0], "regex_size", 0)
    return math.ceil((1.0 + cost_size(args[1])) * TRAVERSAL) * math.ceil(size * REGEX)


def _allocated(size: int, factor: float = 1.0) -> int:
    return int(size * factor) + 1 + LIST_BASE


def _self_compared(items: Any) -> int:
    size = cost_size(items)
    factor = 2.0 + (TRAVERSAL if size and isinstance(items[0], (str, bytes)) else 0.0)
    return _allocated(size * size, factor)


def _sets(factor: float) -> CostFunction:
    return lambda args, result: 1 + int(cost_size(args[0]) * cost_size(args[1]) * factor)


_BY_OVERLOAD: dict[str, CostFunction] = {
    "list_slice": lambda args, result: _allocated(cost_size(result)),
    "list_flatten": lambda args, result: _allocated(cost_size(args[0])),
    "list_flatten_int": lambda args, result: _allocated(cost_size(args[0]), float(args[1])),
    "lists_range": lambda args, result: _allocated(cost_size(result)),
    "list_reverse": lambda args, result: _allocated(cost_size(result)),
    "list_distinct": lambda args, result: _self_compared(args[0]),
    "list_sets_contains_list": _sets(1),
    "list_sets_intersects_list": _sets(1),
    "list_sets_equivalent_list": _sets(2),
    "starts_with_string": _first(),
    "ends_with_string": _first(),
    "string_to_bytes": _first(),
    "bytes_to_string": _first(),
    "strings_quote": _first(),
    "string_format": _first(),
    "in_list": lambda args, result: cost_size(args[1]),
    "equals": lambda args, result: equality(*args),
    "not_equals": lambda args, result: inequality(*args),
    "add_string": lambda args, result: concatenation(*args),
    "add_bytes": lambda args, result: concatenation(*args),
    "matches_string": _regex,
    "contains_string": _contains,
} | {f"{word}_{kind}": _smaller for word in ("less", "less_equals", "greater", "greater_equals")
     for kind in ("string", "bytes")}  # fmt: skip

for _kind in (
    "int",
    "uint",
    "double",
    "bool",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
    "string",
    "bytes",
):
    _BY_OVERLOAD[f"list_{_kind}_sort"] = lambda args, result: _self_compared(args[0])
    _BY_OVERLOAD[f"list_{_kind}_sortByAssociatedKeys"] = lambda args, result: _self_compared(args[1])

_BY_FUNCTION: dict[str, int | CostFunction] = {
    "check": CHECK,
    "fieldSelector": lambda args, result: selector(cost_size(args[1])),
    "labelSelector": lambda args, result: selector(cost_size(args[1])),
    "join": lambda args, result: traversal(cost_size(result), 2),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "validate": _validate,
    "ip.isCanonical": _first(2),
    "format.named": 1,
    "find": _regex,
    "findAll": _regex,
    "replace": _first(2),
    "split": _first(2),
}
for _name in ["isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"]:
    _BY_FUNCTION[_name] = lambda args, result: walked(args[0])
_PARSED_ONCE = """
    url lowerAscii upperAscii substring trim jsonpatch.escapeKey cidr isIP isCIDR ip quantity isQuantity semver
    isSemver
"""
for _name in _PARSED_ONCE.split():
    _BY_FUNCTION[_name] = _first()


def call_cost(function: str, overload: str) -> int | CostFunction:
    """What a call costs: a number, or a function of its arguments and result. `overload` is "" where it is not known
    before the call."""
    if overload == "cidr_ip":
        return 1
    if overload.startswith("list_") and overload in _BY_OVERLOAD:
        return _BY_OVERLOAD[overload]
    found = _BY_FUNCTION.get(function)
    return _BY_OVERLOAD.get(overload, 1) if found is None else found
