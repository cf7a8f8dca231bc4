"""One write as watchers see it, and the bytes of its event, made once for all who share a form."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import orjson

from kybern.apiserver.cache.selection import Selection
from kybern.apiserver.cache.version import Version

ADDED, MODIFIED, DELETED, BOOKMARK = b"ADDED", b"MODIFIED", b"DELETED", b"BOOKMARK"

Form = Callable[[Version], bytes]
"""A version in the shape that a client asked for: the object itself, another API version, a Table, metadata only."""


class Framed(ABC):
    """A form whose events are no lines of JSON."""

    @abstractmethod
    def __call__(self, version: Version) -> bytes: ...

    @abstractmethod
    def event(self, kind: bytes, encoded: bytes) -> bytes:
        """The whole event of an encoded object."""


Bookmark = Callable[[int, bool], bytes]
"""The event that tells how far a watch has come: of a revision, and whether the initial events end here."""


class Change:
    """`new` is None after a deletion, `old` is None before a creation."""

    __slots__ = ("_gone", "_lines", "new", "old", "revision")

    def __init__(self, revision: int, new: Version | None, old: Version | None) -> None:
        self.revision = revision
        self.new = new
        self.old = old
        self._gone: Version | None = None
        self._lines: dict[tuple[bytes, Form], bytes] = {}

    @property
    def gone(self) -> Version:
        """The last state, with the revision of the write that removed it from sight."""
        if self._gone is None:
            assert self.old is not None
            self._gone = self.old.at(self.revision)
        return self._gone

    def type_for(self, selection: Selection) -> bytes | None:
        """ADDED, MODIFIED or DELETED as a watcher of `selection` sees it: objects enter and leave by their labels."""
        if self.new is not None and selection.takes(self.new):
            return MODIFIED if self.old is not None and selection.takes(self.old) else ADDED
        return DELETED if self.old is not None and selection.takes(self.old) else None

    def line(self, kind: bytes, form: Form) -> bytes:
        """`{"type":"ADDED","object":{…}}` and a newline, or what the form makes in its place."""
        key = (kind, form)
        line = self._lines.get(key)
        if line is None:
            version = self.gone if kind is DELETED else self.new
            assert version is not None
            line = self._lines[key] = event_of(kind, form, version)
        return line

    def forget_lines(self) -> None:
        """The event has been handed out: encoded lines need not live as long as the window."""
        self._lines.clear()


def event_of(kind: bytes, form: Form, version: Version) -> bytes:
    """The event of a version in its form."""
    encoded = form(version)
    return form.event(kind, encoded) if isinstance(form, Framed) else event_line(kind, encoded)


def event_line(kind: bytes, encoded: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (kind, encoded)


def bookmark_metadata(revision: int, initial_end: bool) -> dict[str, Any]:
    """All that a bookmark's object has."""
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return metadata


def bookmarks(head: bytes) -> Bookmark:
    """Of objects that begin with `head`."""

    def bookmark(revision: int, initial_end: bool) -> bytes:
        return event_line(
            BOOKMARK, b'%b"metadata":%b}' % (head, orjson.dumps(bookmark_metadata(revision, initial_end)))
        )

    return bookmark
