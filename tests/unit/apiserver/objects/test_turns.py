"""Turns: who has met others waits in line, who has not passes by."""

import asyncio

import pytest

from kybern.apiserver.objects.turns import Turns


async def test_who_meets_nobody_waits_for_nobody() -> None:
    turns = Turns()
    async with asyncio.timeout(60), turns.of("a"), turns.of("a"), turns.of("b"):
        pass


async def test_those_who_contend_go_one_after_the_other() -> None:
    turns, inside, most, order = Turns(), 0, 0, []

    async def write(index: int) -> None:
        nonlocal inside, most
        async with turns.of("a") as turn:
            await turn.contend()
            await turn.contend()
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            order.append(index)

    await asyncio.gather(*(write(index) for index in range(10)))
    assert most == 1
    assert order == list(range(10))


async def test_newcomers_join_the_line() -> None:
    turns = Turns()
    async with turns.of("a") as first:
        await first.contend()
        newcomer = asyncio.ensure_future(turns.of("a").__aenter__())
        other = asyncio.ensure_future(turns.of("b").__aenter__())
        await asyncio.sleep(0)
        assert other.done()
        assert not newcomer.done()
    turn = await newcomer
    await turn.__aexit__(None, None, None)
    async with turns.of("a") as last:
        assert not last._held


@pytest.mark.parametrize("leaves", ["cancelled", "failed"])
async def test_who_gives_up_holds_nobody_up(leaves: str) -> None:
    turns = Turns()

    async def write() -> None:
        async with turns.of("a") as turn:
            await turn.contend()
            if leaves == "failed":
                raise ValueError

    async with turns.of("a") as first:
        await first.contend()
        second, third = asyncio.ensure_future(write()), asyncio.ensure_future(write())
        await asyncio.sleep(0)
        if leaves == "cancelled":
            second.cancel()
    results = await asyncio.gather(second, third, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError if leaves == "cancelled" else ValueError)
    assert turns._locks == {}
