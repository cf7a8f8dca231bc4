"""Reads of the SQLite store: single keys, ranges and history, now or at an older revision.

A read is one transaction: what it returns is the state at one revision. In WAL mode it never waits for a writer.
Long reads are made of steps of about a millisecond, so that they can run on the loop: on a thread every row would have
to win the interpreter's lock back from a busy loop.
"""

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeVar

from kybern.storage.backend import Compacted, Entry, Event, Page
from kybern.storage.keys import end_of_prefix

T = TypeVar("T")

Steps = Generator[None, None, T]
"""A read that can be interrupted where it yields; what it returns is the answer."""

ROWS_STEP: Final = 300
"""Rows fetched in one step."""

REVISIONS_STEP: Final = 3000
"""Revisions of history looked through in one step."""

REPLAY_LIMIT: Final = 1000
"""Events handed out at once from history."""

_NO_END = "\U0010ffff" * 8
"""Above every key: no key starts with eight times the last code point."""


class _Snapshot(NamedTuple):
    revision: int
    oldest: int


class Reader:
    """One reading connection. One stepwise read at a time: the steps share a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> Entry | None:
        """The newest entry."""
        row = self._connection.execute(
            "SELECT v.value, v.revision FROM entries e JOIN versions v ON v.revision = e.revision WHERE e.key = ?",
            (key,),
        ).fetchone()
        return None if row is None else Entry(key, *row)

    def get_at(self, key: str, revision: int) -> Steps[Entry | None]:
        """The entry at a revision. Raises Compacted, ValueError (the future)."""
        with self._snapshot() as snapshot:
            _check_revision(snapshot, revision)
            keys = yield from self._keys_at(key, key + "\0", revision, snapshot.revision)
            entries = yield from self._entries(keys)
        return entries[0] if entries else None

    def range(self, prefix: str, start: str, limit: int, revision: int) -> Steps[Page]:
        """The contract's `Backend.range`."""
        first, end = max(prefix, start), end_of_prefix(prefix) or _NO_END
        with self._snapshot() as snapshot:
            if revision and revision != snapshot.revision:
                _check_revision(snapshot, revision)
                keys = yield from self._keys_at(first, end, revision, snapshot.revision)
                entries = yield from self._entries(keys[:limit] if limit else keys)
                cut = len(keys) - limit if limit else 0
            else:
                entries = yield from self._newest(first, end, limit)
                cut = self._count(first, end) - len(entries) if limit and len(entries) == limit else 0
        return Page(entries, revision or snapshot.revision, cut > 0, max(cut, 0))

    def replay(self, prefix: str, after: int, upto: int) -> Steps[tuple[Sequence[Event], int]]:
        """Events in (after, reached], and `reached`. Raises Compacted.

        Of a key without trail only its newest write is there: it stands for those that it replaced.
        """
        events: list[Event] = []
        reached = after
        with self._snapshot() as snapshot:
            if after < snapshot.oldest:
                raise Compacted(snapshot.oldest)
            while reached < upto and len(events) < REPLAY_LIMIT:
                last = min(reached + REVISIONS_STEP, upto)
                rows = self._connection.execute(
                    "SELECT v.revision, v.key, v.value, v.created, p.value FROM versions v"
                    " LEFT JOIN versions p ON p.revision = v.previous WHERE v.revision > ? AND v.revision <= ?"
                    " AND v.key >= ? AND v.key < ? ORDER BY v.revision LIMIT ?",
                    (reached, last, prefix, end_of_prefix(prefix) or _NO_END, ROWS_STEP),
                ).fetchall()
                events += [
                    Event(key, revision, value, _previous(value, previous, created <= after))
                    for revision, key, value, created, previous in rows
                ]
                reached = rows[-1][0] if len(rows) == ROWS_STEP else last
                yield
        return events, reached

    @contextmanager
    def _snapshot(self) -> Iterator[_Snapshot]:
        self._connection.execute("BEGIN")
        try:
            yield _Snapshot(*self._connection.execute("SELECT revision, oldest FROM state").fetchone())
        finally:
            self._connection.rollback()

    def _fetch(self, sql: str, parameters: Sequence[Any]) -> Steps[list[Any]]:
        cursor = self._connection.execute(sql, parameters)
        rows: list[Any] = []
        while more := cursor.fetchmany(ROWS_STEP):
            rows += more
            yield
        return rows

    def _newest(self, first: str, end: str, limit: int) -> Steps[list[Entry]]:
        rows = yield from self._fetch(
            "SELECT e.key, v.value, e.revision FROM entries e CROSS JOIN versions v ON v.revision = e.revision"
            " WHERE e.key >= ? AND e.key < ? ORDER BY e.key LIMIT ?",
            (first, end, limit or -1),
        )
        return [Entry(*row) for row in rows]

    def _count(self, first: str, end: str) -> int:
        counted = "SELECT count(*) FROM entries WHERE key >= ? AND key < ?"
        count: int = self._connection.execute(counted, (first, end)).fetchone()[0]
        return count

    def _keys_at(self, first: str, end: str, revision: int, newest: int) -> Steps[list[tuple[str, int, int]]]:
        """Keys that existed at `revision`: each with its revision then, and its newest one."""
        rows = yield from self._fetch("SELECT key, revision FROM entries WHERE key >= ? AND key < ?", (first, end))
        at = {key: (current, current) for key, current in rows}
        seen: set[str] = set()
        for reached in range(revision, newest, REVISIONS_STEP):
            changed = self._connection.execute(
                "SELECT key, previous, created FROM versions WHERE revision > ? AND revision <= ?"
                " AND key >= ? AND key < ? ORDER BY revision",
                (reached, reached + REVISIONS_STEP, first, end),
            ).fetchall()
            for key, previous, created in changed:
                if key in seen:
                    continue
                seen.add(key)
                if created > revision:
                    at.pop(key, None)
                else:
                    at[key] = (previous, at[key][1] if key in at else 0)
            yield
        return sorted((key, then, current) for key, (then, current) in at.items())

    def _entries(self, keys: Sequence[tuple[str, int, int]]) -> Steps[list[Entry]]:
        """The values; of a key without trail the newest one, where the old one is gone: better than to leave it out."""
        entries = []
        for index, (key, then, newest) in enumerate(keys):
            for revision in (then, newest):
                row = self._connection.execute("SELECT value FROM versions WHERE revision = ?", (revision,)).fetchone()
                if row is not None and row[0] is not None:
                    entries.append(Entry(key, row[0], revision))
                    break
            if index % ROWS_STEP == ROWS_STEP - 1:
                yield
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
