"""JSON merge patch, RFC 7386: null removes, objects merge, all else replaces."""

from typing import Any

from kybern.api.resource import Object
from kybern.base.errors import BadRequest


def merge_patch(obj: Object, patch: Any) -> Object:
    """The patched object. Raises BadRequest when the patch is no object."""
    if not isinstance(patch, dict):
        raise BadRequest("Invalid JSON Patch")
    return _merge(obj, patch)


def _merge(target: Object, patch: Object) -> Object:
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            old = merged.get(key)
            merged[key] = _merge(old if isinstance(old, dict) else {}, value)
        else:
            merged[key] = value
    return merged
