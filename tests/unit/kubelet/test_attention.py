"""Nobody sleeps through a waking. What must not stop half-way ends before the cancellation goes on; a second one does
not wait."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from kybern.kubelet.attention import attend, to_the_end


class Work:
    """Goes on once its gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.done: list[str] = []

    async def run(self) -> str:
        await self.gate.wait()
        self.done.append("work")
        return "result"

    async def outer(self, work: Coroutine[Any, Any, str]) -> None:
        await to_the_end(work)
        self.done.append("what follows")


async def test_who_is_woken_while_he_works_is_woken_still() -> None:
    """What a look has seen, nobody has decided upon."""
    work, woken = Work(), asyncio.Event()

    async def look() -> bool:
        work.done.append("look")
        work.gate.set()
        return True

    async def run() -> None:
        await work.run()

    woken.set()
    await attend(asyncio.create_task(run()), woken, look)
    assert work.done == ["look", "work"]
    assert woken.is_set()


async def test_who_is_not_woken_is_not() -> None:
    work, woken = Work(), asyncio.Event()

    async def run() -> None:
        await work.run()

    async def look() -> bool:
        raise LookupError

    work.gate.set()
    await attend(asyncio.create_task(run()), woken, look)
    assert work.done == ["work"]
    assert not woken.is_set()


async def begun(work: Work) -> asyncio.Task[None]:
    task = asyncio.create_task(work.outer(work.run()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_it_gives_what_the_work_gives() -> None:
    work = Work()
    work.gate.set()
    assert await to_the_end(work.run()) == "result"


async def test_it_raises_what_the_work_raises() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await to_the_end(fail())


async def test_a_cancellation_waits_for_it() -> None:
    work = Work()
    task = await begun(work)
    task.cancel()
    await asyncio.wait({task}, timeout=0.01)
    assert not task.done()
    work.gate.set()
    await asyncio.wait({task})
    assert task.cancelled()
    assert work.done == ["work"]


async def test_a_second_cancellation_does_not() -> None:
    work = Work()
    task = await begun(work)
    task.cancel()
    await asyncio.wait({task}, timeout=0.01)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    work.gate.set()
    await asyncio.sleep(0)
    assert work.done == []
