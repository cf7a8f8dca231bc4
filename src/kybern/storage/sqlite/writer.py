"""Group commit: writes gather while the disk is busy, go into one transaction, and are answered once it is durable.

Invariant: at most one transaction is open. Nothing is answered, published or counted before its commit returned; when
anything in a transaction fails, everything in it fails.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kybern.base.clock import Clock
from kybern.storage.alarm import Alarm
from kybern.storage.backend import Mismatch, StoreUnavailable
from kybern.storage.sqlite.committer import Committer
from kybern.storage.sqlite.jobs import Job, Put
from kybern.storage.sqlite.ledger import Ledger
from kybern.storage.window import Change


@dataclass(frozen=True, slots=True)
class SqliteLimits:
    """The named limits of the store."""

    batch_writes: int = 128
    """Writes in one transaction: its statements hold the loop for about 3 ms."""
    batch_bytes: int = 4 << 20
    waiting_writes: int = 8192
    """Writes that may wait; further ones are refused at once."""
    waiting_bytes: int = 128 << 20
    history_seconds: float = 300.0
    """As upstream's `--etcd-compaction-interval`."""
    history_bytes: int = 64 << 20
    """History is cut in half when it holds more."""
    compaction_seconds: float = 60.0
    """How often old history is looked for; never while there is none."""


Publish = Callable[[Sequence[Change], float], None]


