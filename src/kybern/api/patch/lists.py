"""Lists of a strategic merge: elements that merge by their key, directives among them, and their order.

Words and order are upstream's, its slices' shared memory included. Source: apimachinery util/strategicpatch/patch.go.
"""

from collections.abc import Callable
from typing import Any

import orjson

from kybern.api.patch.go_text import go_type, go_value, unknown_directive
from kybern.api.patch.rfc6902 import PatchFailed
from kybern.api.patch.structure import Field, kind_of
from kybern.api.resource import Object
from kybern.base.errors import Unclassified

DIRECTIVE = "$patch"

MergeObjects = Callable[[Object, Object], Object]
"""(an element, what the patch has for it) -> the merged one."""


def merged_list(old: list[Any], patch: list[Any], field: Field, merge: MergeObjects) -> tuple[list[Any], list[Any]]:
    """(the merged list, what upstream takes for the old list's order afterwards). Raises Unclassified, PatchFailed."""
    if not old and not patch:
        return old, old
    key = field.merge_key
    if not hold_objects(old, patch):
        return in_order(list(dict.fromkeys([*old, *patch])), patch, old, key), old
    if not key:
        raise Unclassified(f"cannot merge lists without merge key for {kind_of(field.type)}")
    kept, changes, replaces = _directed(old, patch, key)
    if replaces:
        return in_order(changes, [], changes, key), old
    merged = _merged_objects(kept, changes, key, merge)
    added = merged[len(kept) : len(old)]
    return in_order(merged, changes, kept, key), [*kept, *added]


def without(old: list[Any], doomed: list[Any], field: Field, merge: MergeObjects) -> list[Any]:
    """What `$deleteFromPrimitiveList` leaves of a list; one of objects is merged instead, as upstream does."""
    if (old or doomed) and not hold_objects(old, doomed):
        return [item for item in old if item not in doomed]
    return merged_list(old, doomed, field, merge)[0]


def hold_objects(*lists: list[Any]) -> bool:
    """Whether all their elements are objects. Raises Unclassified where they are of several types, PatchFailed."""
    kinds = list(dict.fromkeys(type(item) for one in lists for item in one))
    if not kinds:
        raise Unclassified("no elements in any of the given slices")
    if kinds[0] is list:
        raise PatchFailed("lists of lists are not supported")
    if len(kinds) > 1:
        raise Unclassified(f"list element types are not identical: {go_value(list(lists))}")
    return kinds[0] is dict


def _directed(old: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any], bool]:
    """(what remains of the old list, what is still to merge, whether that replaces the list)."""
    plain, replaces = [], False
    for item in patch:
        if DIRECTIVE not in item:
            plain.append(item)
            continue
        match item[DIRECTIVE]:
            case "delete":
                doomed = key_of(item, merge_key)
                old = [other for other in old if merge_key not in other or key_of(other, merge_key) != doomed]
            case "replace":
                replaces = True
            case "merge":
                raise Unclassified("merging lists cannot yet be specified in the patch")
            case other:
                raise unknown_directive(other, item)
    return old, plain, replaces


def _merged_objects(kept: list[Any], changes: list[Any], merge_key: str, merge: MergeObjects) -> list[Any]:
    """The old elements, merged with those of the same key, and the new ones after them, as the patch has them."""
    merged = list(kept)
    places: dict[Any, int] = {}
    for place, item in enumerate(merged):
        if merge_key in item:
            places.setdefault(key_of(item, merge_key), place)
    for change in changes:
        key = key_of(change, merge_key)
        if key in places:
            merged[places[key]] = merge(merged[places[key]], change)
        else:
            places[key] = len(merged)
            merged.append(change)
    return merged


def key_of(item: Any, merge_key: str) -> Any:
    """What an element is known by: its merge key, or itself where there is none. Raises Unclassified."""
    if not merge_key:
        if isinstance(item, dict | list):
            raise Unclassified(f"hash of unhashable type: {go_type(item)}")
        return item
    if not isinstance(item, dict):
        raise Unclassified(f"expected a {go_type({})}, but received a {go_type(item)}")
    if merge_key not in item:
        raise Unclassified(f"map: {go_value(item)} does not contain declared merge key: {merge_key}")
    value = item[merge_key]
    if isinstance(value, dict | list):
        # No key can be one; as a text it is compared by what it holds, and the object's type refuses it later.
        return orjson.dumps(value)
    return value


def in_order(merged: list[Any], order: list[Any], server_order: list[Any], merge_key: str) -> list[Any]:
    """Elements that `order` names as it has them; the others keep their places relative to known ones."""
    keys = [key_of(item, merge_key) for item in merged]
    wanted, places = _places(order, merge_key), _places(server_order, merge_key)
    named = _sorted([(key, item) for key, item in zip(keys, merged, strict=True) if key in wanted], wanted)
    others = _sorted([(key, item) for key, item in zip(keys, merged, strict=True) if key not in wanted], places)
    result: list[Any] = []
    rest = 0
    for key, item in named:
        here = places.get(key, -1)
        while rest < len(others) and 0 <= places.get(others[rest][0], here) < here:
            result.append(others[rest][1])
            rest += 1
        result.append(item)
    return result + [item for _, item in others[rest:]]


def _places(items: list[Any], merge_key: str) -> dict[Any, int]:
    places: dict[Any, int] = {}
    for place, item in enumerate(items):
        places.setdefault(key_of(item, merge_key), place)
    return places


def _sorted(items: list[tuple[Any, Any]], places: dict[Any, int]) -> list[tuple[Any, Any]]:
    """As Go's stable sort does it, for which each element that has no place is less than any other."""
    if all(key in places for key, _ in items):
        return sorted(items, key=lambda each: places[each[0]])
    for end in range(1, len(items)):
        at = end
        while at and _is_less(items[at][0], items[at - 1][0], places):
            items[at - 1], items[at] = items[at], items[at - 1]
            at -= 1
    return items


def _is_less(one: Any, other: Any, places: dict[Any, int]) -> bool:
    return one not in places or other not in places or places[one] < places[other]


def check_order(patch: list[Any], order: list[Any], merge_key: str) -> None:
    """What the patch adds or changes must appear in the order of `$setElementOrder`. Raises Unclassified."""
    if not order or not patch:
        return
    if merge_key:
        for item in patch:
            if not isinstance(item, dict):
                raise Unclassified(f"expected a {go_type({})}, but received a {go_type(item)}")
    rest = iter(order)
    for item in patch:
        if isinstance(item, dict) and DIRECTIVE in item:
            continue
        if all(key_of(found, merge_key) != key_of(item, merge_key) for found in rest):
            lists = f"{go_value(patch)}\n doesn't match $setElementOrder list:\n{go_value(order)}\n"
            raise Unclassified(f"The order in patch list:\n{lists}")
