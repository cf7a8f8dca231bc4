"""Strategic merge patch: lists merge by the key that the structure names, and directives say what a merge cannot.

Source: sig-api-machinery's strategic-merge-patch.md; apimachinery util/strategicpatch, util/mergepatch.
"""

from functools import partial
from typing import Any

from kybern.api.patch.go_text import go_type, unknown_directive
from kybern.api.patch.lists import DIRECTIVE, check_order, hold_objects, in_order, key_of, merged_list, without
from kybern.api.patch.structure import Field, field, list_field
from kybern.api.resource import Object
from kybern.api.schema.structure import Type
from kybern.base.errors import BadRequest, Unclassified

_RETAIN_KEYS = "$retainKeys"
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList"
_ORDER = "$setElementOrder"
_ABSENT = object()


def strategic_merge(obj: Object, patch: Any, definition: str) -> Object:
    """The patched object; `definition` as the definitions call its type (`io.k8s.api.core.v1.Pod`).

    Raises BadRequest, PatchFailed (422), Unclassified for what upstream answers with 500.
    """
    if not isinstance(patch, dict):
        raise BadRequest("invalid JSON document")
    return _merged(["@", definition], obj, patch)


def _merged(kind: Type, original: Object, patch: Object) -> Object:
    """One object merged into another; neither is changed."""
    if DIRECTIVE in patch:
        return _directed(patch)
    merged = _retained(original, patch)
    changes = {key: value for key, value in patch.items() if key != _RETAIN_KEYS}
    for key in [key for key in changes if key.startswith(_ORDER)]:
        _merge_ordered(kind, merged, changes, key)
    for key, value in changes.items():
        if key.startswith(_DELETE_PRIMITIVES):
            name = _named(key, _DELETE_PRIMITIVES, "primitive list")
            _merge_member(kind, merged, name, value, deletes=True)
        else:
            _merge_member(kind, merged, key, value, deletes=False)
    return merged


def _merge_member(kind: Type, merged: Object, name: str, value: Any, *, deletes: bool) -> None:
    """Put one member in; null takes it away. With `deletes` the value is what goes from a list."""
    if value is None:
        merged.pop(name, None)
        return
    old = merged.get(name, _ABSENT)
    if isinstance(value, dict) and old is _ABSENT and _is_held(kind, name):
        old = {}
    if isinstance(old, dict) and isinstance(value, dict):
        its = field(kind, name)
        merged[name] = value if its.strategy == "replace" else _merged(its.type, old, value)
    elif isinstance(old, list) and isinstance(value, list):
        its = list_field(kind, name)
        merge = without if deletes else _list
        merged[name] = merge(old, value, its, partial(_merged, its.type))
    elif deletes and type(old) is not type(value):
        return
    elif _is_directive(value):
        merged.pop(name, None)
    else:
        merged[name] = _plain(value)


def _is_held(kind: Type, name: str) -> bool:
    try:
        return field(kind, name).is_held
    except Unclassified:
        return False  # What the type does not have is said later, of the whole object.


def _list(old: list[Any], patch: list[Any], its: Field, merge: Any) -> list[Any]:
    return merged_list(old, patch, its, merge)[0] if its.strategy == "merge" else patch


def _merge_ordered(kind: Type, merged: Object, changes: Object, directive: str) -> None:
    """`$setElementOrder/list`: merges the list, takes it from the changes, and puts it into the given order."""
    order = _list_of(changes.pop(directive))
    name = _named(directive, _ORDER, "setElementOrder list")
    old, patch = merged.get(name), changes.get(name)
    if name in merged:
        _list_of(old)
    if name in changes:
        _list_of(patch)
    its = list_field(kind, name)
    check_order(patch or [], order, its.merge_key)
    if old is None and patch is None:
        return
    server_order = old or []
    if old is None:
        result = _without_directives(patch)
    elif patch is None:
        result = old
    elif its.strategy == "merge":
        result, server_order = merged_list(old, patch, its, partial(_merged, its.type))
    else:
        result = patch
    hold_objects(old or [], patch or [])
    merged[name] = in_order(result, order, server_order, its.merge_key)
    changes.pop(name, None)


def spent(kind: Type, original: Object, patch: Object) -> Object:
    """What upstream's merge, which works in the patch itself, leaves of it: messages show that."""
    if DIRECTIVE in patch:
        return _directed(patch) if patch[DIRECTIVE] == "replace" else patch
    left = {key: value for key, value in patch.items() if key != _RETAIN_KEYS and not key.startswith(_ORDER)}
    for directive in patch:
        if directive.startswith(_ORDER):
            left.pop(_named(directive, _ORDER, "setElementOrder list"), None)
    retained = _retained(original, patch)
    for key, value in left.items():
        if not key.startswith(_DELETE_PRIMITIVES):
            left[key] = _spent_member(kind, key, retained.get(key), value)
    return left


def _spent_member(kind: Type, name: str, old: Any, value: Any) -> Any:
    if isinstance(old, dict) and isinstance(value, dict):
        its = field(kind, name)
        return value if its.strategy == "replace" else spent(its.type, old, value)
    if isinstance(old, list) and isinstance(value, list):
        its = list_field(kind, name)
        if its.strategy != "merge" or not its.merge_key:
            return value
        known = {key_of(item, its.merge_key): item for item in reversed(old)}
        matches = [None if _is_directive(item) else known.get(key_of(item, its.merge_key)) for item in value]
        pairs = zip(value, matches, strict=True)
        return [item if match is None else spent(its.type, match, item) for item, match in pairs]
    if isinstance(value, list):
        return [_spent_value(item) for item in value]
    return _spent_value(value)


def _spent_value(value: Any) -> Any:
    return _without_nulls(value) if _is_directive(value) else _plain(value)


def _list_of(value: Any) -> list[Any]:
    """Raises Unclassified for what is no list."""
    if not isinstance(value, list):
        raise Unclassified(f"expected a {go_type([])}, but received a {go_type(value)}")
    return value


def _named(directive: str, prefix: str, what: str) -> str:
    """The list that a directive is about. Raises BadRequest."""
    start, slash, name = directive.partition("/")
    if start != prefix or not slash:
        raise BadRequest(f"invalid patch format of {what}")
    return name


def _directed(patch: Object) -> Object:
    directive = patch[DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if directive == "delete":
        return {}
    raise unknown_directive(directive, patch)


def _retained(original: Object, patch: Object) -> Object:
    """A copy of the original, without the keys that `$retainKeys` does not name. Raises BadRequest."""
    if _RETAIN_KEYS not in patch:
        return dict(original)
    retained = patch[_RETAIN_KEYS]
    changed = [
        key
        for key, value in patch.items()
        if value is not None and key != _RETAIN_KEYS and not key.startswith((_DELETE_PRIMITIVES, _ORDER))
    ]
    if not isinstance(retained, list) or any(key not in retained for key in changed):
        raise BadRequest("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in retained}


def _plain(value: Any) -> Any:
    """A value that meets no counterpart: nulls and directives in it mean nothing and go."""
    return _without_directives(_without_nulls(value))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    return [_without_nulls(member) for member in value] if isinstance(value, list) else value


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_directives(member) for key, member in value.items() if not _is_directive(member)}
    if isinstance(value, list):
        return [_without_directives(member) for member in value if not _is_directive(member)]
    return value


def _is_directive(value: Any) -> bool:
    return isinstance(value, dict) and DIRECTIVE in value