class Writer:
    """The queue before the ledger."""

    def __init__(self, ledger: Ledger, committer: Committer, clock: Clock, limits: SqliteLimits, publish: Publish):
        self._ledger = ledger
        self._committer = committer
        self._clock = clock
        self._limits = limits
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Job] = deque()
        self._waiting_bytes = 0
        self._busy = False
        self._closed: str | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._expiry_due = False
        self._compaction_due = False
        self._history_bytes = ledger.trailing_bytes()
        self._expiry = Alarm(clock, self._on_expiry)
        self._compaction = Alarm(clock, self._on_compaction)
        if (when := ledger.next_expiry()) is not None:
            self._expiry.set(when)
        self._plan_compaction()

    def submit(self, job: Job) -> None:
        """Queue a write. Raises StoreUnavailable: closed, or too much waits."""
        if self._closed is not None:
            raise StoreUnavailable(self._closed)
        size = job.size_bytes
        if len(self._waiting) >= self._limits.waiting_writes or self._waiting_bytes + size > self._limits.waiting_bytes:
            raise StoreUnavailable(f"{len(self._waiting)} writes wait for the disk")
        self._waiting.append(job)
        self._waiting_bytes += size
        self._wake()

    def compact(self, revision: int) -> None:
        """History before `revision` may go; it goes step by step, with the next transactions."""
        if revision > self._ledger.oldest:
            self._ledger.oldest = revision
            self._wake()

    async def close(self) -> None:
        """Refuse what waits, let the transaction under way end."""
        self._closed = "the store is closed"
        self._expiry.cancel()
        self._compaction.cancel()
        refused, self._waiting = list(self._waiting), deque()
        _fail(refused, self._closed)
        await self._idle.wait()

    def _wake(self) -> None:
        """Start a transaction at the end of this turn of the loop, so that all writes of the turn share it."""
        if not self._busy:
            self._busy = True
            self._idle.clear()
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        """Fill one transaction and hand its commit to the thread."""
        jobs = self._take()
        now = self._clock.now()
        answers: list[tuple[Job, Change | Mismatch]] = []
        expired: Sequence[Change] = ()
        ledger = self._ledger
        try:
            ledger.begin()
            for job in jobs:
                try:
                    answers.append((job, job.apply(ledger, now)))
                except Mismatch as mismatch:
                    answers.append((job, mismatch))
            if self._expiry_due:
                expired = ledger.expire(now)
            if self._compaction_due:
                self._compaction_due = False
                self._cut(ledger.last_before(now - self._limits.history_seconds))
            if ledger.swept < ledger.oldest:
                ledger.sweep()
            ledger.seal()
        except sqlite3.Error as error:
            self._failed(jobs, error)
            return
        changes = [answer for _, answer in answers if isinstance(answer, Change)]
        changes += expired
        self._committer.submit(ledger.commit, lambda error: self._ended(jobs, answers, changes, now, error))

    def _take(self) -> list[Job]:
        jobs: list[Job] = []
        size = 0
        while self._waiting and len(jobs) < self._limits.batch_writes and size < self._limits.batch_bytes:
            job = self._waiting.popleft()
            size += job.size_bytes
            jobs.append(job)
        self._waiting_bytes -= size
        return jobs

    def _ended(
        self,
        jobs: Sequence[Job],
        answers: Sequence[tuple[Job, Change | Mismatch]],
        changes: Sequence[Change],
        now: float,
        error: BaseException | None,
    ) -> None:
        if error is not None:
            self._failed(jobs, error)
            return
        self._ledger.settle()
        self._publish(changes, now)
        for job, answer in answers:
            if job.answer.done():
                continue  # Its caller was cancelled; the write stands all the same.
            if isinstance(answer, Mismatch):
                job.answer.set_exception(answer)
            else:
                job.answer.set_result(answer.event.revision)
                if isinstance(job, Put) and job.ttl_seconds:
                    self._expiry.set(now + job.ttl_seconds)
        self._keep_house(changes)
        unswept = self._ledger.swept < self._ledger.oldest
        self._next(housework=self._closed is None and (self._expiry_due or self._compaction_due or unswept))

    def _failed(self, jobs: Sequence[Job], error: BaseException) -> None:
        """Nothing of the transaction happened. The next writes are tried all the same: space may be free again."""
        try:
            self._ledger.rollback()
        except sqlite3.Error as second:
            self._closed = f"the store is lost: {second}"
        _fail(jobs, f"the store cannot write: {error}")
        if self._closed is not None:
            refused, self._waiting = list(self._waiting), deque()
            _fail(refused, self._closed)
        self._expiry_due = False
        self._expiry.set(self._clock.now() + self._limits.compaction_seconds)
        self._next(housework=False)

    def _next(self, housework: bool) -> None:
        """Go on with what waits, or rest."""
        if self._waiting or housework:
            self._loop.call_soon(self._run)
        else:
            self._busy = False
            self._idle.set()

    def _keep_house(self, changes: Sequence[Change]) -> None:
        """After a transaction: is more to expire, does history hold too much?"""
        if self._closed is not None:
            return
        if self._expiry_due:
            when = self._ledger.next_expiry()
            self._expiry_due = when is not None and when <= self._clock.now()
            if when is not None and not self._expiry_due:
                self._expiry.set(when)
        for change in changes:
            self._history_bytes += 100 + len(change.event.previous or b"")
        if self._history_bytes > self._limits.history_bytes:
            self._cut(self._ledger.oldest + (self._ledger.revision - self._ledger.oldest) // 2)
        self._plan_compaction()

    def _on_expiry(self) -> None:
        self._expiry_due = True
        self._wake()

    def _on_compaction(self) -> None:
        self._compaction_due = True
        self._wake()

    def _cut(self, revision: int) -> None:
        span = max(self._ledger.revision - self._ledger.oldest, 1)
        kept = max(self._ledger.revision - max(revision, self._ledger.oldest), 0)
        self._history_bytes = self._history_bytes * kept // span
        self._ledger.oldest = max(self._ledger.oldest, revision)

    def _plan_compaction(self) -> None:
        if self._ledger.revision > self._ledger.oldest:
            self._compaction.set(self._clock.now() + self._limits.compaction_seconds)


def _fail(jobs: Sequence[Job], why: str) -> None:
    for job in jobs:
        if not job.answer.done():
            job.answer.set_exception(StoreUnavailable(why))
