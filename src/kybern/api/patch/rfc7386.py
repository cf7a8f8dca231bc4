"""JSON merge patch, RFC 7386: null removes, objects merge, all else replaces.

As in upstream's library nulls are taken out of objects within lists too, but where a list replaces an object.
"""

from typing import Any

from kybern.api.resource import Object
from kybern.base.errors import BadRequest

BAD_MERGE_PATCH = "Invalid JSON Patch"


def merge_patch(obj: Object, patch: Any) -> Any:
    """The patched object; a list replaces it. Raises BadRequest for a patch that is neither."""
    if isinstance(patch, list):
        return [item for item in patch if item is not None]
    if not isinstance(patch, dict):
        raise BadRequest(BAD_MERGE_PATCH)
    return _merge(obj, patch)


def _merge(target: Object, patch: Object) -> Object:
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            old = merged.get(key)
            merged[key] = _merge(old if isinstance(old, dict) else {}, value)
        elif isinstance(value, list) and not isinstance(merged.get(key), dict):
            merged[key] = [_without_nulls(each) for each in value]
        else:
            merged[key] = value
    return merged


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return _merge({}, value)
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
