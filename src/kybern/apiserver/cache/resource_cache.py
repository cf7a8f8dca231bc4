"""All objects of one stored resource, newest versions and recent changes. Filled by the feed alone, read by everyone."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

import orjson

from kybern.api.resource import Resource
from kybern.apiserver.cache.change import Change
from kybern.apiserver.cache.fanout import Fanout
from kybern.apiserver.cache.selection import Selection
from kybern.apiserver.cache.version import NO_LABELS, Version, encode, fields_of, head, splice
from kybern.base.errors import Expired

WINDOW_LIMIT = 4096
"""Changes kept per resource for watches that resume."""
FORESEEN_LIMIT = 1024
"""Writes of this process whose parsed form may wait for the store's event."""
NODE_FIELD = "spec.nodeName"

Listener = Callable[[Change], None]
Foreseen = tuple[bytes, Mapping[str, str], Mapping[str, str]]


class ResourceCache:
    """Keyed by `namespace/name` or `name`; keys stay sorted, as LIST answers are."""

    def __init__(self, resource: Resource, prefix: str) -> None:
        self.resource = resource
        """The stored version of the resource."""
        self.prefix = prefix
        self.head = head(resource.api_version, resource.kind)
        self.objects: dict[str, Version] = {}
        self.keys: list[str] = []
        self.fanout = Fanout()
        self.changed = 0
        """Revision of the newest change."""
        self.window_limit = WINDOW_LIMIT
        self.floor = 0
        """Every change after this revision is in the window."""
        self._window: deque[Change] = deque()
        self._foreseen: dict[str, Foreseen] = {}
        self._by_node: dict[str, dict[str, None]] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call back with every change, once it can be read here; no I/O, no exceptions."""
        self._listeners.append(listener)

    def load(self, values: Sequence[tuple[str, bytes, int]], revision: int) -> None:
        """Start from the store's state at `revision`: (key, value, the key's revision), sorted by key."""
        for key, value, own in values:
            version = self._version(key, value, own)
            self.objects[key] = version
            self._index(version)
            self.changed = max(self.changed, own)
        self.keys = [key for key, _, _ in values]
        self.floor = revision

    def foresee(self, key: str, value: bytes, labels: Mapping[str, str], fields: Mapping[str, str]) -> None:
        """A write of this process is on its way: spare the parse when its event comes."""
        if len(self._foreseen) >= FORESEEN_LIMIT:
            self._foreseen.clear()
        self._foreseen[key] = (value, labels, fields)

    def apply(self, key: str, value: bytes | None, revision: int, *, more: bool = False) -> None:
        """Take in one write, in the order of revisions. `more`: watchers hear of it with `fanout.flush`."""
        old = self.objects.get(key)
        new = None
        if value is not None:
            new = self._version(key, value, revision)
            self.objects[key] = new
            if old is None:
                insort(self.keys, key)
        elif old is not None:
            del self.objects[key]
            del self.keys[bisect_left(self.keys, key)]
        if old is not None:
            self._unindex(old)
        if new is not None:
            self._index(new)
        self.changed = revision
        if new is None and old is None:
            return
        change = Change(revision, new, old)
        self._remember(change)
        for listener in self._listeners:
            listener(change)
        self.fanout.publish(change)
        if not more:
            self.fanout.flush()

    def select(self, selection: Selection) -> list[Version]:
        """The newest versions that are selected, in the order of their keys."""
        name = selection.exact("metadata.name")
        if name is not None:
            key = f"{selection.namespace}/{name}" if selection.namespace else name
            if selection.namespace or not self.resource.namespaced:
                version = self.objects.get(key)
                return [version] if version is not None and selection.takes(version) else []
        node = selection.exact(NODE_FIELD)
        if node:
            keys: Sequence[str] = self.keys_on_node(node)
        else:
            keys = self.keys_in(selection.namespace)
        objects = self.objects
        if node or not selection.everything:
            return [version for key in keys if selection.takes(version := objects[key])]
        return [objects[key] for key in keys]

    def is_outdated(self, key: str) -> bool:
        """Whether the store has the object in a form that is written no more; only custom resources have such."""
        return False

    def keys_in(self, namespace: str) -> list[str]:
        """Sorted keys of a namespace ("": all)."""
        if not namespace:
            return self.keys
        low = bisect_left(self.keys, namespace + "/")
        return self.keys[low : bisect_left(self.keys, namespace + "0", low)]

    def keys_on_node(self, node: str) -> list[str]:
        """Sorted keys of what `spec.nodeName` places there."""
        return sorted(self._by_node.get(node, ()))

    def since(self, revision: int) -> Iterator[Change]:
        """Changes after a revision, oldest first. Raises Expired when the window does not reach back that far."""
        if revision < self.floor:
            raise Expired(f"too old resource version: {revision} ({self.floor})")
        found: list[Change] = []
        for change in reversed(self._window):
            if change.revision <= revision:
                break
            found.append(change)
        return reversed(found)

    def version_of(self, key: str, value: bytes, revision: int) -> Version:
        """A version outside the cache: one of the past, read from the store."""
        return self._version(key, value, revision)

    def _version(self, key: str, value: bytes, revision: int) -> Version:
        foreseen = self._foreseen.pop(key, None)
        if foreseen is not None and (foreseen[0] is value or foreseen[0] == value):
            labels, fields = foreseen[1], foreseen[2]
        else:
            obj = orjson.loads(value)
            labels = obj["metadata"].get("labels") or NO_LABELS
            fields = fields_of(self.resource, obj)
            if not value.startswith(self.head):
                value = encode(obj)
        return Version(key, revision, splice(value, len(self.head), revision), labels, fields)

    def _remember(self, change: Change) -> None:
        self._window.append(change)
        if len(self._window) > WINDOW_LIMIT:
            self.floor = self._window.popleft().revision

    def _index(self, version: Version) -> None:
        node = version.fields.get(NODE_FIELD)
        if node:
            self._by_node.setdefault(node, {})[version.key] = None

    def _unindex(self, version: Version) -> None:
        node = version.fields.get(NODE_FIELD)
        if node:
            keys = self._by_node[node]
            keys.pop(version.key, None)
            if not keys:
                del self._by_node[node]
