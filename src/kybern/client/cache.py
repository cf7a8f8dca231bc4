"""The objects of one kind as last seen, with indices. It never steps back: no older version replaces a newer."""

from collections.abc import Callable, Iterable
from typing import Generic

from kybern.client.objects import Key, Objects, T, controller_of, key_of, revision_of

CONTROLLER_INDEX = "controller"
"""Objects by the uid of the owner that controls them; those without one by `orphan_of(namespace)`."""


def orphan_of(namespace: str) -> str:
    """The value of CONTROLLER_INDEX for objects of a namespace that nobody controls."""
    return f"/{namespace}"


class Cache(Generic[T]):
    """Objects by key. What it hands out is shared: nobody may change it."""

    def __init__(self) -> None:
        self._objects: dict[Key, T] = {}
        self._namespaces: dict[str, dict[Key, T]] = {}
        self._index_keys: dict[str, Callable[[T], Iterable[str]]] = {}
        self._indices: dict[str, dict[str, dict[Key, T]]] = {}

    def get(self, key: Key) -> T | None:
        return self._objects.get(key)

    def list(self, namespace: str = "") -> list[T]:
        """The objects of a namespace, or all ("")."""
        if namespace:
            return [*self._namespaces.get(namespace, {}).values()]
        return [*self._objects.values()]

    def keys(self) -> set[Key]:
        return set(self._objects)

    def by_index(self, index: str, value: str) -> Objects[T]:
        """The objects for which the index gives `value`. Raises KeyError for an index never added."""
        return [*self._indices[index].get(value, {}).values()]

    def add_index(self, name: str, keys: Callable[[T], Iterable[str]]) -> None:
        """Keep an index from now on; the same name twice is the same index."""
        if name in self._index_keys:
            return
        self._index_keys[name] = keys
        index: dict[str, dict[Key, T]] = {}
        self._indices[name] = index
        for key, obj in self._objects.items():
            for value in keys(obj):
                index.setdefault(value, {})[key] = obj

    def put(self, obj: T, *, force: bool = False) -> tuple[bool, T | None]:
        """Take an object; whether it is news, and what was there before. `force`: though its revision is no newer."""
        key = key_of(obj)
        old = self._objects.get(key)
        if old is not None and old.metadata.uid == obj.metadata.uid:
            seen, given = revision_of(old), revision_of(obj)
            if given == seen or (given < seen and not force):
                return False, old
        if old is not None:
            self._unindex(key, old)
        self._objects[key] = obj
        if key.namespace:
            self._namespaces.setdefault(key.namespace, {})[key] = obj
        for name, keys in self._index_keys.items():
            index = self._indices[name]
            for value in keys(obj):
                index.setdefault(value, {})[key] = obj
        return True, old

    def remove(self, key: Key) -> T | None:
        """Forget an object; what was there."""
        old = self._objects.pop(key, None)
        if old is None:
            return None
        self._unindex(key, old)
        members = self._namespaces.get(key.namespace)
        if members is not None:
            members.pop(key, None)
            if not members:
                del self._namespaces[key.namespace]
        return old

    def _unindex(self, key: Key, old: T) -> None:
        for name, keys in self._index_keys.items():
            index = self._indices[name]
            for value in keys(old):
                members = index.get(value)
                if members is not None:
                    members.pop(key, None)
                    if not members:
                        del index[value]


def controller_index(obj: T) -> Iterable[str]:
    """The keys of CONTROLLER_INDEX."""
    owner = controller_of(obj)
    return (owner.uid if owner is not None else orphan_of(obj.metadata.namespace),)
