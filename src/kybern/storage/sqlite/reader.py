"""Reads of the SQLite store: single keys, ranges and history, now or at an older revision.

A read is one transaction: what it returns is the state at one revision. In WAL mode it never waits for a writer.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from kybern.storage.backend import Compacted, Entry, Event, Page
from kybern.storage.keys import end_of_prefix

REPLAY_STEP: Final = 1000
"""Events read from history at once."""

_NO_END = "\U0010ffff" * 8
"""Above every key: no key starts with eight times the last code point."""


class _Snapshot(NamedTuple):
    revision: int
    oldest: int


class Reader:
    """One reading connection; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> Entry | None:
        """The newest entry."""
        row = self._connection.execute(
            "SELECT v.value, v.revision FROM entries e JOIN versions v ON v.revision = e.revision WHERE e.key = ?",
            (key,),
        ).fetchone()
        return None if row is None else Entry(key, *row)

    def get_at(self, key: str, revision: int) -> Entry | None:
        """The entry at a revision. Raises Compacted, ValueError (the future)."""
        with self._snapshot() as snapshot:
            _check_revision(snapshot, revision)
            entries = self._entries(self._keys_at(key, key + "\0", revision))
        return entries[0] if entries else None

    def range(self, prefix: str, start: str, limit: int, revision: int) -> Page:
        """The contract's `Backend.range`."""
        first, end = max(prefix, start), end_of_prefix(prefix) or _NO_END
        with self._snapshot() as snapshot:
            if revision and revision != snapshot.revision:
                _check_revision(snapshot, revision)
                keys = self._keys_at(first, end, revision)
                entries = self._entries(keys[:limit] if limit else keys)
                cut = len(keys) - limit if limit else 0
            else:
                entries = self._newest(first, end, limit)
                cut = self._count(first, end) - len(entries) if limit and len(entries) == limit else 0
        return Page(entries, revision or snapshot.revision, cut > 0, max(cut, 0))

    def replay(self, prefix: str, after: int, upto: int) -> tuple[Sequence[Event], int]:
        """Events in (after, reached], and `reached`. Raises Compacted.

        Of a key without trail only its newest write is there: it stands for those that it replaced.
        """
        with self._snapshot() as snapshot:
            if after < snapshot.oldest:
                raise Compacted(snapshot.oldest)
            rows = self._connection.execute(
                "SELECT v.revision, v.key, v.value, v.created, p.value FROM versions v"
                " LEFT JOIN versions p ON p.revision = v.previous WHERE v.revision > ? AND v.revision <= ?"
                " AND v.key >= ? AND v.key < ? ORDER BY v.revision LIMIT ?",
                (after, upto, prefix, end_of_prefix(prefix) or _NO_END, REPLAY_STEP),
            ).fetchall()
        events = [
            Event(key, revision, value, _previous(value, previous, created <= after))
            for revision, key, value, created, previous in rows
        ]
        return events, rows[-1][0] if len(rows) == REPLAY_STEP else upto

    @contextmanager
    def _snapshot(self) -> Iterator[_Snapshot]:
        self._connection.execute("BEGIN")
        try:
            yield _Snapshot(*self._connection.execute("SELECT revision, oldest FROM state").fetchone())
        finally:
            self._connection.execute("COMMIT")

    def _newest(self, first: str, end: str, limit: int) -> list[Entry]:
        rows = self._connection.execute(
            "SELECT e.key, v.value, e.revision FROM entries e CROSS JOIN versions v ON v.revision = e.revision"
            " WHERE e.key >= ? AND e.key < ? ORDER BY e.key LIMIT ?",
            (first, end, limit or -1),
        )
        return [Entry(*row) for row in rows]

    def _count(self, first: str, end: str) -> int:
        row = self._connection.execute(
            "SELECT count(*) FROM entries WHERE key >= ? AND key < ?", (first, end)
        ).fetchone()
        count: int = row[0]
        return count

    def _keys_at(self, first: str, end: str, revision: int) -> list[tuple[str, int, int]]:
        """Keys that existed at `revision`: each with its revision then, and its newest one."""
        at = {
            key: (newest, newest)
            for key, newest in self._connection.execute(
                "SELECT key, revision FROM entries WHERE key >= ? AND key < ?", (first, end)
            )
        }
        changed = self._connection.execute(
            "SELECT key, min(revision), previous, created FROM versions"
            " WHERE revision > ? AND key >= ? AND key < ? GROUP BY key",
            (revision, first, end),
        )
        for key, _, previous, created in changed:
            if created > revision:
                at.pop(key, None)
            else:
                at[key] = (previous, at[key][1] if key in at else 0)
        return sorted((key, then, newest) for key, (then, newest) in at.items())

    def _entries(self, keys: Sequence[tuple[str, int, int]]) -> list[Entry]:
        """The values; of a key without trail the newest one, where the old one is gone: better than to leave it out."""
        entries = []
        for key, then, newest in keys:
            for revision in (then, newest):
                row = self._connection.execute("SELECT value FROM versions WHERE revision = ?", (revision,)).fetchone()
                if row is not None and row[0] is not None:
                    entries.append(Entry(key, row[0], revision))
                    break
        return entries


def _check_revision(snapshot: _Snapshot, revision: int) -> None:
    if revision > snapshot.revision:
        raise ValueError(f"revision {revision} lies in the future: the newest is {snapshot.revision}")
    if revision < snapshot.oldest:
        raise Compacted(snapshot.oldest)


def _previous(value: bytes | None, previous: bytes | None, existed: bool) -> bytes | None:
    """The value before an event of history. Without trail it is gone: the new value stands in for it, so that a write
    that the watch has to see as a change is not told as a creation."""
    return value if previous is None and existed else previous
