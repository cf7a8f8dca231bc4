"""What only a store on disk owes: restarts, damaged and foreign files, a ceiling, a full disk, backups."""

import asyncio
import glob
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kybern.storage.backend import Compacted, Entry, Event, Mismatch, StoreUnavailable
from kybern.storage.sqlite import SqliteBackend, SqliteLimits, StoreFileInUse, UnusableStoreFile
from kybern.storage.sqlite.committer import Committer
from kybern.storage.sqlite.file import connect
from kybern.storage.window import WindowLimits

from .conftest import HandClock, Tape, eventually


async def test_a_restart_keeps_everything(tmp_path: Path, clock: HandClock) -> None:
    first = await SqliteBackend.open(tmp_path / "s.db", clock=clock)
    await first.put("a", b"1", expected=0)
    await first.put("b", b"1", expected=0, ttl_seconds=60)
    await first.put("a", b"2", expected=2)
    await first.put("c", b"1", expected=0)
    await first.delete("c", expected=5)
    await first.close()
    clock.time += 61
    second = await SqliteBackend.open(tmp_path / "s.db", clock=clock)
    assert second.revision == 6
    assert await second.get("a") == Entry("a", b"2", 4)
    assert await second.get("a", revision=3) == Entry("a", b"1", 2)
    assert await Tape(second.watch("", after=1)).until(6) == [
        Event("a", 2, b"1", None),
        Event("b", 3, b"1", None),
        Event("a", 4, b"2", b"1"),
        Event("c", 5, b"1", None),
        Event("c", 6, None, b"1"),
        Event("b", 7, None, b"1"),
    ]
    assert await second.put("d", b"", expected=0) == 8
    await second.close()


async def test_after_a_restart_a_key_without_trail_is_told_once(tmp_path: Path) -> None:
    first = await SqliteBackend.open(tmp_path / "s.db")
    for n in range(4):
        await first.put("lease", b"%d" % n, expected=first.revision if n else 0, trail=False)
    await first.put("event", b"e", expected=0, trail=False)
    await first.delete("event", expected=6)
    await first.close()
    second = await SqliteBackend.open(tmp_path / "s.db")
    end = [Event("event", 6, b"e", None), Event("event", 7, None, b"e")]
    assert await Tape(second.watch("", after=1)).until(3) == [Event("lease", 5, b"3", None), *end]
    assert await Tape(second.watch("", after=3)).until(3) == [Event("lease", 5, b"3", b"3"), *end]
    page = await second.range("", revision=3)
    assert [entry.key for entry in page.entries] == ["lease"]
    with sqlite3.connect(tmp_path / "s.db") as raw:
        assert raw.execute("SELECT count(*) FROM versions WHERE key = 'lease'").fetchone() == (1,)
    await second.close()


async def test_history_reaches_back_behind_the_window(tmp_path: Path) -> None:
    store = await SqliteBackend.open(tmp_path / "s.db", window_limits=WindowLimits(changes=10))
    for batch in range(12):
        await asyncio.gather(*(store.put(f"k{batch}-{n}", b"v", expected=0) for n in range(100)))
    events = await Tape(store.watch("k", after=1)).until(1200)
    assert [event.revision for event in events] == list(range(2, 1202))
    await store.close()


async def test_old_history_goes_and_then_nothing_runs(tmp_path: Path, clock: HandClock) -> None:
    store = await SqliteBackend.open(tmp_path / "s.db", clock=clock)
    for n in range(20):
        await store.put("a", b"%d" % n, expected=store.revision if n else 0)
    await store.put("gone", b"", expected=0)
    await store.delete("gone", expected=22)
    await clock.turn(200)
    await store.put("b", b"", expected=0)
    await clock.turn(150)

    async def compacted_to(revision: int) -> bool:
        with sqlite3.connect(tmp_path / "s.db") as raw:
            return bool(raw.execute("SELECT swept FROM state").fetchone() == (revision,))

    await eventually(lambda: compacted_to(23))
    with pytest.raises(Compacted):
        await store.get("a", revision=22)
    assert await store.get("a", revision=23) == Entry("a", b"19", 21)

    async def turned_and_compacted() -> bool:
        await clock.turn(100)
        return await compacted_to(24)

    await eventually(turned_and_compacted)
    with sqlite3.connect(tmp_path / "s.db") as raw:
        assert raw.execute("SELECT key, revision FROM versions ORDER BY 1").fetchall() == [("a", 21), ("b", 24)]

    async def alone() -> bool:
        return len(asyncio.all_tasks()) == 1

    await eventually(alone)
    await store.close()


