"""The store in one SQLite file: the only room that imports `sqlite3`."""

from kybern.storage.sqlite.backend import SqliteBackend
from kybern.storage.sqlite.file import StoreFileInUse, UnusableStoreFile
from kybern.storage.sqlite.writer import SqliteLimits

__all__ = ["SqliteBackend", "SqliteLimits", "StoreFileInUse", "UnusableStoreFile"]
