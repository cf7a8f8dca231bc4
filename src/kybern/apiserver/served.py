"""A resource as it is served: one row of the API tied to its cache, its codec and the shapes in which it is answered."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from kybern.api.fields import structure
from kybern.api.fields.reset import reset
from kybern.api.fields.versions import Version as FieldsVersion
from kybern.api.registry import find
from kybern.api.resource import Object, Resource, Subresource
from kybern.api.schema import Codec, codec
from kybern.api.table import partial_metadata
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.cache.resource_cache import ResourceCache
from kybern.apiserver.cache.version import Version, encode, fields_of, head
from kybern.apiserver.negotiate import Shape

if TYPE_CHECKING:
    from kybern.apiserver.binary import BinaryForm


class Served:
    """One resource of one version. Several may share a cache: autoscaling/v1 and v2 store the same objects."""

    def __init__(self, resource: Resource, cache: ResourceCache | None) -> None:
        self.resource = resource
        self._cache = cache
        self.head = head(resource.api_version, resource.kind)
        self.subresources: Mapping[str, Subresource] = {each.name: each for each in resource.subresources}
        self.converted = resource.storage_version is not None
        self.plain_form = self.plain
        """One bound method for all watches, so that they share encoded events."""
        self._partial_forms: dict[str, Callable[[Version], bytes]] = {}
        self.binary_forms: dict[Shape, BinaryForm] = {}
        """Of watches that take protobuf."""
        self.siblings: Mapping[str, Served] = {}
        """The other versions in which the same objects are served, by apiVersion."""
        self._fields_versions: dict[str, FieldsVersion] = {}
        self.list_kind = f"{resource.kind}List"
        self.items_have_kind = False
        """Items of a list of built-in kinds carry no kind of their own; custom resources do."""
        self.special: Mapping[str, Mapping[str, Any]] = {}
        """Subresource or "" -> verb -> endpoint, where it is another than the general one."""
        self.around: Callable[[Any], Any] | None = None
        """Wraps every endpoint."""
        self.prepare_store: Callable[[Object], Awaitable[None]] | None = None
        """What has to be waited for before `stored_form`."""

    @property
    def cache(self) -> ResourceCache:
        """Where its objects are; only stored resources have one."""
        assert self._cache is not None, f"{self.resource.group_resource} is not stored"
        return self._cache

    @property
    def as_stored(self) -> bool:
        """Whether objects are shown as they are stored, but for their head."""
        return not self.converted

    @cached_property
    def codec(self) -> Codec:
        return codec(self.resource.api_version, self.resource.kind)

    def fields_version(self, subresource: str) -> FieldsVersion:
        """The kind as ownership of fields sees it through an endpoint."""
        known = self._fields_versions.get(subresource)
        if known is None:
            known = self._fields_versions[subresource] = self.make_fields_version(subresource)
        return known

    def make_fields_version(self, subresource: str) -> FieldsVersion:
        """Custom resources make theirs from their schema (see `kybern.api.fields.atom`)."""
        row, name = self.resource, self.codec.name

        def sibling(api_version: str) -> FieldsVersion | None:
            other = self.siblings.get(api_version)
            return other.fields_version(subresource) if other is not None else None

        return FieldsVersion(
            row.api_version,
            structure.atom(name),
            reset(row.group_resource, subresource, has_status="status" in self.subresources),
            structure.zero(name),
            find=sibling,
            convert=self.in_version,
        )

    def in_version(self, obj: Object, api_version: str) -> Object:
        """An object of this version in a sibling's; unchanged parts are shared."""
        stored = self.resource.to_storage(obj) if self.converted else obj
        other = self.siblings[api_version]
        return other.resource.from_storage(stored) if other.converted else stored

    def read_back(self, obj: Object) -> Object:
        """What a dry run answers: the object as it would be read after it had been stored."""
        return obj

    def key(self, namespace: str, name: str) -> str:
        """The key in the cache."""
        return f"{namespace}/{name}" if self.resource.namespaced else name

    def find(self, namespace: str, name: str) -> Version | None:
        return self.cache.objects.get(self.key(namespace, name))

    def parse(self, version: Version) -> Object:
        """A fresh dict in this version of the API, with its resourceVersion."""
        obj = version.parse(self.cache.head)
        return self.resource.from_storage(obj) if self.converted else obj

    def pieces(self, version: Version) -> tuple[bytes, bytes]:
        """The encoded object in two parts that need no copy."""
        if self.converted:
            return self.head, orjson.dumps(self.parse(version))[1:].removeprefix(self.head[1:])
        return self.head, version.tail

    def plain(self, version: Version) -> bytes:
        """The object itself, in this version of the API: the usual form."""
        if self.converted:
            return orjson.dumps(self.parse(version))
        return self.head + version.tail

    def partial_form(self, version: str) -> Callable[[Version], bytes]:
        """Metadata only, of a version of meta.k8s.io."""
        form = self._partial_forms.get(version)
        if form is None:

            def form(each: Version) -> bytes:
                return orjson.dumps(partial_metadata(self.resource, self.parse(each), version))

            self._partial_forms[version] = form
        return form

    def stored_form(self, obj: Object) -> tuple[bytes, Mapping[str, str], Mapping[str, str]]:
        """What the store keeps, and what the cache keeps beside it: labels, selectable fields."""
        stored = self.resource.to_storage(obj) if self.converted else obj
        labels = stored["metadata"].get("labels") or {}
        return encode(stored), labels, fields_of(self.cache.resource, stored)


