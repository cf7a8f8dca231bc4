"""Patches on JSON objects. What does not change is shared with the original, which is never touched.

All raise kybern.base.errors: BadRequest for a patch that is none, Invalid (upstream's generic 422) for one that cannot
be applied, RequestEntityTooLarge for too many operations."""

from kybern.api.patch.rfc6902 import json_patch
from kybern.api.patch.rfc7386 import merge_patch
from kybern.api.patch.strategic import strategic_merge

__all__ = ["json_patch", "merge_patch", "strategic_merge"]
