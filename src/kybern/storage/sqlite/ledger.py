"""The write transactions of the SQLite store: what one write, one expiry, one step of compaction does to the tables.

Nothing counts before `commit` has returned: the counters that others see are moved on by `settle` alone.
"""

import sqlite3
from typing import Final, NamedTuple

from kybern.storage.backend import Entry, Event, Mismatch
from kybern.storage.window import Change

EXPIRE_STEP: Final = 100
"""Expired keys removed in one transaction."""

SWEEP_STEP: Final = 500
"""Revisions looked at in one transaction by compaction: a millisecond or two."""

FREE_PAGES: Final = 2048
"""Empty pages that the file may keep for later writes; above that they are given back."""

_CURRENT = """SELECT e.revision, v.created, v.value FROM entries e JOIN versions v ON v.revision = e.revision
    WHERE e.key = ?"""
_ADD = "INSERT INTO versions(revision, key, created, previous, at, value) VALUES(?, ?, ?, ?, ?, ?)"
_POINT = "INSERT INTO entries(key, revision, expires) VALUES(?, ?, ?)"
_MOVE = "UPDATE entries SET revision = ?, expires = ? WHERE key = ?"
_DROP = "DELETE FROM versions WHERE revision = ?"


class _Current(NamedTuple):
    revision: int
    created: int
    value: bytes


class Ledger:
    """One writing connection and its counters. Every method may raise sqlite3.Error: `rollback` then."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        row: tuple[int, int, int] = connection.execute("SELECT revision, oldest, swept FROM state").fetchone()
        self._settled = row
        self.revision, self.oldest, self.swept = row

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make the transaction durable (on any thread). `commit` gives the interpreter's lock up once, `execute` five
        times: each time costs a wait while the loop is busy."""
        self._connection.commit()

    def seal(self) -> None:
        """Write the counters: the last step before `commit`."""
        self._connection.execute(
            "UPDATE state SET revision = ?, oldest = ?, swept = ?", (self.revision, self.oldest, self.swept)
        )

    def settle(self) -> None:
        """The transaction is durable."""
        self._settled = (self.revision, self.oldest, self.swept)

    def rollback(self) -> None:
        """Undo the transaction, whatever state it is in."""
        self.revision, self.oldest, self.swept = self._settled
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def put(self, key: str, value: bytes, *, expected: int, expires: float | None, trail: bool, now: float) -> Change:
        """Raises Mismatch."""
        current = self._expect(key, expected)
        revision = self.revision + 1
        previous = current.revision if current else 0
        self._connection.execute(_ADD, (revision, key, current.created if current else revision, previous, now, value))
        if current is None:
            self._connection.execute(_POINT, (key, revision, expires))
        else:
            self._connection.execute(_MOVE, (revision, expires, key))
            if not trail:
                self._connection.execute(_DROP, (previous,))
        self.revision = revision
        return Change(Event(key, revision, value, current.value if current else None), previous, now)

    def delete(self, key: str, *, expected: int, now: float) -> Change:
        """Raises Mismatch."""
        current = self._expect(key, expected)
        if current is None:
            raise Mismatch(key, None)
        return self._remove(key, current, now)

    def expire(self, now: float) -> list[Change]:
        """Delete keys whose time has come, at most EXPIRE_STEP of them."""
        keys = self._connection.execute(
            "SELECT key FROM entries WHERE expires <= ? ORDER BY expires LIMIT ?", (now, EXPIRE_STEP)
        ).fetchall()
        removed = []
        for (key,) in keys:
            current = self._current(key)
            assert current is not None, "an entry points to a version"
            removed.append(self._remove(key, current, now))
        return removed

    def next_expiry(self) -> float | None:
        """When the next key expires, seconds since the epoch."""
        row = self._connection.execute("SELECT min(expires) FROM entries WHERE expires IS NOT NULL").fetchone()
        when: float | None = row[0]
        return when

    def last_before(self, when: float) -> int:
        """The newest revision written before `when`, `swept` if there is none after it."""
        row = self._connection.execute(
            "SELECT revision FROM versions WHERE revision > ? AND at >= ? ORDER BY revision LIMIT 1", (self.swept, when)
        ).fetchone()
        return max(self.swept, row[0] - 1) if row else self.revision

    def sweep(self) -> None:
        """One step of compaction: drop versions that were replaced, and deletions, up to `oldest`."""
        rows = self._connection.execute(
            "SELECT revision, previous, value IS NULL FROM versions WHERE revision > ? AND revision <= ?"
            " ORDER BY revision LIMIT ?",
            (self.swept, self.oldest, SWEEP_STEP),
        ).fetchall()
        dropped = [(previous,) for _, previous, _ in rows if previous]
        dropped += [(revision,) for revision, _, deleted in rows if deleted]
        self._connection.executemany(_DROP, dropped)
        self.swept = rows[-1][0] if len(rows) == SWEEP_STEP else self.oldest
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        if free > FREE_PAGES:
            self._connection.execute(f"PRAGMA incremental_vacuum({min(free - FREE_PAGES, SWEEP_STEP)})").fetchall()

    def trailing_bytes(self) -> int:
        """About how much history holds."""
        row = self._connection.execute(
            "SELECT count(*) * 100 + coalesce(sum(length(value)), 0) FROM versions WHERE revision > ?", (self.swept,)
        ).fetchone()
        size: int = row[0]
        return size

    def _remove(self, key: str, current: _Current, now: float) -> Change:
        revision = self.revision + 1
        self._connection.execute(_ADD, (revision, key, current.created, current.revision, now, None))
        self._connection.execute("DELETE FROM entries WHERE key = ?", (key,))
        self.revision = revision
        return Change(Event(key, revision, None, current.value), current.revision, now)

    def _current(self, key: str) -> _Current | None:
        row = self._connection.execute(_CURRENT, (key,)).fetchone()
        return None if row is None else _Current(*row)

    def _expect(self, key: str, expected: int) -> _Current | None:
        current = self._current(key)
        if (current.revision if current else 0) != expected:
            raise Mismatch(key, None if current is None else Entry(key, current.value, current.revision))
        return current
