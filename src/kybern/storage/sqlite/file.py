"""The store's file: its lock, its format, its connections.

One process at a time owns a file. A file that is not ours, is newer than we are, or is damaged is refused with an error
that says which; it is never written to.

Tables:
- `versions`: every write that history still holds, one row a revision. A value is stored here once, when it is written;
  `previous` is the revision that it replaced, `value` is NULL for a deletion.
- `entries`: the newest revision of each key that exists.
- `state`: the counters, one row.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kybern.base.errors import KybernError

APPLICATION_ID: Final = 0x6B796272
"""Marks a SQLite file as Kybern's ("kybr")."""

SCHEMA_VERSION: Final = 1

CHECKED_BYTES: Final = 32 << 20
"""Files up to this size are checked whole when opened (about 10 ms a MiB); larger ones only at their head."""

BUSY_SECONDS: Final = 10.0
"""How long a connection waits for a lock (a backup's, a checkpoint's)."""

_MAGIC = b"SQLite format 3\0"

_SCHEMA = (
    """CREATE TABLE versions(
        revision INTEGER PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL, previous INTEGER NOT NULL,
        at REAL NOT NULL, value BLOB)""",
    """CREATE TABLE entries(
        key TEXT PRIMARY KEY, revision INTEGER NOT NULL, expires REAL) WITHOUT ROWID""",
    "CREATE INDEX expiring ON entries(expires) WHERE expires IS NOT NULL",
    """CREATE TABLE state(
        id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, oldest INTEGER NOT NULL,
        swept INTEGER NOT NULL)""",
    "INSERT INTO state VALUES(1, 1, 1, 1)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

Connect = Callable[[str], sqlite3.Connection]


class UnusableStoreFile(KybernError):
    """The file is no store of ours, is damaged, or was written by a newer version."""


class StoreFileInUse(KybernError):
    """Another process (or another store in this one) has the file open."""


def connect(path: str) -> sqlite3.Connection:
    """A connection in autocommit mode that may be handed from one thread to another."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)


class StoreFile:
    """An open, locked and checked file. Raises UnusableStoreFile and StoreFileInUse when made."""

    def __init__(self, path: str | Path, connect: Connect = connect) -> None:
        self.path = str(path)
        self._connect = connect
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.path)
        try:
            self.writer = self._open()
        except BaseException:
            os.close(self._lock)
            raise
        self._readers: list[sqlite3.Connection] = []

    def reader(self) -> sqlite3.Connection:
        """A new connection that cannot write; closed with the file."""
        connection = connect(self.path)
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA cache_size = -2000")
        self._readers.append(connection)
        return connection

    def close(self) -> None:
        for connection in (*self._readers, self.writer):
            connection.close()
        os.close(self._lock)

    def _open(self) -> sqlite3.Connection:
        fresh = _is_fresh(self.path)
        connection = self._connect(self.path)
        try:
            if fresh:
                _create(connection)
            else:
                _check(connection, self.path)
            for setting in ("synchronous = FULL", "cache_size = -8000", f"journal_size_limit = {16 << 20}"):
                connection.execute(f"PRAGMA {setting}")
        except sqlite3.OperationalError as error:
            connection.close()
            raise UnusableStoreFile(f"{self.path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise UnusableStoreFile(f"{self.path} is damaged: {error}; restore it from a backup") from error
        except BaseException:
            connection.close()
            raise
        return connection


def backup(source: sqlite3.Connection, path: str | Path) -> None:
    """Copy the store as of now to `path`, whole or not at all; writers are not held up.

    Raises FileExistsError, OSError, sqlite3.Error.
    """
    target = Path(path)
    if target.exists():
        raise FileExistsError(f"{target} exists")
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        destination = connect(str(partial))
        try:
            source.backup(destination)
            destination.execute("PRAGMA journal_mode = DELETE")
        finally:
            destination.close()
        with partial.open("rb") as copy:
            os.fsync(copy.fileno())
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _lock(path: str) -> int:
    descriptor = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreFileInUse(f"{path} is in use by another process") from None
    return descriptor


def _is_fresh(path: str) -> bool:
    """Whether there is nothing at `path` yet; the file is then made, readable by its owner alone (it holds Secrets)."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        head = os.read(descriptor, len(_MAGIC))
    finally:
        os.close(descriptor)
    if head and head != _MAGIC:
        raise UnusableStoreFile(f"{path} is not a SQLite database")
    return not head


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("COMMIT")


def _check(connection: sqlite3.Connection, path: str) -> None:
    """Refuse what is not ours before anything is written; a file whose making was interrupted is made anew."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if not tables and not application:
        _create(connection)
        return
    if application != APPLICATION_ID:
        raise UnusableStoreFile(f"{path} is a SQLite database of another program")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise UnusableStoreFile(f"{path} has format {version}; this version of Kybern knows format {SCHEMA_VERSION}")
    if os.path.getsize(path) <= CHECKED_BYTES:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise UnusableStoreFile(f"{path} is damaged: {verdict}; restore it from a backup")
    if connection.execute("SELECT revision, oldest, swept FROM state").fetchone() is None:
        raise UnusableStoreFile(f"{path} is damaged: its counters are missing; restore it from a backup")
    connection.execute("PRAGMA journal_mode = WAL")