async def test_the_file_has_a_ceiling(tmp_path: Path) -> None:
    limits = SqliteLimits(history_bytes=1 << 20)
    store = await SqliteBackend.open(tmp_path / "s.db", limits=limits)
    value = b"v" * 10_000
    revisions = [0] * 10
    sizes = []
    for turn in range(40):
        for _ in range(5):
            revisions = await asyncio.gather(
                *(store.put(f"k{n}", value, expected=revision) for n, revision in enumerate(revisions))
            )
        if turn % 10 == 9:
            sizes.append(sum(os.path.getsize(path) for path in glob.glob(f"{tmp_path}/*")))  # noqa: ASYNC240
    assert max(sizes) < 10 << 20, "20 MB were written"
    await store.close()


async def test_only_one_may_open_a_file(tmp_path: Path) -> None:
    store = await SqliteBackend.open(tmp_path / "s.db")
    with pytest.raises(StoreFileInUse, match="in use"):
        await SqliteBackend.open(tmp_path / "s.db")
    await store.close()
    await (await SqliteBackend.open(tmp_path / "s.db")).close()


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE kine(id INTEGER)")


def newer(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")


def torn(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 + 100)


def scribbled(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 + 100)
        file.write(b"\xaa" * 20_000)


@pytest.mark.parametrize(
    ("spoil", "fresh", "message"),
    [
        (lambda path: path.write_bytes(b"apiVersion: v1\nkind: List\n"), True, "not a SQLite database"),
        (foreign, True, "another program"),
        (newer, False, "format 99"),
        (torn, False, "damaged"),
        (scribbled, False, "damaged"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named_and_left_alone(
    tmp_path: Path, spoil: Callable[[Path], Any], fresh: bool, message: str
) -> None:
    path = tmp_path / "s.db"
    if not fresh:
        store = await SqliteBackend.open(path)
        await asyncio.gather(*(store.put(f"k{n}", b"v" * 900, expected=0) for n in range(100)))
        await store.close()
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(UnusableStoreFile, match=message):
        await SqliteBackend.open(path)
    assert path.read_bytes() == before


async def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    (tmp_path / "s.db").touch()
    store = await SqliteBackend.open(tmp_path / "deeper" / "s.db")
    await store.close()
    store = await SqliteBackend.open(tmp_path / "s.db")
    assert store.revision == 1
    assert (tmp_path / "deeper" / "s.db").stat().st_mode & 0o777 == 0o600, "it holds Secrets"
    await store.close()


async def test_a_full_disk_acknowledges_nothing_and_is_got_over(tmp_path: Path) -> None:
    store = await SqliteBackend.open(tmp_path / "s.db")
    writer = store._file.writer
    writer.execute("PRAGMA max_page_count = 100")
    acknowledged: dict[str, int] = {}
    refusals = set()
    for n in range(200):
        try:
            acknowledged[f"k{n}"] = await store.put(f"k{n}", b"v" * 5000, expected=0)
        except StoreUnavailable as error:
            refusals.add(str(error))
    assert 0 < len(acknowledged) < 200
    assert refusals == {"the store cannot write: database or disk is full"}
    assert store.revision == max(acknowledged.values())
    writer.execute("PRAGMA max_page_count = 100000")
    acknowledged["after"] = await store.put("after", b"", expected=0)
    assert acknowledged["after"] == store.revision
    await store.close()
    again = await SqliteBackend.open(tmp_path / "s.db")
    assert {entry.key: entry.revision for entry in (await again.range("")).entries} == acknowledged
    await again.close()


async def test_a_backup_is_a_store_as_of_then(tmp_path: Path) -> None:
    store = await SqliteBackend.open(tmp_path / "s.db")
    await asyncio.gather(*(store.put(f"k{n}", b"v" * 1000, expected=0) for n in range(200)))
    writing = asyncio.gather(*(store.put(f"l{n}", b"", expected=0) for n in range(200)))
    await store.backup(tmp_path / "copy.db")
    await writing
    with pytest.raises(FileExistsError):
        await store.backup(tmp_path / "copy.db")
    await store.close()
    copy = await SqliteBackend.open(tmp_path / "copy.db")
    entries = (await copy.range("")).entries
    assert [e.key for e in entries if e.key.startswith("k")] == sorted(f"k{n}" for n in range(200))
    assert copy.revision == 1 + len(entries)
    await copy.close()


async def test_too_much_that_waits_is_refused_at_once(tmp_path: Path) -> None:
    store = await SqliteBackend.open(tmp_path / "s.db", limits=SqliteLimits(waiting_writes=50))
    results: list[Any] = await asyncio.gather(
        *(store.put(f"k{n}", b"", expected=0) for n in range(80)), return_exceptions=True
    )
    assert sum(isinstance(result, int) for result in results) == 50
    assert sum(isinstance(result, StoreUnavailable) for result in results) == 30
    assert await store.put("later", b"", expected=0) == 52
    await store.close()


async def test_a_mismatch_costs_no_revision_and_spoils_no_batch(tmp_path: Path) -> None:
    store = await SqliteBackend.open(tmp_path / "s.db")
    results: list[Any] = await asyncio.gather(
        store.put("a", b"", expected=0), store.put("a", b"", expected=0), store.put("b", b"", expected=0),
        return_exceptions=True,
    )  # fmt: skip
    assert (results[0], type(results[1]), results[2]) == (2, Mismatch, 3)
    await store.close()


class FailingConnection(sqlite3.Connection):
    """Fails at the n-th call that could fail, as a disk would."""

    calls = 0
    fail_at = 0

    def _call(self) -> None:
        FailingConnection.calls += 1
        if FailingConnection.calls == FailingConnection.fail_at:
            raise sqlite3.OperationalError("disk I/O error")

    def execute(self, *args: Any) -> sqlite3.Cursor:
        if args[0] != "ROLLBACK":
            self._call()
        return super().execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        self._call()
        return super().executemany(*args)

    def commit(self) -> None:
        self._call()
        super().commit()


async def work_through(store: SqliteBackend, model: dict[str, tuple[bytes, int]], clock: HandClock) -> None:
    """Writes of every sort; `model` is what was acknowledged."""

    async def put(key: str, value: bytes, **options: Any) -> None:
        expected = model[key][1] if key in model else 0
        model[key] = (value, await store.put(key, value, expected=expected, **options))

    async def delete(key: str) -> None:
        await store.delete(key, expected=model[key][1])
        del model[key]

    steps: list[Callable[[], Any]] = [
        lambda: put("a", b"1"),
        lambda: asyncio.gather(put("b", b"1"), put("c", b"1", trail=False), put("d", b"1", ttl_seconds=1000)),
        lambda: put("c", b"2", trail=False),
        lambda: asyncio.gather(put("a", b"2"), delete("b")),
        lambda: store.compact(store.revision - 1),
        lambda: put("e", b"1"),
    ]
    for step in steps:
        try:
            await step()
        except (StoreUnavailable, KeyError):
            await asyncio.sleep(0)


async def test_whichever_call_fails_nothing_acknowledged_is_lost(tmp_path: Path, clock: HandClock) -> None:
    FailingConnection.calls = FailingConnection.fail_at = 0

    def failing(path: str) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=FailingConnection)

    fail_at, done = 0, False
    while not done:
        path = tmp_path / f"{fail_at}.db"
        await (await SqliteBackend.open(path, clock=clock)).close()
        FailingConnection.fail_at = 0
        store = await SqliteBackend.open(path, clock=clock, connect=failing)
        FailingConnection.calls, FailingConnection.fail_at = 0, fail_at
        tape = Tape(store.watch("", after=1))
        reading = asyncio.create_task(tape.until(1000))
        await asyncio.sleep(0)
        model: dict[str, tuple[bytes, int]] = {}
        await work_through(store, model, clock)
        done = fail_at > FailingConnection.calls
        for key, (value, revision) in model.items():
            assert await store.get(key) == Entry(key, value, revision), f"call {fail_at}"
        assert sorted(entry.key for entry in (await store.range("")).entries) == sorted(model), f"call {fail_at}"
        told = store.revision
        await store.close()
        with pytest.raises(StoreUnavailable):
            await reading
        assert [event.revision for event in tape.events] == list(range(2, told + 1))
        again = await SqliteBackend.open(path, clock=clock)
        assert {e.key: (e.value, e.revision) for e in (await again.range("")).entries} == model
        assert again.revision == told
        await again.close()
        fail_at += 1
    assert fail_at > 30


async def test_a_busy_loop_does_not_starve_the_commit(tmp_path: Path) -> None:
    """A loop that is never idle yet gives the interpreter's lock up for moments kept the thread from it for seconds."""
    store = await SqliteBackend.open(tmp_path / "s.db")
    loop = asyncio.get_running_loop()
    stop = False

    def burn() -> None:
        end = loop.time() + 0.0002
        while loop.time() < end:
            pass
        if not stop:
            loop.call_soon(burn)

    burn()
    async with asyncio.timeout(60):
        for n in range(120):
            await store.put(f"k{n}", b"", expected=0)
    stop = True
    await store.close()


async def test_the_thread_outlives_a_failing_commit() -> None:
    committer = Committer(asyncio.get_running_loop())
    ends: asyncio.Queue[BaseException | None] = asyncio.Queue()

    def fail() -> None:
        raise OSError("no")

    committer.submit(fail, ends.put_nowait)
    assert isinstance(await ends.get(), OSError)
    committer.submit(lambda: None, ends.put_nowait)
    assert await ends.get() is None
    committer.stop()


def test_connections_are_in_autocommit_mode(tmp_path: Path) -> None:
    connection = connect(str(tmp_path / "x"))
    assert connection.isolation_level is None
    connection.close()
