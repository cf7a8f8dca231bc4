"""Decodes custom resources: parsed, pruned, defaulted, their metadata brought into Go's form.

Offers what `api.schema.Codec` offers for built-in kinds. The way of a body: the compiled form puts defaults in and
takes nulls out where nothing is unknown; else the exact walks find what is, in upstream's words.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import orjson

from kybern.api.resource import Object
from kybern.api.schema import syntax
from kybern.api.schema.codec import IGNORE, CannotHandle, Codec
from kybern.api.schema.values import Unfit
from kybern.api.structural import embedded, form
from kybern.api.structural import schema as read
from kybern.api.structural.compiler import Check, Form, compile_schema
from kybern.api.structural.embedded import Malformed
from kybern.api.structural.schema import Schema
from kybern.base.errors import BadRequest


class CustomCodec(Codec):
    """One version of one custom resource. Methods that take an object consume it."""

    keeps_empty_lists = False

    def __init__(self, api_version: str, kind: str, schema: Schema) -> None:
        super().__init__(api_version, kind, "")
        self.schema = schema

    @cached_property
    def _compiled(self) -> tuple[Form, Check]:
        return compile_schema(self.schema)

    @cached_property
    def _is_open(self) -> bool:
        """Whether objects can be deeper than their schema, and too deep to be written."""
        return any(read.preserves(each) for each in read.walk(self.schema))

    @property
    def check(self) -> Callable[[Object], bool]:
        """Whether an object is surely valid; False where that has to be looked at closely."""
        return self._compiled[1]

    def admit(self, body: bytes, field_validation: str) -> tuple[Object, list[str]]:
        """Parse, check, prune and default; the list holds upstream's warnings. Raises BadRequest."""
        obj = self._parse(body)
        self._check_type(obj, body)
        repeated = [] if field_validation == IGNORE else self._duplicates(body, obj)
        obj, unknown = self._formed(obj)
        return obj, self._judge(repeated + unknown, field_validation)

    def decode(self, body: bytes, field_validation: str) -> tuple[Object, list[str]]:
        """As `admit`: nobody reads a custom resource without its defaults."""
        return self.admit(body, field_validation)

    def convert(self, obj: Object, field_validation: str) -> tuple[Object, list[str]]:
        """`admit` for what is parsed already (from YAML, after a patch). Raises BadRequest."""
        self._check_type(obj, b"")
        obj, unknown = self._formed(obj)
        return obj, self._judge(unknown, field_validation)

    def complete(self, obj: Object, field_validation: str) -> tuple[Object, list[str]]:
        """As `convert`, which puts the defaults in."""
        return self.convert(obj, field_validation)

    def complete_applied(self, obj: Object) -> Object:
        """Nulls that no default replaces stay: upstream takes them out of bodies and patches only."""
        self._check_type(obj, b"")
        return self._formed(obj, keeps_nulls=form.has_nulls(obj))[0]

    def default(self, obj: Object) -> Object:
        """Fill in, in place, what the schema has defaults for."""
        form.default(obj, self.schema)
        return obj

    def shape(self, obj: Object) -> Object:
        """A stored or converted object as this version shows it: pruned, defaulted, in place."""
        try:
            self._compiled[0](obj)
        except Unfit:
            self._shape_exactly(obj)
        return obj

    def _formed(self, obj: Object, *, keeps_nulls: bool = False) -> tuple[Object, list[str]]:
        """The object in its form, and messages about what was unknown, which stays in what was given. Raises BadRequest."""
        try:
            metadata, unknown = embedded.coerce_metadata(obj["metadata"]) if "metadata" in obj else ({}, [])
        except Malformed as malformed:
            raise self._cannot(malformed.detail) from None
        obj["metadata"] = metadata
        try:
            if self._is_open:
                orjson.dumps(obj)
            try:
                if keeps_nulls:
                    raise Unfit
                self._compiled[0](obj)
            except Unfit:
                obj = form.copy(obj)
                unknown += self._shape_exactly(obj, keeps_nulls=keeps_nulls)
        except (orjson.JSONEncodeError, RecursionError):
            raise self._cannot("exceeded max depth") from None
        return obj, [f'unknown field "{path}"' for path in unknown]

    def _shape_exactly(self, obj: Object, *, keeps_nulls: bool = False) -> list[str]:
        form.whole_numbers(obj)
        unknown = form.prune(obj, self.schema)
        if not keeps_nulls:
            form.drop_nulls(obj, self.schema)
        within: list[str] = []
        try:
            embedded.coerce(obj, self.schema, "", within)
        except Malformed as malformed:
            error = malformed.error
            raise self._cannot(f"{error.path}: {error.message}") from None
        form.default(obj, self.schema)
        return unknown + sorted(within)

    def _check_type(self, obj: Object, body: bytes) -> None:
        """The body names its kind; another version than the path's is refused, another kind is for validation."""
        kind, api_version = obj.get("kind"), obj.get("apiVersion")
        for key, value in (("kind", kind), ("apiVersion", api_version)):
            if value is not None and not isinstance(value, str):
                raise BadRequest(f"couldn't get version/kind; json parse error: {key} is no string")
        if not kind:
            text = body or orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)
            fault = f"Object 'Kind' is missing in '{text.decode(errors='replace')}'"
            raise CannotHandle(
                f"the object provided is unrecognized (must be of type {self.kind}): {fault} ({syntax.summary(text)})",
                fault,
            )
        if api_version != self.api_version:
            raise BadRequest(
                f"the API version in the data ({api_version or ''}) does not match the expected API version "
                f"({self.api_version})"
            )


def same_form(one: Schema, other: Schema) -> bool:
    """Whether two schemas bring every object into the same form: then one's objects are the other's as they are."""
    return bool(_form_of(one) == _form_of(other))


_FORMING = (
    "type", "nullable", "default", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
)  # fmt: skip


def _form_of(schema: Schema) -> Any:
    """What of a schema matters for the form of objects."""
    more = schema.get("additionalProperties")
    return (
        [schema.get(key) for key in _FORMING],
        {key: _form_of(each) for key, each in (schema.get("properties") or {}).items()},
        _form_of(more) if isinstance(more, dict) else more,
        _form_of(schema["items"]) if isinstance(schema.get("items"), dict) else None,
    )
