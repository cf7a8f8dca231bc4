"""The store in a SQLite file. Invariant: what was acknowledged is on disk (WAL, synchronous=FULL)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TypeVar

from kybern.base.clock import Clock, SystemClock
from kybern.storage.backend import Compacted, Entry, Event, Page, StoreUnavailable, check_size
from kybern.storage.feed import Feed
from kybern.storage.sqlite.committer import Committer
from kybern.storage.sqlite.file import Connect, StoreFile, backup, connect
from kybern.storage.sqlite.jobs import Delete, Job, Put
from kybern.storage.sqlite.ledger import Ledger
from kybern.storage.sqlite.reader import Reader, Steps
from kybern.storage.sqlite.writer import SqliteLimits, Writer
from kybern.storage.window import Change, Window, WindowLimits

T = TypeVar("T")


class SqliteBackend:
    """Keeps the contract of `Backend`. Make it with `open`.

    Reads run on the loop: newest values take about 10 µs, long reads go in steps of a millisecond. A watch reads
    from the window in memory, and from the file where that does not reach back. Of a key written with `trail=False`
    history holds only the newest write: a watch that resumes from before the last start sees that one, not those that
    it replaced.
    """

    def __init__(self, file: StoreFile, clock: Clock, limits: SqliteLimits, window_limits: WindowLimits) -> None:
        self._file = file
        self._ledger = Ledger(file.writer)
        self._near = Reader(file.reader())
        self._far_connection = file.reader()
        self._far = Reader(self._far_connection)
        self._far_turn = asyncio.Lock()
        self._window = Window(self._ledger.revision, window_limits)
        self._feed = Feed(self._window, oldest=self._ledger.oldest, replay=self._replay)
        self._committer = Committer(asyncio.get_running_loop())
        self._writer = Writer(self._ledger, self._committer, clock, limits, self._publish)
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        clock: Clock | None = None,
        limits: SqliteLimits | None = None,
        window_limits: WindowLimits | None = None,
        connect: Connect = connect,
    ) -> "SqliteBackend":
        """Open the file, or make it. Raises UnusableStoreFile, StoreFileInUse, OSError."""
        file = StoreFile(path, connect)
        return cls(file, clock or SystemClock(), limits or SqliteLimits(), window_limits or WindowLimits())

    @property
    def revision(self) -> int:
        return self._window.end

    async def current_revision(self) -> int:
        self._check_open()
        return self.revision

    async def get(self, key: str, *, revision: int = 0) -> Entry | None:
        self._check_open()
        if revision:
            self._check_history(revision)
            return await self._read(self._far.get_at(key, revision))
        try:
            return self._near.get(key)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the store cannot read: {error}") from error

    async def range(self, prefix: str, *, start: str = "", limit: int = 0, revision: int = 0) -> Page:
        self._check_open()
        if revision:
            self._check_history(revision)
        return await self._read(self._far.range(prefix, start, limit, revision))

    async def put(self, key: str, value: bytes, *, expected: int, ttl_seconds: int = 0, trail: bool = True) -> int:
        check_size(key, value)
        return await self._write(Put(key, expected, self._answer(), value, ttl_seconds, trail))

    async def delete(self, key: str, *, expected: int) -> int:
        return await self._write(Delete(key, expected, self._answer()))

    def watch(self, prefix: str, *, after: int) -> AsyncIterator[Sequence[Event]]:
        return self._feed.watch(prefix, after)

    async def compact(self, revision: int) -> None:
        self._check_open()
        if revision > self.revision:
            raise ValueError(f"revision {revision} lies in the future: the newest is {self.revision}")
        self._writer.compact(revision)
        self._feed.compact(revision)

    async def backup(self, path: str | Path) -> None:
        """Write a copy of the store as of now, while it is in use. Raises FileExistsError, OSError,
        StoreUnavailable."""
        self._check_open()
        async with self._far_turn:
            try:
                await asyncio.to_thread(backup, self._far_connection, path)
            except sqlite3.Error as error:
                raise StoreUnavailable(f"the backup failed: {error}") from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        self._feed.close()
        self._committer.stop()
        async with self._far_turn:
            pass  # A read under way ends at its next step.
        self._file.close()

    def _publish(self, changes: Sequence[Change], now: float) -> None:
        self._feed.publish(changes, now)
        if self._ledger.oldest > self._feed.oldest:
            self._feed.compact(self._ledger.oldest)

    def _answer(self) -> asyncio.Future[int]:
        return asyncio.get_running_loop().create_future()

    async def _write(self, job: Job) -> int:
        job.key.encode()  # A key that is no text (a lone surrogate) fails its own write, not a whole transaction.
        self._writer.submit(job)
        return await job.answer

    async def _replay(self, prefix: str, after: int, upto: int) -> tuple[Sequence[Event], int]:
        return await self._read(self._far.replay(prefix, after, upto))

    async def _read(self, steps: Steps[T]) -> T:
        """Run a long read, step by step, others in between."""
        try:
            async with self._far_turn:
                while True:
                    self._check_open()
                    next(steps)
                    await asyncio.sleep(0)
        except StopIteration as ended:
            answer: T = ended.value
            return answer
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the store cannot read: {error}") from error
        finally:
            steps.close()

    def _check_history(self, revision: int) -> None:
        """What was asked to be compacted counts as gone at once, also while the file still holds it."""
        if revision < self._feed.oldest:
            raise Compacted(self._feed.oldest)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")
