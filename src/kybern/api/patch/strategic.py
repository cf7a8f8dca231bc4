"""Strategic merge patch: lists merge by the key that the structure names, and directives say what a merge cannot.

Source: sig-api-machinery's strategic-merge-patch.md; apimachinery util/strategicpatch, util/mergepatch.
"""

from collections.abc import Callable
from typing import Any

import orjson

from kybern.api.patch.rfc6902 import PatchFailed
from kybern.api.patch.structure import Field, field
from kybern.api.resource import Object
from kybern.base.errors import BadRequest, Unclassified

_DIRECTIVE = "$patch"
_RETAIN_KEYS = "$retainKeys"
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


Lookup = Callable[[str, str], Field]
"""(name of a type, name of a field) -> its Field; Field() where the structure has none."""


def strategic_merge(obj: Object, patch: Any, type_name: str, lookup: Lookup = field) -> Object:
    """The patched object; `type_name` as the definitions call it (`io.k8s.api.core.v1.Pod`).

    Raises BadRequest, PatchFailed (422), Unclassified for what upstream answers with 500.
    """
    if not isinstance(patch, dict):
        raise BadRequest("invalid JSON document")
    return _Merge(lookup).mapping(obj, patch, type_name)


class _Merge:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def mapping(self, original: Object, patch: Object, type_name: str) -> Object:
        """One object merged into another; neither is changed."""
        if _DIRECTIVE in patch:
            return _directed(patch)
        merged = _retain(original, patch)
        changes = {key: value for key, value in patch.items() if key != _RETAIN_KEYS}
        for key in [key for key in changes if key.startswith("$setElementOrder")]:
            self._ordered(merged, changes, key, type_name)
        for key, value in changes.items():
            if key.startswith("$deleteFromPrimitiveList"):
                _delete_primitives(merged, key, value)
            elif value is None:
                merged.pop(key, None)
            else:
                self._member(merged, key, value, self._lookup(type_name, key))
        return merged

    def _member(self, merged: Object, key: str, value: Any, field: Field) -> None:
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = value if field.replaces else self.mapping(old, value, field.type)
        elif isinstance(old, list) and isinstance(value, list):
            merged[key] = self._list(old, value, field) if field.merges else value
        elif isinstance(value, dict) and _DIRECTIVE in value:
            merged.pop(key, None)
        else:
            merged[key] = _plain(value)

    def _list(self, old: list[Any], patch: list[Any], field: Field) -> list[Any]:
        if not old and not patch:
            return old
        if not _holds_objects(old, patch):
            merged = list(dict.fromkeys([*old, *patch]))
            return _interleave(merged, patch, old, _key_of(""))
        if not field.merge_key:
            raise Unclassified(f"cannot merge lists without merge key for {field.type}")
        kept, changes = _apply_list_directives(old, patch, field.merge_key)
        merged = self._merged_objects(kept, changes, field)
        return _interleave(merged, changes, kept, _key_of(field.merge_key))

    def _merged_objects(self, kept: list[Any], changes: list[Any], field: Field) -> list[Any]:
        merged = list(kept)
        places: dict[Any, int] = {}
        for place, item in enumerate(merged):
            places.setdefault(_key(item, field.merge_key), place)
        for change in changes:
            key = _key(change, field.merge_key)
            if key in places:
                merged[places[key]] = self.mapping(merged[places[key]], change, field.type)
            else:
                places[key] = len(merged)
                merged.append(_plain(change))
        return merged

    def _ordered(self, merged: Object, changes: Object, directive: str, type_name: str) -> None:
        """`$setElementOrder/list`: merges the list and puts it into the given order."""
        order = _list_of(changes.pop(directive))
        name = directive.removeprefix(_ORDER)
        if name == directive or not name:
            raise BadRequest("invalid patch format of setElementOrder list")
        field = self._lookup(type_name, name)
        old, patch = merged.get(name), changes.pop(name, None)
        for given in (old, patch):
            _list_of(given if given is not None else [])
        _check_order(patch or [], order, field.merge_key)
        if not isinstance(old, list) and not isinstance(patch, list):
            return
        key = _key_of(field.merge_key)
        if isinstance(old, list) and isinstance(patch, list):
            result = self._list(old, patch, field) if field.merges else patch
        else:
            result = old if isinstance(old, list) else _plain(patch)
        merged[name] = _interleave(result, order, old or [], key)


def _list_of(value: Any) -> list[Any]:
    """Raises Unclassified for what is no list."""
    if not isinstance(value, list):
        raise Unclassified(f"expected a []interface {{}}, but received a {_go_type(value)}")
    return value


