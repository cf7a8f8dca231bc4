"""From client-side to server-side apply: what kubectl's annotation says was applied may be taken over by kubectl.

Source: k8s.io/apimachinery util/managedfields (lastappliedmanager.go, lastappliedupdater.go).
"""

from typing import Any

import orjson

from kybern.api.fields import sets
from kybern.api.fields.atom import Unkeyed, escaped
from kybern.api.fields.compare import compare, field_set
from kybern.api.fields.sets import Fields
from kybern.api.fields.typed import Mistyped, check
from kybern.api.fields.versions import Version

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MANAGER = "kubectl"
"""The only manager that the annotation is kept for."""
ANNOTATIONS_LIMIT = 256 * 1024
"""Bytes of all annotations together; a larger one is dropped."""

Object = dict[str, Any]


def allowed(version: Version, live: Object) -> Fields | None:
    """The fields that were applied last and have not changed since; None where the annotation tells nothing."""
    text = _annotations(live).get(ANNOTATION)
    if not text:
        return None
    try:
        last = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(last, dict) or last.get("apiVersion") != version.api_version:
        return None
    try:
        check(version.atom, last)
        fields = field_set(version.atom, last)
        changes = compare(version.atom, last, live)
    except (Mistyped, Unkeyed):
        return None
    for changed in changes:
        fields = sets.difference(fields, changed)
    return fields


def refreshed(obj: Object, config: Object) -> Object:
    """The object whose annotation, if it has one, says what was applied now."""
    annotations = _annotations(obj)
    if not annotations.get(ANNOTATION):
        return obj
    text = _configuration(config)
    new = {**annotations, ANNOTATION: text}
    if sum(len(key.encode()) + len(value.encode()) for key, value in new.items()) > ANNOTATIONS_LIMIT:
        del new[ANNOTATION]
    return obj if new == annotations else {**obj, "metadata": {**obj["metadata"], "annotations": new}}


def _configuration(config: Object) -> str:
    metadata = config.get("metadata") or {}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != ANNOTATION}
    kept = {key: value for key, value in metadata.items() if key != "annotations"}
    if annotations:
        kept["annotations"] = annotations
    return escaped(orjson.dumps({**config, "metadata": kept}, option=orjson.OPT_SORT_KEYS).decode()) + "\n"


def _annotations(obj: Object) -> dict[str, str]:
    found: dict[str, str] = (obj.get("metadata") or {}).get("annotations") or {}
    return found
