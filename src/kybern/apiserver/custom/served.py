"""One version of one custom resource as it is served: its codec, its rules, and the forms of its stored objects."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

import orjson

from kybern.api.fields import atom as shapes
from kybern.api.fields import open_api, sets
from kybern.api.fields.sets import Fields
from kybern.api.fields.versions import Version as FieldsVersion
from kybern.api.resource import Object, Resource
from kybern.api.schema.codec import CannotHandle
from kybern.api.structural.codec import CustomCodec, same_form
from kybern.api.structural.judge import Judge, schema_or_any
from kybern.api.structural.schema import Schema
from kybern.apiserver.cache.version import Version, encode, fields_of
from kybern.apiserver.custom.cache import CustomCache
from kybern.apiserver.custom.conversion import Converter
from kybern.apiserver.custom.definition import DefinedVersion, Definition
from kybern.apiserver.served import Served
from kybern.base.errors import Unclassified

Schemas = Callable[[], Mapping[str, Schema | None]]
"""Parses the definition: the schemas of its versions."""
STATUS_RESET: Fields = {"f:metadata": sets.LEAF, "f:spec": sets.LEAF}


class CustomServed(Served):
    """Reads go straight to the cache's bytes wherever this version shows them as they are stored."""

    def __init__(
        self,
        resource: Resource,
        definition: Definition,
        version: DefinedVersion,
        schemas: Schemas,
        converter: Converter | None,
    ) -> None:
        super().__init__(resource, None)
        self.definition = definition
        self.version = version
        self.list_kind = definition.names["listKind"]
        self.items_have_kind = True
        self.converter = converter
        self._schemas = schemas
        self._custom_cache: CustomCache | None = None
        self.is_stored = version.is_stored
        if converter is not None:
            self.prepare_store = self._convert_ahead

    def attach(self, cache: CustomCache) -> None:
        """All versions share the resource's cache, which is made with the help of one of them."""
        self._custom_cache = cache

    @property
    def cache(self) -> CustomCache:
        """Where its objects are."""
        assert self._custom_cache is not None
        return self._custom_cache

    @cached_property
    def codec(self) -> CustomCodec:
        """Compiled at first use: of many definitions few are in use."""
        schema = schema_or_any(self._schemas()[self.version.name])
        if self.definition.preserves_unknown:
            schema = {**schema, "x-kubernetes-preserve-unknown-fields": True}
        return CustomCodec(self.resource.api_version, self.resource.kind, schema)

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.codec, self.version.scale)

    @cached_property
    def as_stored(self) -> bool:
        """Whether objects are shown as they are stored, but for their head."""
        if self.converter is not None:
            return False
        if self.is_stored:
            return True
        stored = self._schemas()[self.definition.storage_version]
        return same_form(self.codec.schema, schema_or_any(stored))

    def shape(self, obj: Object) -> Object:
        """A parsed object as this version shows it."""
        return self.codec.shape(obj)

    def parse(self, version: Version) -> Object:
        """A fresh dict in this version of the API. Raises Unconverted where a webhook has to be asked first."""
        if self.converter is not None:
            return self.converter.parse(version, self)
        obj = version.parse(self.head)
        return obj if self.as_stored else self.codec.shape(obj)

    def pieces(self, version: Version) -> tuple[bytes, bytes]:
        """The encoded object in two parts that need no copy."""
        if self.as_stored:
            return self.head, version.tail
        return self.head, encode_rest(self.parse(version), self.head)

    def plain(self, version: Version) -> bytes:
        """The object itself: the usual form."""
        if self.as_stored:
            return self.head + version.tail
        return orjson.dumps(self.parse(version))

    def stored_form(self, obj: Object) -> tuple[bytes, Mapping[str, str], Mapping[str, str]]:
        """What the store keeps, and what the cache keeps beside it: labels, selectable fields.

        The cache says in which version: a request may be under way still with what was served before the definition
        changed. A version that it does not know of is none to convert to: the cache takes in what it gets.
        """
        stored, wanted = obj, self.cache.resource.api_version
        if self.resource.api_version != wanted and wanted in self.siblings:
            stored = self.in_version(obj, wanted)
        return encode(stored), stored["metadata"].get("labels") or {}, fields_of(self.cache.resource, stored)

    def read_back(self, obj: Object) -> Object:
        """With the defaults of the version in which it would be stored, and without what that one does not know."""
        wanted = self.cache.resource.api_version
        if self.as_stored or self.converter is not None or wanted not in self.siblings:
            return obj
        return self.codec.shape({**self.in_version(obj, wanted), "apiVersion": self.resource.api_version})

    async def _convert_ahead(self, obj: Object) -> None:
        assert self.converter is not None
        await self.converter.convert([obj], self.cache.resource.api_version)

    def in_version(self, obj: Object, api_version: str) -> Object:
        """An object of this version in a sibling's.

        Raises Unconverted where a webhook has to be asked first, Unclassified for what the sibling cannot hold."""
        if self.converter is not None:
            return self.converter.converted(obj, api_version)
        copied: Object = orjson.loads(orjson.dumps({**obj, "apiVersion": api_version}))
        other = self.siblings[api_version]
        assert isinstance(other, CustomServed)
        try:
            return other.codec.shape(copied)
        except CannotHandle as error:
            raise Unclassified(error.fault) from None

    def make_fields_version(self, subresource: str) -> FieldsVersion:
        """From the schema; a schema may become another one under objects that are owned already."""
        schema = self._schemas()[self.version.name]
        atom = shapes.DEDUCED if schema is None or self.definition.preserves_unknown else open_api.atom(schema)
        reset: Fields = {}
        if self.version.has_status:
            reset = STATUS_RESET if subresource == "status" else {"f:status": sets.LEAF}

        def sibling(api_version: str) -> FieldsVersion | None:
            """But for the status upstream resets nothing in versions other than the one that is written."""
            other = self.siblings.get(api_version)
            if other is None or subresource == "status":
                return None if other is None else other.fields_version(subresource)
            return replace(other.fields_version(subresource), reset={})

        api_version = self.resource.api_version
        return FieldsVersion(api_version, atom, reset, may_change=True, find=sibling, convert=self._for_owners)

    def _for_owners(self, obj: Object, api_version: str) -> Object:
        """`in_version` without defaults: what an apply has taken away must not come back on the way."""
        return {**obj, "apiVersion": api_version} if self.converter is None else self.in_version(obj, api_version)


def encode_rest(obj: Object, head: bytes) -> bytes:
    """An object without its head, from `"metadata":` to the last brace."""
    rest = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion", "metadata")}
    return orjson.dumps({"metadata": obj["metadata"], **rest})[1:]
