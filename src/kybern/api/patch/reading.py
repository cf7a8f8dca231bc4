"""A patch's bytes become a function on objects, and what strictness finds in it: unknown and duplicate members.

Source: k8s.io/apiserver pkg/endpoints/handlers/patch.go.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from kybern.api.patch.go_text import go_value
from kybern.api.patch.rfc6902 import mistyped, patched_document
from kybern.api.patch.rfc7386 import BAD_MERGE_PATCH, merge_patch
from kybern.api.patch.strategic import spent, strategic_merge
from kybern.api.resource import Object
from kybern.api.schema import duplicates, syntax
from kybern.api.schema.inspection import go_value as go_kind
from kybern.base.errors import BadRequest

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_OPERATION = frozenset(("op", "path", "from", "value"))
_TYPE_META = ("kind", "apiVersion")
_OBJECT = "map[string]interface {}"


class Patch(NamedTuple):
    """What a client wants changed."""

    apply: Callable[[Object], Any]
    """What the object becomes, which may be no object. Raises BadRequest, PatchFailed (422), RequestEntityTooLarge,
    InternalError."""
    findings: list[str]
    """What Strict refuses and Warn tells: `duplicate field "spec"`, `json patch unknown field "[0].foo"`."""
    shown: Callable[[Any, Object], str]
    """(the patched object, the one that it was made of) -> what a message about it shows."""
    definition: str = ""
    """Of a strategic merge, which upstream puts into its type without a detour through JSON."""


def read(media: str, body: bytes, definition: str, *, strict: bool) -> Patch:
    """`definition` names the kind's, for strategic merges; `strict` looks for findings. Raises BadRequest."""
    prefix = "" if media == STRATEGIC_PATCH else "error decoding patch: "
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if media == MERGE_PATCH and not strict:
            raise BadRequest(BAD_MERGE_PATCH) from None
        raise BadRequest((prefix if strict else "") + (syntax.fault(body) or str(error))) from None
    if media == JSON_PATCH:
        findings = _operations_findings(content, body) if strict else []
        return Patch(lambda obj: patched_document(obj, content), findings, _document)
    if content is not None and not isinstance(content, dict) and (strict or media == STRATEGIC_PATCH):
        raise BadRequest(f"{prefix}json: cannot unmarshal {go_kind(content)} into Go value of type {_OBJECT}")
    findings = _repeated(content, body) if strict else []
    if media == MERGE_PATCH:
        return Patch(lambda obj: merge_patch(obj, content), findings, _document)
    merged = content or {}

    def strategic(obj: Object) -> Object:
        """What is patched stays of its kind, whatever the patch says."""
        return strategic_merge(obj, merged, definition) | {key: obj[key] for key in _TYPE_META if key in obj}

    return Patch(strategic, findings, lambda _, old: go_value(spent(["@", definition], old, merged)), definition)


def _document(patched: Any, _: Object) -> str:
    """As Go writes maps."""
    text = orjson.dumps(patched, option=orjson.OPT_SORT_KEYS).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _repeated(content: Any, body: bytes) -> list[str]:
    try:
        written = orjson.dumps(content)
    except orjson.JSONEncodeError:
        raise BadRequest("error decoding patch: exceeded max depth") from None
    return [f'duplicate field "{path}"' for path in duplicates.paths(body, written)]


def _operations_findings(content: Any, body: bytes) -> list[str]:
    """Raises BadRequest for what upstream cannot decode."""
    fault = mistyped(content, "[]handlers.jsonPatchOp", "handlers.jsonPatchOp")
    if fault:
        raise BadRequest(f"error decoding patch: {fault}")
    operations = [each or {} for each in content or ()]
    for operation in operations:
        for key in ("op", "path", "from"):
            value = operation.get(key)
            if value is not None and not isinstance(value, str):
                raise BadRequest(
                    f"error decoding patch: json: cannot unmarshal {go_kind(value)} into Go struct field "
                    f"jsonPatchOp.{key} of type string"
                )
    unknown = [
        f'json patch unknown field "[{index}].{key}"'
        for index, operation in enumerate(operations)
        for key in operation
        if key not in _OPERATION
    ]
    return unknown + [f"json patch {each}" for each in _repeated(content, body)]
