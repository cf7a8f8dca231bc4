"""Any sequence of writes, compactions and restarts: SQLite does what memory does."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kybern.storage.backend import Backend, Compacted, Mismatch
from kybern.storage.memory import MemoryBackend
from kybern.storage.sqlite import SqliteBackend
from kybern.storage.window import WindowLimits
from tests.effort import examples

from .conftest import HandClock, Tape

KEYS = st.sampled_from(["a", "a/1", "a/2", "b", "b/1"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.binary(max_size=3), st.booleans()),
        st.tuples(st.just("delete"), KEYS, st.booleans()),
        st.tuples(st.just("compact"), st.integers(0, 3)),
        st.tuples(st.just("restart")),
    ),
    max_size=25,
)


async def attempt(store: Backend, step: tuple[Any, ...], revisions: dict[str, int]) -> Any:
    """The outcome of a step, errors included."""
    try:
        if step[0] == "put":
            return await store.put(step[1], step[2], expected=revisions.get(step[1], 0) if step[3] else 1)
        if step[0] == "delete":
            return await store.delete(step[1], expected=revisions.get(step[1], 0) if step[2] else 1)
        return await store.compact(max(store.revision - step[1], 1))
    except Mismatch as mismatch:
        return ("mismatch", mismatch.current)


async def look(store: Backend) -> list[Any]:
    """Everything that can be seen of a store: every revision, every watch."""
    seen: list[Any] = []
    for revision in range(1, store.revision + 1):
        for prefix, limit in (("", 0), ("a/", 0), ("", 2)):
            try:
                page = await store.range(prefix, limit=limit, revision=revision)
                seen.append((list(page.entries), page.revision, page.more, page.remaining))
            except Compacted as error:
                seen.append(error.oldest)
        try:
            seen.append([await store.get(key, revision=revision) for key in ("a", "b/1")])
            if revision < store.revision:
                seen.append(await Tape(store.watch("", after=revision)).until(store.revision - revision))
        except Compacted as error:
            seen.append(error.oldest)
    seen.append(list((await store.range("")).entries))
    return seen


async def compare(steps: list[tuple[Any, ...]], folder: Path) -> None:
    clock = HandClock()
    window = WindowLimits(changes=4)
    model = MemoryBackend(clock)
    store = await SqliteBackend.open(folder / "s.db", clock=clock, window_limits=window)
    revisions: dict[str, int] = {}
    for step in steps:
        if step[0] == "restart":
            await store.close()
            store = await SqliteBackend.open(folder / "s.db", clock=clock, window_limits=window)
            continue
        expected = await attempt(model, step, revisions)
        assert await attempt(store, step, revisions) == expected, step
        revisions = {entry.key: entry.revision for entry in (await model.range("")).entries}
    assert store.revision == model.revision
    assert await look(store) == await look(model)
    await store.close()
    await model.close()


@settings(max_examples=examples(60))
@given(STEPS)
def test_sqlite_does_what_memory_does(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(steps, Path(folder)))
