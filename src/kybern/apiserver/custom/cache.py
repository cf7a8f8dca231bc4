"""The cache of one custom resource: its objects in the form of the version in which they are stored now.

What is read from the store was written when the definition may have been another: it is converted to the storage version
and brought into form (pruned, defaulted) once, when it comes in. A definition that changes brings all objects into its
new form at once. Objects that only a webhook could convert stay as they are; `api_version_of` tells in which version.
"""

from collections.abc import Callable

import orjson

from kybern.api.resource import Object, Resource
from kybern.apiserver.cache.resource_cache import ResourceCache
from kybern.apiserver.cache.version import NO_LABELS, Version, encode, fields_of, head, splice

Shape = Callable[[Object], Object]


class CustomCache(ResourceCache):
    """Keyed and read as any ResourceCache."""

    def __init__(self, resource: Resource, prefix: str, shape: Shape, *, converts: bool) -> None:
        super().__init__(resource, prefix)
        self._shape = shape
        self._converts = converts
        """Whether changing apiVersion is all that conversion means."""
        self._loaded = 0
        self._elsewhere: dict[tuple[str, int], str] = {}
        """(key, revision) -> apiVersion of objects that are not in the storage version."""
        self._outdated: set[str] = set()
        """Keys of objects that the store has in another version than that in which they would be written."""

    def api_version_of(self, version: Version) -> str:
        return self._elsewhere.get((version.key, version.revision), self.resource.api_version)

    def load(self, values: object, revision: int) -> None:
        """As ResourceCache.load; what the feed tells of earlier revisions is ignored from then on."""
        super().load(values, revision)  # type: ignore[arg-type]
        self._loaded = revision

    def apply(self, key: str, value: bytes | None, revision: int, *, more: bool = False) -> None:
        """As ResourceCache.apply."""
        if revision <= self._loaded:
            return
        old = self.objects.get(key)
        super().apply(key, value, revision, more=more)
        if old is not None:
            self._elsewhere.pop((key, old.revision), None)

    def is_outdated(self, key: str) -> bool:
        """Whether a write without any change is worth its while: that is how objects migrate."""
        return key in self._outdated

    def adopt(self, resource: Resource, shape: Shape, *, converts: bool, alike: bool) -> None:
        """The definition has changed: bring all objects into their new form, and let watchers begin anew.

        `alike`: the form is the same as before.
        """
        moved = resource.api_version != self.resource.api_version
        reforms = moved or not alike or converts != self._converts
        self._shape, self._converts = shape, converts
        old_head, self.resource = self.head, resource
        self.head = head(resource.api_version, resource.kind)
        if moved:
            self._outdated.update(self.objects)
        for key, version in self.objects.items() if reforms else ():
            api_version = self._elsewhere.get((key, version.revision))
            begin = old_head if api_version is None else head(api_version, resource.kind)
            self.objects[key] = self._formed(key, version.parse(begin), version.revision)
        for watcher in self.fanout:
            watcher.end()

    def end_watches(self) -> None:
        """The resource is no more."""
        for watcher in self.fanout:
            watcher.end()

    def _version(self, key: str, value: bytes, revision: int) -> Version:
        foreseen = self._foreseen.pop(key, None)
        if foreseen is not None and foreseen[0] == value and value.startswith(self.head):
            labels, fields = foreseen[1], foreseen[2]
            self._outdated.discard(key)
            return Version(key, revision, splice(value, len(self.head), revision), labels, fields)
        obj = orjson.loads(value)
        if obj["apiVersion"] == self.resource.api_version:
            self._outdated.discard(key)
        else:
            self._outdated.add(key)
        return self._formed(key, obj, revision)

    def _formed(self, key: str, obj: Object, revision: int) -> Version:
        api_version = self.resource.api_version
        if obj["apiVersion"] != api_version and not self._converts:
            api_version = obj["apiVersion"]
            self._elsewhere[key, revision] = api_version
        else:
            self._elsewhere.pop((key, revision), None)
            obj["apiVersion"] = api_version
            obj = self._shape(obj)
        obj["kind"] = self.resource.kind
        labels = obj["metadata"].get("labels") or NO_LABELS
        length = len(head(api_version, self.resource.kind))
        tail = splice(encode(obj), length, revision)
        return Version(key, revision, tail, labels, fields_of(self.resource, obj))
