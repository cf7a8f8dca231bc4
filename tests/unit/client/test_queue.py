"""The work queue: each key once, never two workers on one, growing pauses."""

import asyncio

from kybern.base.clock import SystemClock
from kybern.client.queue import FIRST_PAUSE_SECONDS, PAUSE_LIMIT_SECONDS, WorkQueue
from tests.unit.hand_clock import HandClock, settle


async def test_a_key_waits_once_and_comes_again_after_its_work() -> None:
    queue: WorkQueue[str] = WorkQueue(SystemClock())
    for _ in range(3):
        queue.add("a")
    assert len(queue) == 1
    assert await queue.take() == "a"
    queue.add("a")
    assert len(queue) == 0, "two workers would have one key"
    queue.done("a")
    assert len(queue) == 1
    assert await queue.take() == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_the_sooner_of_two_delays_counts() -> None:
    clock = HandClock()
    queue: WorkQueue[str] = WorkQueue(clock)
    task = asyncio.create_task(queue.run())
    queue.add_after("a", 3600)
    queue.add_after("b", 20)
    queue.add_after("a", 10)
    for key in ("a", "b"):
        await settle()
        await clock.turn(9)
        assert len(queue) == 0
        await clock.turn(1)
        await settle()
        assert len(queue) == 1
        assert await queue.take() == key
    task.cancel()


def test_back_off() -> None:
    queue: WorkQueue[str] = WorkQueue(SystemClock())
    pauses = [queue.add_failed("a") for _ in range(40)]
    assert pauses[:4] == [FIRST_PAUSE_SECONDS * 2**n for n in range(4)]
    assert pauses[-1] == PAUSE_LIMIT_SECONDS
    queue.forget("a")
    assert queue.add_failed("a") == FIRST_PAUSE_SECONDS