def _directed(patch: Object) -> Object:
    directive = patch[_DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    raise _unknown(directive, patch)


def _unknown(directive: Any, patch: Object) -> Unclassified:
    return Unclassified(f"unknown patch type: {_as_text(directive)} in map: {go_value(patch)}")


def _as_text(value: Any) -> str:
    """Go's %s of decoded JSON."""
    if isinstance(value, str | dict | list):
        return go_value(value)
    return _go_type(value) if value is None else f"%!s({_go_type(value)}={go_value(value)})"


def _retain(original: Object, patch: Object) -> Object:
    """A copy of the original, without the keys that `$retainKeys` does not name."""
    if _RETAIN_KEYS not in patch:
        return dict(original)
    retained = patch[_RETAIN_KEYS]
    changed = [key for key, value in patch.items() if value is not None and not key.startswith("$")]
    if not isinstance(retained, list) or any(key not in retained for key in changed):
        raise BadRequest("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in retained}


def _delete_primitives(merged: Object, directive: str, values: Any) -> None:
    name = directive.removeprefix(_DELETE_PRIMITIVES)
    if name == directive:
        raise BadRequest("invalid patch format of primitive list")
    old = merged.get(name)
    if isinstance(old, list) and isinstance(values, list):
        merged[name] = [item for item in old if item not in values]


def _apply_list_directives(old: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """(what remains of the old list, what is still to merge)."""
    plain, replace = [], False
    for item in patch:
        match item.get(_DIRECTIVE):
            case None:
                plain.append(item)
            case "delete":
                doomed = _key(item, merge_key)
                old = [other for other in old if _key(other, merge_key) != doomed]
            case "replace":
                replace = True
            case "merge":
                raise Unclassified("merging lists cannot yet be specified in the patch")
            case other:
                raise _unknown(other, item)
    return (plain, []) if replace else (old, plain)


def _key(item: Any, merge_key: str) -> Any:
    if not isinstance(item, dict):
        raise Unclassified(f"expected a map[string]interface {{}}, but received a {_go_type(item)}")
    if merge_key not in item:
        raise Unclassified(f"map: {go_value(item)} does not contain declared merge key: {merge_key}")
    value = item[merge_key]
    if isinstance(value, dict | list):
        # No key can be one; as a text it is compared by what it holds, and the object's type refuses it later.
        return orjson.dumps(value)
    return value


def _key_of(merge_key: str) -> Callable[[Any], Any]:
    """What an item is known by: its merge key, or itself where there is none."""
    return (lambda item: _key(item, merge_key)) if merge_key else (lambda item: item)


def _holds_objects(*lists: list[Any]) -> bool:
    kinds = dict.fromkeys(type(item) for one in lists for item in one)
    if next(iter(kinds)) is list:
        raise PatchFailed("lists of lists are not supported")
    if len(kinds) > 1:
        raise Unclassified(f"list element types are not identical: {go_value(list(lists))}")
    return dict in kinds


def _interleave(merged: list[Any], order: list[Any], server_order: list[Any], key: Callable[[Any], Any]) -> list[Any]:
    """Items that the patch names in its order; the server's others keep their places relative to known ones."""
    wanted = {key(item): place for place, item in reversed(list(enumerate(order)))}
    places = {key(item): place for place, item in reversed(list(enumerate(server_order)))}
    named = sorted((item for item in merged if key(item) in wanted), key=lambda item: wanted[key(item)])
    others = sorted((item for item in merged if key(item) not in wanted), key=lambda item: places.get(key(item), -1))
    result, rest = [], iter(others)
    other = next(rest, None)
    for item in named:
        here = places.get(key(item))
        while other is not None and here is not None and places.get(key(other), here + 1) <= here:
            result.append(other)
            other = next(rest, None)
        result.append(item)
    if other is not None:
        result += [other, *rest]
    return result


def _check_order(patch: list[Any], order: list[Any], merge_key: str) -> None:
    """What the patch adds or changes must appear in the given order."""
    if not order or not patch:
        return
    key = _key_of(merge_key)
    rest = iter(key(item) for item in order)
    for item in patch:
        if isinstance(item, dict) and _DIRECTIVE in item:
            continue
        wanted = key(item)
        if all(found != wanted for found in rest):
            lists = f"{go_value(patch)}\n doesn't match $setElementOrder list:\n{go_value(order)}\n"
            raise Unclassified(f"The order in patch list:\n{lists}")


def _plain(value: Any) -> Any:
    """A value that meets no counterpart: nulls and directives in it mean nothing and go."""
    if isinstance(value, dict):
        members = {key: member for key, member in value.items() if member is not None}
        return {key: _plain(member) for key, member in members.items() if not _is_directive(member)}
    if isinstance(value, list):
        return [_plain(member) for member in value if not _is_directive(member)]
    return value


def _is_directive(value: Any) -> bool:
    return isinstance(value, dict) and _DIRECTIVE in value


def go_value(value: Any) -> str:
    """Go's %v of decoded JSON."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_value(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_value, value)) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _go_type(value: Any) -> str:
    match value:
        case None:
            return "%!s(<nil>)"
        case bool():
            return "bool"
        case str():
            return "string"
        case int():
            return "int64"
        case list():
            return "[]interface {}"
        case _:
            return "float64"
