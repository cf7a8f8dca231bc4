"""Estimates of single functions: Kubernetes' libraries, the extended lists and sets, and CEL's own that are not O(1)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kybern.api.cel.costs import CHECK, LIST_BASE, REGEX, STRUCT_BASE, TRAVERSAL
from kybern.api.cel.nodes import Literal
from kybern.api.cel.ranges import ONE, UNKNOWN, ZERO, Range
from kybern.api.cel.types import UNBOUNDED

if TYPE_CHECKING:
    from kybern.api.cel.estimate import Argument, Estimator

Estimate = tuple[Range, Range | None]

_NOMINAL_NAMES = """
    serviceAccount path group resource subresource namespace name allowed reason error errored masked
    prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast
    format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major
    minor patch getScheme getHostname getHost getPort getEscapedPath getQuery
"""
_NOMINAL = frozenset(_NOMINAL_NAMES.split())
_PARSED = frozenset(["cidr", "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver"])
_O1_OBJECTS = frozenset(
    {"kubernetes.Quantity", "kubernetes.Semver", "net.IP", "net.CIDR"}
    | {
        f"kubernetes.authorization.{name}"
        for name in ["Authorizer", "PathCheck", "GroupCheck", "ResourceCheck", "Decision"]
    }
)
_MAX_FORMAT, _MAX_NAMED_REGEX = 64, 128
_COMPARED = frozenset(
    f"{word}_{kind}" for word in ("less", "less_equals", "greater", "greater_equals") for kind in ("string", "bytes")
)


def estimate_call(
    estimator: Estimator, function: str, overload: str, target: Argument | None, args: list[Argument]
) -> Estimate | None:
    """Cost of the call alone and size of its result; None for what costs one unit or is costed with its arguments."""
    if overload.startswith(("list_", "lists_")):
        extended = _extended_lists(estimator, overload, target, args)
        if extended is not None:
            return extended
    found = _kubernetes(estimator, function, overload, target, args)
    return _standard(overload, target, args) if found is None else found


def _extended_lists(
    estimator: Estimator, overload: str, target: Argument | None, args: list[Argument]
) -> Estimate | None:
    def allocated(size: Range, factor: float = 1.0) -> Estimate:
        return size.scaled(factor).plus(1 + LIST_BASE), size

    if overload.startswith("list_sets_"):
        product = estimator.size_of(args[0]).multiply(estimator.size_of(args[1]))
        return product.scaled(2 if overload == "list_sets_equivalent_list" else 1).plus(1), None
    if overload == "lists_range":
        return allocated(_fixed(_int(args[0], UNBOUNDED)))
    if target is None:
        return None
    size = estimator.size_of(target)
    if overload == "list_slice":
        return allocated(_fixed((_int(args[1], size.high) - _int(args[0], 0)) & UNBOUNDED))
    if overload == "list_reverse":
        return allocated(size)
    if overload in ("list_flatten", "list_flatten_int"):
        return allocated(size, float(_int(args[0], UNBOUNDED)) if args else 1.0)
    if overload == "list_distinct":
        return allocated(size.multiply(size), 2.0)
    if overload.endswith(("_sort", "_sortByAssociatedKeys")):
        keys = size if overload.endswith("_sort") else estimator.size_of(args[0])
        factor = 2.0 + (TRAVERSAL if overload.split("_")[1] in ("string", "bytes") else 0.0)
        return allocated(keys.multiply(keys), factor)
    return None


def _fixed(size: int) -> Range:
    return Range(size, size)


def _int(argument: Argument, default: int) -> int:
    node = argument.node
    if isinstance(node, Literal) and type(node.value) is int:
        return max(node.value, 0)
    return default


def _kubernetes(
    estimator: Estimator, function: str, overload: str, target: Argument | None, args: list[Argument]
) -> Estimate | None:
    if function in _NOMINAL or overload == "cidr_ip":
        return ONE, None
    match function:
        case "check":
            return _fixed(CHECK), None
        case "fieldSelector" | "labelSelector":
            return _selector(estimator.size_of(args[0])), None
        case "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" if target:
            return _elementwise(estimator, target), None
        case "url" | "jsonpatch.escapeKey":
            size = estimator.size_of(args[0])
            return size.scaled(TRAVERSAL), size
        case "lowerAscii" | "upperAscii" | "substring" | "trim" if target:
            size = estimator.size_of(target)
            return size.scaled(TRAVERSAL), size
        case "replace" if target:
            return _replace(*(estimator.size_of(part) for part in (target, args[0], args[1])))
        case "split" if target:
            size = estimator.size_of(target)
            limit = _split_limit(args, size.high)
            return size.scaled(2 * TRAVERSAL), Range(0, limit)
        case "join" if target:
            return _join(estimator, target, args)
        case "find" | "findAll" if target:
            size = estimator.size_of(target)
            text = size.plus(1).scaled(TRAVERSAL)
            return text.multiply(estimator.size_of(args[0]).scaled(REGEX)), Range(0, size.high)
        case "ip.isCanonical":
            return estimator.size_of(args[0]).scaled(2 * TRAVERSAL), None
        case "containsIP" | "containsCIDR":
            return _contains_address(estimator, overload, args[0]), None
        case "validate":
            return estimator.size_of(args[0]).scaled(TRAVERSAL).scaled(_MAX_NAMED_REGEX * REGEX), None
        case "_==_":
            return _equal_objects(args)
        case _ if function in _PARSED or (function == "ip" and args):
            return estimator.size_of(args[0]).scaled(TRAVERSAL), None
        case _:
            return None


def _selector(length: Range) -> Range:
    requirements = length.scaled(0.5).scaled(float(LIST_BASE + STRUCT_BASE))
    return _fixed(LIST_BASE).add(length.scaled(TRAVERSAL)).add(requirements)


def _elementwise(estimator: Estimator, target: Argument) -> Range:
    """One unit for each item, more if it is a string; or the traversal of a string."""
    if not target.type.params:
        return estimator.size_of(target).scaled(TRAVERSAL)
    each = ONE
    if target.type.params[0].kind in ("string", "bytes"):
        each = each.add(_items_size(estimator, target).scaled(TRAVERSAL))
    return estimator.size_of(target).multiply(each)


def _items_size(estimator: Estimator, target: Argument) -> Range:
    path = (*target.path, "@items") if target.path else ()
    return estimator.declared_size(path) or UNKNOWN


def _replace(text: Range, old: Range, new: Range) -> Estimate:
    """The longest and the shortest text that replacing can leave."""
    if old.low == 0:
        longest = min(text.high + 1, UNBOUNDED) * new.high + text.high
    elif new.high <= old.low:
        longest = text.high
    else:
        longest = math.ceil(float(text.high) / float(old.low)) * new.high
    if old.high == 0:
        shortest = min(text.low + 1, UNBOUNDED) * new.low + text.low
    elif old.high <= new.low:
        shortest = text.low
    else:
        shortest = math.ceil(float(text.low) / float(old.high)) * new.low
    size = Range(min(shortest, UNBOUNDED), min(longest, UNBOUNDED))
    return text.scaled(2 * TRAVERSAL), size


def _split_limit(args: list[Argument], default: int) -> int:
    node = args[1].node if len(args) > 1 else None
    return node.value & UNBOUNDED if isinstance(node, Literal) and type(node.value) is int else default


def _join(estimator: Estimator, target: Argument, args: list[Argument]) -> Estimate:
    items = estimator.size_of(target)
    size = items.multiply(_items_size(estimator, target)) if target.type.params else ZERO
    if args:
        separators = Range(max(items.low - 1, 0), max(items.high - 1, 0))
        size = size.add(estimator.size_of(args[0]).multiply(separators))
    return size.scaled(TRAVERSAL), size


def _contains_address(estimator: Estimator, overload: str, other: Argument) -> Range:
    size = Range(4, 16)
    cost = size.add(size).scaled(TRAVERSAL)
    if overload.startswith("cidr_contains_cidr"):
        cost = cost.add(size.scaled(TRAVERSAL)).plus(1)
    if overload.endswith("_string"):
        cost = cost.add(estimator.size_of(other).scaled(TRAVERSAL))
    return cost


def _equal_objects(args: list[Argument]) -> Estimate | None:
    left, right = args
    if left.type != right.type or left.type.kind not in ("object", "opaque"):
        return None
    if left.type.name in _O1_OBJECTS:
        return ONE, None
    if left.type.name == "kubernetes.NamedFormat":
        return Range(1, _MAX_FORMAT).scaled(TRAVERSAL), None
    if left.type.name == "kubernetes.URL":
        return Range(1, right.size.high if right.size else 1).scaled(TRAVERSAL), None
    return None


def _standard(overload: str, target: Argument | None, args: list[Argument]) -> Estimate | None:
    def size(argument: Argument) -> Range:
        return argument.size or UNKNOWN

    match overload:
        case "string_format" if target:
            return size(target).scaled(TRAVERSAL), None
        case "string_to_bytes":
            bytes_size = Range(size(args[0]).low, size(args[0]).high * 4 & UNBOUNDED)
            return size(args[0]).scaled(TRAVERSAL), bytes_size
        case "bytes_to_string":
            return size(args[0]).scaled(TRAVERSAL), Range(size(args[0]).low // 4, size(args[0]).high)
        case "strings_quote":
            quoted = Range(size(args[0]).low + 2, (size(args[0]).high * 2 + 2) & UNBOUNDED)
            return size(args[0]).scaled(TRAVERSAL), quoted
        case "starts_with_string" | "ends_with_string":
            return size(args[0]).scaled(TRAVERSAL), None
        case "in_list":
            return size(args[1]).scaled(1), None
        case "matches_string" if target:
            return size(target).plus(1).scaled(TRAVERSAL).multiply(size(args[0]).scaled(REGEX)), None
        case "contains_string" if target:
            return size(target).scaled(TRAVERSAL).multiply(size(args[0]).scaled(TRAVERSAL)), None
        case "equals" | "not_equals":
            return _compared(size(args[0]), size(args[1])), None
        case _ if overload in _COMPARED:
            return _compared(size(args[0]), size(args[1])), None
        case _:
            return None


def _compared(left: Range, right: Range) -> Range:
    most = min(left.high, right.high)
    return Range(1 if most else 0, most).scaled(TRAVERSAL)
