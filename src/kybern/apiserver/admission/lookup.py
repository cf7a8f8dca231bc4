"""Reading other objects from the caches, parsed when their version changes."""

from kybern.api.resource import Object
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.cache.resource_cache import ResourceCache

PARSED_LIMIT = 2048
"""Parsed objects kept for all plugins together."""


class Lookup:
    """What plugins get is shared: they must not change it."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._parsed: dict[tuple[str, str], tuple[int, Object]] = {}

    def cache(self, group_resource: str) -> ResourceCache:
        return self._cache[group_resource]

    def get(self, group_resource: str, name: str, namespace: str = "") -> Object | None:
        cache = self._cache[group_resource]
        return self._get(cache, f"{namespace}/{name}" if cache.resource.namespaced else name)

    def list(self, group_resource: str, namespace: str = "") -> "list[Object]":
        cache = self._cache[group_resource]
        found = (self._get(cache, key) for key in cache.keys_in(namespace))
        return [obj for obj in found if obj is not None]

    def _get(self, cache: ResourceCache, key: str) -> Object | None:
        version = cache.objects.get(key)
        if version is None:
            return None
        place = (cache.prefix, key)
        known = self._parsed.get(place)
        if known is not None and known[0] == version.revision:
            return known[1]
        if len(self._parsed) >= PARSED_LIMIT:
            self._parsed.clear()
        obj = version.parse(cache.head)
        self._parsed[place] = (version.revision, obj)
        return obj
