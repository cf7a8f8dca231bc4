"""Who watches a resource: watchers of the same selection are one group, and a change is compared once for each group.

Groups that demand one value of an indexed field (a kubelet's `spec.nodeName=NODE`) are looked up by that value, so that
a change costs nothing for the thousands of groups that it is not about.
"""

from collections.abc import Iterable, Iterator

from kybern.apiserver.cache.change import Change
from kybern.apiserver.cache.selection import Selection
from kybern.apiserver.cache.watcher import Watcher

INDEXED_FIELDS = ("spec.nodeName", "metadata.name")

IndexKey = tuple[str, str]


class Fanout:
    """The watchers of one resource."""

    def __init__(self) -> None:
        self._groups: dict[Selection, dict[Watcher, None]] = {}
        """The watchers of each selection, in the order in which they came."""
        self._open: dict[Selection, None] = {}
        """Groups that every change is compared with."""
        self.events = 0
        """Handed to watchers so far."""
        self._indexed: dict[IndexKey, dict[Selection, None]] = {}

    def __iter__(self) -> Iterator[Watcher]:
        for watchers in list(self._groups.values()):
            yield from list(watchers)

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def add(self, watcher: Watcher) -> None:
        selection = watcher.selection
        watchers = self._groups.get(selection)
        if watchers is None:
            watchers = self._groups[selection] = {}
            self._place(selection)[selection] = None
        watchers[watcher] = None

    def remove(self, watcher: Watcher) -> None:
        """Idempotent."""
        selection = watcher.selection
        watchers = self._groups.get(selection)
        if watchers is not None and watcher in watchers:
            del watchers[watcher]
            if not watchers:
                del self._groups[selection]
                del self._place(selection)[selection]
                key = _index_key(selection)
                if key is not None and not self._indexed[key]:
                    del self._indexed[key]

    def publish(self, change: Change) -> None:
        """Hand a change to everyone whom it concerns."""
        for selection in self._concerned(change):
            kind = change.type_for(selection)
            if kind is not None:
                watchers = self._groups[selection]
                self._hand_out(change, kind, watchers)
                self.events += len(watchers)
        change.forget_lines()

    def _hand_out(self, change: Change, kind: bytes, watchers: Iterable[Watcher]) -> None:
        form, line = None, b""
        for watcher in watchers:
            if watcher.form is not form:
                form = watcher.form
                line = change.line(kind, form)
            watcher.push(line)

    def _place(self, selection: Selection) -> dict[Selection, None]:
        key = _index_key(selection)
        return self._open if key is None else self._indexed.setdefault(key, {})

    def _concerned(self, change: Change) -> list[Selection]:
        concerned = list(self._open)
        if self._indexed:
            keys: dict[IndexKey, None] = {}
            for version in (change.new, change.old):
                if version is not None:
                    for field in INDEXED_FIELDS:
                        keys[field, version.fields.get(field, "")] = None
            for key in keys:
                concerned.extend(self._indexed.get(key, ()))
        return concerned


def _index_key(selection: Selection) -> IndexKey | None:
    if selection.fields.requirements:
        for field in INDEXED_FIELDS:
            value = selection.exact(field)
            if value is not None:
                return field, value
    return None
