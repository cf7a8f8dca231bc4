"""Metadata inside objects: of the object itself, and of resources embedded in it.

Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from kybern.api.resource import FieldError, Object
from kybern.api.schema import compiler, inspection
from kybern.api.schema.inspection import Mismatch
from kybern.api.schema.values import Unfit
from kybern.api.structural import schema as read
from kybern.api.structural.schema import Schema
from kybern.api.validation import names
from kybern.api.validation.field import invalid, required
from kybern.api.validation.metadata import validate_metadata

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_UNKNOWN = 'unknown field "'
_BLANK_NAME = "fakename"
"""Stands for the name of embedded metadata that has none: it need not."""


class Malformed(Exception):
    """Metadata that Go could not decode."""

    def __init__(self, path: str, value: Any, detail: str) -> None:
        super().__init__(detail)
        self.path, self.value, self.detail = path, value, detail

    @property
    def error(self) -> FieldError:
        # Go's maps are written with their keys in order.
        return invalid(self.path, orjson.loads(orjson.dumps(self.value, option=orjson.OPT_SORT_KEYS)), self.detail)


def coerce_metadata(metadata: Any, path: str = "metadata") -> tuple[Object, list[str]]:
    """Metadata in Go's form, and the paths of unknown fields. Raises Malformed."""
    if metadata is None:
        return {}, []
    try:
        return compiler.function(compiler.ADMIT, OBJECT_META)(metadata), []
    except Unfit:
        pass
    if metadata.__class__ is not dict:
        detail = f"json: cannot unmarshal {inspection.go_value(metadata)} into Go value of type v1.ObjectMeta"
        raise Malformed(path, metadata, detail)
    try:
        clean, messages = inspection.inspect(OBJECT_META, dict(sorted(metadata.items())))  # Go wrote them so.
    except Mismatch as mismatch:
        raise Malformed(path, metadata, str(mismatch)) from None
    unknown = [f"{path}.{message.removeprefix(_UNKNOWN)[:-1]}" for message in messages]
    return compiler.function(compiler.ADMIT, OBJECT_META)(clean), unknown


def coerce(value: Any, schema: Schema | None, path: str, unknown: list[str], *, is_root: bool = False) -> None:
    """Bring the metadata of embedded resources into form, in place; unknown fields go. Raises Malformed.

    `is_root`: the value is a resource itself, which its schema need not say.
    """
    if schema is None:
        return
    if value.__class__ is dict:
        if is_root or read.is_embedded(schema):
            _coerce_resource(value, path, unknown)
        known, more = read.properties(schema), read.additional(schema)
        for key, each in value.items():
            if key in known:
                coerce(each, known[key], f"{path}.{key}" if path else key, unknown)
            elif more is not None:
                coerce(each, more, f"{path}[{key}]", unknown)
    elif value.__class__ is list:
        for index, each in enumerate(value):
            coerce(each, read.items(schema), f"{path}[{index}]", unknown)


def _coerce_resource(value: Object, path: str, unknown: list[str]) -> None:
    prefix = f"{path}." if path else ""
    for key in ("apiVersion", "kind"):
        if key in value and value[key].__class__ is not str:
            raise Malformed(f"{prefix}{key}", value[key], "must be a string")
    if "metadata" in value:
        metadata, found = coerce_metadata(value["metadata"], f"{prefix}metadata")
        if metadata.get("creationTimestamp") is None:
            metadata.pop("creationTimestamp", None)
        value["metadata"] = metadata
        unknown.extend(found)


def validate(value: Any, schema: Schema | None, path: str = "", *, is_root: bool = False) -> Iterator[FieldError]:
    """The faults of embedded resources' types and metadata."""
    if schema is None:
        return
    if value.__class__ is dict:
        if is_root or read.is_embedded(schema):
            yield from _validate_resource(value, f"{path}." if path else "")
        known, more = read.properties(schema), read.additional(schema)
        for key, each in value.items():
            if key in known:
                yield from validate(each, known[key], f"{path}.{key}" if path else key)
            elif more is not None:
                yield from validate(each, more, f"{path}[{key}]")
    elif value.__class__ is list:
        for index, each in enumerate(value):
            yield from validate(each, read.items(schema), f"{path}[{index}]")


def _validate_resource(value: Object, prefix: str) -> Iterator[FieldError]:
    for key in ("apiVersion", "kind"):
        if key not in value:
            yield required(f"{prefix}{key}")
        elif value[key].__class__ is not str:
            yield invalid(f"{prefix}{key}", value[key], "must be a string")
        elif not value[key]:
            yield invalid(f"{prefix}{key}", "", "must not be empty")
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if isinstance(api_version, str) and api_version.count("/") > 1:
        yield invalid(f"{prefix}apiVersion", api_version, f"unexpected GroupVersion string: {api_version}")
    if isinstance(kind, str) and kind and (messages := names.dns_1035_label(kind.lower())):
        detail = "may have mixed case, but should otherwise match: " + ",".join(messages)
        yield invalid(f"{prefix}kind", kind, detail)
    if "metadata" in value:
        try:
            metadata, _ = coerce_metadata(value["metadata"], f"{prefix}metadata")
        except Malformed as malformed:
            yield malformed.error
            return
        named = {**metadata, "name": metadata.get("name") or _BLANK_NAME}
        yield from validate_metadata(
            named, bool(metadata.get("namespace")), names.path_segment_name, f"{prefix}metadata"
        )