class ServedResources:
    """Everything that the server serves, by group, version and plural."""

    def __init__(
        self, resources: Iterable[Resource], cache: Cache, offered: Collection[Resource] | None = None
    ) -> None:
        """What is not `offered` is there for the server itself only; None: all is."""
        self._served: dict[tuple[str, str, str], Served] = {}
        self._offered: dict[tuple[str, str, str], Served] = {}
        by_kind: dict[str, dict[str, Served]] = {}
        for resource in resources:
            stored = storage_resource(resource)
            row = Served(resource, cache[stored.group_resource] if resource.stored else None)
            self._served[resource.group, resource.version, resource.plural] = row
            if offered is None or resource in offered:
                self._offered[resource.group, resource.version, resource.plural] = row
            if resource.stored:
                by_kind.setdefault(stored.group_resource, {})[resource.api_version] = row
        for rows in by_kind.values():
            for row in rows.values() if len(rows) > 1 else ():
                row.siblings = rows
        self.versions = {(group, version) for group, version, _ in self._offered}
        self.groups = {group for group, _ in self.versions}
        self._custom: dict[tuple[str, str, str], Served] = {}
        self._custom_versions: set[tuple[str, str]] = set()

    def find(self, group: str, version: str, plural: str) -> Served | None:
        key = (group, version, plural)
        return self._offered.get(key) or self._custom.get(key)

    def serves(self, group: str, version: str) -> bool:
        """Whether any resource has this group and version."""
        return (group, version) in self.versions or (group, version) in self._custom_versions

    def add_custom(self, served: Served) -> None:
        """Serve a custom resource, in place of what had its name."""
        row = served.resource
        self._custom[row.group, row.version, row.plural] = served
        self._custom_versions = {(group, version) for group, version, _ in self._custom}

    def remove_custom(self, served: Served) -> None:
        """Serve it no more."""
        row = served.resource
        self._custom.pop((row.group, row.version, row.plural), None)
        self._custom_versions = {(group, version) for group, version, _ in self._custom}

    def __getitem__(self, name: tuple[str, str, str]) -> Served:
        return self._served[name]

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    @property
    def resources(self) -> list[Resource]:
        return [served.resource for served in (*self._offered.values(), *self._custom.values())]


def storage_resource(resource: Resource) -> Resource:
    """The version in which a resource is stored."""
    if resource.storage_version is None:
        return resource
    group, version = resource.storage_version
    stored = find(group, version, resource.plural)
    assert stored is not None
    return stored
