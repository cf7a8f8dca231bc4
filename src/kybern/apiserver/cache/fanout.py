"""Who watches a resource: watchers of the same selection are one group, and a change is compared once for each group.

Groups that demand one value of an indexed field (a kubelet's `spec.nodeName=NODE`) are looked up by that value, so that
a change costs nothing for the thousands of groups that it is not about. Changes that come together, as they do when the
store commits several writes at once, leave together: one buffer, made once for all watchers of a group and form, one
write for each. Those whose connections keep up are a list of writes and nothing else: whatever is asked of each watcher,
a thousand are asked.
"""

from collections.abc import Iterator, Sequence

from kybern.apiserver.cache.change import Change, Form
from kybern.apiserver.cache.selection import Selection
from kybern.apiserver.cache.watcher import Watcher
from kybern.transport.exchange import Send
from kybern.transport.response import chunk

INDEXED_FIELDS = ("spec.nodeName", "metadata.name")

IndexKey = tuple[str, str]


class _Group:
    """Watchers that are sent the same bytes, and what they have not been sent yet."""

    __slots__ = ("lines", "listening", "watchers")

    def __init__(self) -> None:
        self.watchers: dict[Watcher, None] = {}
        """In the order in which they came."""
        self.listening: dict[Watcher, Send] = {}
        """Those who are sent their bytes with no question asked; they see to it themselves."""
        self.lines: list[bytes] = []

    def send(self, piece: bytes, events: int) -> None:
        """To those who listen at once, to the others when they can take it."""
        listening = list(self.listening.values())
        late: Sequence[Watcher] = ()
        if len(listening) < len(self.watchers):
            late = [watcher for watcher in self.watchers if watcher not in self.listening]
        if listening:
            framed = chunk(piece)
            for send in listening:
                send(framed)
        for watcher in late:
            watcher.push(piece, events)


class Fanout:
    """The watchers of one resource."""

    def __init__(self) -> None:
        self._groups: dict[Selection, dict[Form, _Group]] = {}
        self._open: dict[Selection, None] = {}
        """Groups that every change is compared with."""
        self.events = 0
        """Handed to watchers so far."""
        self._indexed: dict[IndexKey, dict[Selection, None]] = {}
        self._pending: list[_Group] = []
        """Those with lines."""

    def __iter__(self) -> Iterator[Watcher]:
        for forms in list(self._groups.values()):
            for group in list(forms.values()):
                yield from list(group.watchers)

    def __len__(self) -> int:
        return sum(len(group.watchers) for forms in self._groups.values() for group in forms.values())

    def add(self, watcher: Watcher) -> None:
        selection = watcher.selection
        forms = self._groups.get(selection)
        if forms is None:
            forms = self._groups[selection] = {}
            self._place(selection)[selection] = None
        group = forms.setdefault(watcher.form, _Group())
        group.watchers[watcher] = None
        watcher.listening = group.listening

    def remove(self, watcher: Watcher) -> None:
        """Idempotent."""
        selection = watcher.selection
        forms = self._groups.get(selection, {})
        group = forms.get(watcher.form)
        if group is None or watcher not in group.watchers:
            return
        del group.watchers[watcher]
        if not group.watchers:
            del forms[watcher.form]
        if not forms:
            del self._groups[selection]
            del self._place(selection)[selection]
            key = _index_key(selection)
            if key is not None and not self._indexed[key]:
                del self._indexed[key]

    def publish(self, change: Change) -> None:
        """Make the bytes of a change for everyone whom it concerns; `flush` sends them."""
        for selection in self._concerned(change):
            kind = change.type_for(selection)
            if kind is not None:
                for form, group in self._groups[selection].items():
                    if not group.lines:
                        self._pending.append(group)
                    group.lines.append(change.line(kind, form))
                    self.events += len(group.watchers)
        change.forget_lines()

    def flush(self) -> None:
        """Hand out what was published."""
        pending, self._pending = self._pending, []
        for group in pending:
            lines, group.lines = group.lines, []
            group.send(lines[0] if len(lines) == 1 else b"".join(lines), len(lines))

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
