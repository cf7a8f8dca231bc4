"""The contract of `storage/backend.py`, case by case, over every backend."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from kybern.storage.backend import (
    REQUEST_LIMIT_BYTES,
    Backend,
    Compacted,
    Entry,
    Event,
    Mismatch,
    StoreUnavailable,
    TooLarge,
)

from .conftest import HandClock, Tape, eventually


async def fill(store: Backend, *keys: str) -> list[int]:
    return [await store.put(key, f"value of {key}".encode(), expected=0) for key in keys]


async def test_an_empty_store_is_at_revision_one(store: Backend) -> None:
    assert store.revision == 1
    assert await store.current_revision() == 1
    assert await store.get("a") is None
    page = await store.range("")
    assert (list(page.entries), page.revision, page.more, page.remaining) == ([], 1, False, 0)


async def test_each_write_has_the_next_revision(store: Backend) -> None:
    assert await fill(store, "a", "b") == [2, 3]
    assert await store.put("a", b"2", expected=2) == 4
    assert await store.delete("b", expected=3) == 5
    assert store.revision == await store.current_revision() == 5
    assert await store.get("a") == Entry("a", b"2", 4)
    assert await store.get("b") is None


@pytest.mark.parametrize("key", ["", "a", "/registry/pods/default/web-0", "ü€𝄞", "a\0b", "k" * 4096])
@pytest.mark.parametrize("value", [b"", b"\0\xff", b"v" * 100_000])
async def test_keys_and_values_come_back_as_they_went(store: Backend, key: str, value: bytes) -> None:
    revision = await store.put(key, value, expected=0)
    assert await store.get(key) == Entry(key, value, revision)


async def test_a_write_on_the_wrong_revision_is_refused_and_tells_what_is_there(store: Backend) -> None:
    await fill(store, "a")
    current = Entry("a", b"value of a", 2)
    for attempt, key, there in [
        (store.put("a", b"x", expected=0), "a", current),
        (store.put("a", b"x", expected=1), "a", current),
        (store.put("a", b"x", expected=3), "a", current),
        (store.put("b", b"x", expected=2), "b", None),
        (store.delete("a", expected=1), "a", current),
        (store.delete("b", expected=2), "b", None),
        (store.delete("b", expected=0), "b", None),
    ]:
        with pytest.raises(Mismatch) as refusal:
            await attempt
        assert (refusal.value.key, refusal.value.current) == (key, there)
    assert store.revision == 2
    assert await store.get("a") == current


async def test_of_many_writers_on_one_revision_one_wins(store: Backend) -> None:
    await fill(store, "a")
    results = await asyncio.gather(*(store.put("a", b"%d" % n, expected=2) for n in range(50)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Mismatch"] * 49 + ["int"]
    assert store.revision == 3


KEYS = [
    *("a", "a/b", "a/b/c", "a/c", "a0", "b", "é"),
    *("\ud7ff", "\ud7ffx", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "\U0010ffffx"),
]


@pytest.mark.parametrize(
    ("prefix", "start", "limit", "expected", "remaining"),
    [
        ("", "", 0, KEYS, 0),
        ("a", "", 0, ["a", "a/b", "a/b/c", "a/c", "a0"], 0),
        ("a/", "", 0, ["a/b", "a/b/c", "a/c"], 0),
        ("a/", "", 2, ["a/b", "a/b/c"], 1),
        ("a/", "a/b\0", 2, ["a/b/c", "a/c"], 0),
        ("a/", "a/c", 0, ["a/c"], 0),
        ("a/", "z", 0, [], 0),
        ("a/", "", 3, ["a/b", "a/b/c", "a/c"], 0),
        ("\ud7ff", "", 0, ["\ud7ff", "\ud7ffx"], 0),
        ("", "b", 2, ["b", "é"], 7),
        ("\U0010ffff", "", 0, ["\U0010ffff", "\U0010ffffx"], 0),
        ("\uffff", "", 0, ["\uffff"], 0),
        ("nothing", "", 5, [], 0),
    ],
)
@pytest.mark.parametrize("old", [False, True])
async def test_ranges(
    store: Backend, prefix: str, start: str, limit: int, expected: list[str], remaining: int, old: bool
) -> None:
    await fill(store, *reversed(KEYS))
    revision = store.revision
    if old:
        for entry in (await store.range("a")).entries:
            await store.delete(entry.key, expected=entry.revision)
        await store.put("a/new", b"", expected=0)
    page = await store.range(prefix, start=start, limit=limit, revision=revision if old else 0)
    assert [entry.key for entry in page.entries] == expected
    assert [entry.value for entry in page.entries] == [f"value of {key}".encode() for key in expected]
    assert (page.revision, page.more, page.remaining) == (revision, remaining > 0, remaining)


async def test_the_past_can_be_read(store: Backend) -> None:
    await store.put("a", b"1", expected=0)
    await store.put("a", b"2", expected=2)
    await store.delete("a", expected=3)
    await store.put("a", b"3", expected=0)
    seen = [await store.get("a", revision=revision) for revision in range(1, 6)]
    assert seen == [None, Entry("a", b"1", 2), Entry("a", b"2", 3), None, Entry("a", b"3", 5)]
    for revision in range(1, 6):
        page = await store.range("", revision=revision)
        assert list(page.entries) == [entry for entry in [seen[revision - 1]] if entry]
        assert page.revision == revision


async def test_the_future_cannot_be_read(store: Backend) -> None:
    for attempt in (store.get("a", revision=2), store.range("", revision=2), store.compact(2)):
        with pytest.raises(ValueError, match="future"):
            await attempt


async def test_compaction_ends_the_past(store: Backend) -> None:
    await fill(store, "a", "b", "c")
    await store.put("a", b"new", expected=2)
    await store.compact(4)
    assert (await store.get("a", revision=4)) == Entry("a", b"value of a", 2)
    for attempt in (store.get("a", revision=3), store.range("", revision=3)):
        with pytest.raises(Compacted) as refusal:
            await attempt
        assert refusal.value.oldest == 4
    async with aclosing(store.watch("", after=3)) as watch:  # type: ignore[type-var]
        with pytest.raises(Compacted):
            await anext(watch)
    assert await Tape(store.watch("", after=4)).until(1) == [Event("a", 5, b"new", b"value of a")]
    await store.compact(2)
    assert len((await store.range("")).entries) == 3


async def test_a_watch_tells_every_write_with_what_was_before(store: Backend) -> None:
    tape = Tape(store.watch("a/", after=0))
    await store.put("a/1", b"1", expected=0)
    await store.put("b/1", b"other", expected=0)
    await store.put("a/1", b"2", expected=2)
    await store.delete("a/1", expected=4)
    assert await tape.until(3) == [
        Event("a/1", 2, b"1", None),
        Event("a/1", 4, b"2", b"1"),
        Event("a/1", 5, None, b"2"),
    ]
    await store.put("a/1", b"3", expected=0)
    assert (await tape.until(4))[3] == Event("a/1", 6, b"3", None)


async def test_a_watch_begins_after_its_revision(store: Backend) -> None:
    await fill(store, "a", "b", "c")
    for after, expected in [(1, [2, 3, 4]), (2, [3, 4]), (3, [4])]:
        assert [event.revision for event in await Tape(store.watch("", after=after)).until(len(expected))] == expected
    ahead = Tape(store.watch("", after=6))
    reading = asyncio.create_task(ahead.until(1))
    await asyncio.sleep(0)
    await fill(store, "d", "e", "f")
    assert [event.revision for event in await reading] == [7]


async def test_a_watcher_that_sleeps_misses_nothing_and_holds_nobody(store: Backend) -> None:
    lazy, keen = Tape(store.watch("k", after=1)), Tape(store.watch("k", after=1))
    waiting = asyncio.create_task(lazy.until(1))
    await asyncio.sleep(0)
    for n in range(60):
        await asyncio.gather(*(store.put(f"k{n}-{m}", b"", expected=0) for m in range(100)))
    assert [event.revision for event in await keen.until(6000)] == list(range(2, 6002))
    await waiting
    assert [event.revision for event in await lazy.until(6000)] == list(range(2, 6002))


async def test_a_writer_sees_its_write_in_a_watch_that_waited_before(store: Backend) -> None:
    tape = Tape(store.watch("", after=1))
    reading = asyncio.create_task(tape.until(1))
    await asyncio.sleep(0)
    await fill(store, "a")
    await reading
    assert tape.events[0].revision == 2


async def test_a_key_with_a_time_to_live_expires_and_watches_hear_of_it(store: Backend, clock: HandClock) -> None:
    await store.put("short", b"s", expected=0, ttl_seconds=10)
    await store.put("long", b"l", expected=0, ttl_seconds=30)
    await store.put("kept", b"k", expected=0, ttl_seconds=10)
    await store.put("kept", b"for ever", expected=4)
    tape = Tape(store.watch("", after=5))
    await clock.turn(9)
    assert len((await store.range("")).entries) == 3
    await clock.turn(2)
    assert await tape.until(1) == [Event("short", 6, None, b"s")]
    await clock.turn(30)
    assert (await tape.until(2))[1] == Event("long", 7, None, b"l")
    assert [entry.key for entry in (await store.range("")).entries] == ["kept"]


async def test_hundreds_of_keys_expire_together(store: Backend, clock: HandClock) -> None:
    await asyncio.gather(*(store.put(f"k{n}", b"", expected=0, ttl_seconds=5) for n in range(450)))
    await clock.turn(6)

    async def empty() -> bool:
        return not (await store.range("")).entries

    await eventually(empty)
    assert (await store.range("")).revision == 901


async def test_a_key_without_trail_is_watched_and_read_like_any_other(store: Backend) -> None:
    tape = Tape(store.watch("", after=1))
    revision = 0
    for n in range(5):
        revision = await store.put("lease", b"%d" % n, expected=revision, trail=False)
    await store.delete("lease", expected=revision)
    events = await tape.until(6)
    assert [event.value for event in events] == [b"0", b"1", b"2", b"3", b"4", None]
    assert [event.previous for event in events] == [None, b"0", b"1", b"2", b"3", b"4"]
    assert await store.get("lease") is None


async def test_a_cancelled_writer_harms_nobody(store: Backend) -> None:
    tasks = [asyncio.create_task(store.put(f"k{n}", b"", expected=0)) for n in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    results: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, int) for result in results) >= 9
    assert await store.put("after", b"", expected=0) == store.revision


async def test_after_close_nothing_works_and_watches_end(store: Backend) -> None:
    reading = asyncio.create_task(Tape(store.watch("", after=1)).until(1))
    await asyncio.sleep(0.01)
    await store.close()
    for attempt in (
        reading,
        store.put("a", b"", expected=0),
        store.delete("a", expected=0),
        store.get("a"),
        store.range(""),
        store.current_revision(),
        store.compact(1),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt
    await store.close()


async def test_a_key_that_is_no_text_is_refused_alone(store: Backend) -> None:
    good, bad = await asyncio.gather(
        store.put("good", b"", expected=0), store.put("\ud800", b"", expected=0), return_exceptions=True
    )
    assert isinstance(bad, ValueError)
    assert good == store.revision


async def test_what_is_too_large_is_refused_and_changes_nothing(store: Backend) -> None:
    revision = await store.put("a", b"v" * (REQUEST_LIMIT_BYTES - 4096), expected=0)
    for size, words in ((REQUEST_LIMIT_BYTES + 1, "request is too large"), (3 << 20, "larger than max")):
        with pytest.raises(TooLarge, match=words):
            await store.put("a", b"v" * size, expected=revision)
    assert store.revision == await store.current_revision() == revision
