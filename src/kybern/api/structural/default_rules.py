"""Defaults must be what they would put into objects: pruned, and valid by their own schema.

Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/validation.go.
"""

from collections.abc import Callable, Iterator
from typing import Any

from kybern.api.resource import FieldError
from kybern.api.structural import embedded, form, values
from kybern.api.structural import schema as read
from kybern.api.structural.correlation import is_same
from kybern.api.structural.embedded import Malformed
from kybern.api.structural.rule_values import Rules
from kybern.api.structural.schema import META_FIELDS, Schema
from kybern.api.validation.field import aggregate, invalid

Surround = Callable[[Any], Any]
"""Puts a default where it would stand in a resource."""
_TYPE = {"apiVersion": "validation/v1", "kind": "Validation"}


def validate_defaults(schema: Schema, path: str, *, pruned: bool = True) -> Iterator[FieldError]:
    """`pruned`: unknown fields in defaults are faults (they are tolerated where an older definition had some)."""
    root = {**schema, "x-kubernetes-embedded-resource": True}
    yield from _walk(root, path, root, lambda value: value, inside_meta=False, pruned=pruned)


def _walk(
    schema: Schema, path: str, root: Schema, surround: Surround, *, inside_meta: bool, pruned: bool
) -> Iterator[FieldError]:
    if read.is_embedded(schema):
        inside_meta, root, surround = False, schema, lambda value: value
    value = schema.get("default")
    if value is not None:
        if inside_meta:
            yield from _in_metadata(value, schema, f"{path}.default", root, surround)
        else:
            yield from _plain(value, schema, f"{path}.default", pruned=pruned)
    inner = read.items(schema)
    if inner is not None:
        around = surround
        yield from _walk(
            inner, f"{path}.items", root, lambda value: around([value]), inside_meta=inside_meta, pruned=pruned
        )
    for key, each in read.properties(schema).items():
        meta = inside_meta or (read.is_embedded(schema) and key in META_FIELDS)
        yield from _walk(
            each, f"{path}.properties[{key}]", root, _under(key, surround), inside_meta=meta, pruned=pruned
        )


def _under(key: str, surround: Surround) -> Surround:
    return lambda value: surround({key: value})


def _in_metadata(value: Any, schema: Schema, path: str, root: Schema, surround: Surround) -> Iterator[FieldError]:
    resource = {**_TYPE, **surround(form.copy(value))}
    try:
        embedded.coerce(resource, root, "", [])
    except Malformed as malformed:
        error = malformed.error
        yield invalid(path, value, f"must result in valid metadata: {error.path}: {error.message}")
        return
    faults = list(embedded.validate(resource, root))
    if faults:
        yield invalid(path, value, f"must result in valid metadata: {aggregate(faults)}")
    else:
        yield from values.validate(value, schema, path)


def _plain(value: Any, schema: Schema, path: str, *, pruned: bool) -> Iterator[FieldError]:
    shaped = form.copy(value)
    if pruned and shaped.__class__ in (dict, list):
        holder = {"type": "object", "properties": {"value": schema}}
        form.prune({"value": shaped}, holder)
        if not is_same(shaped, value):
            yield invalid(path, value, "must not have unknown fields")
    try:
        embedded.coerce(form.copy(value), schema, path, [])
    except Malformed as malformed:
        yield malformed.error
        return
    faults = list(embedded.validate(value, schema, path)) or values.validate(value, schema, path)
    faults = faults or list(Rules(schema, is_root=False).validate(value, value, None, path))
    yield from faults or Rules(schema, is_root=False).validate(value, None, None, path)
