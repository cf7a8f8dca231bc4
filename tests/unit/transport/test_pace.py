"""How much a turn of the loop begins, and what becomes of those who leave before their turn."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from itertools import pairwise

from kybern.transport import Limits
from kybern.transport.exchange import Request, Response
from kybern.transport.pace import Pace

from .conftest import eventually, get, post, running


async def test_a_turn_begins_few_and_the_rest_follow_in_order() -> None:
    pace, begun, turns = Pace(asyncio.get_running_loop(), 2), list[int](), list[int]()
    for number in range(5):
        pace.begin(partial(begun.append, number))
    for _ in range(6):
        turns.append(len(begun))
        await asyncio.sleep(0)
    assert begun == [0, 1, 2, 3, 4]
    assert turns[0] == 2
    assert all(after - before <= 2 for before, after in pairwise(turns))
    pace.begin(lambda: begun.append(5))
    assert begun[-1] == 5


async def test_what_is_answered_at_once_overtakes_what_waits_for_its_turn() -> None:
    gate, ended = asyncio.Event(), list[str]()

    async def slow(request: Request) -> Response:
        await gate.wait()
        ended.append(request.body.decode())
        return Response(201, b"")

    def handle(request: Request) -> Response | Awaitable[Response]:
        return slow(request) if request.method == "POST" else Response(200, b"at once")

    async with running(handle, limits=Limits(begun_answers=1)) as rig:
        writers = [await rig.wire() for _ in range(20)]
        for number, wire in enumerate(writers):
            wire.send(post(b"%d" % number))
        assert (await rig.ask(get())).body == b"at once"
        assert ended == []
        gate.set()
        for wire in writers:
            assert (await wire.answer()).status == 201
        assert sorted(ended, key=int) == [str(number) for number in range(20)]


async def test_a_client_that_leaves_before_its_turn_is_begun_and_ended() -> None:
    held, given_back = list[int](), list[int]()

    async def hold(number: int) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            given_back.append(number)
        raise AssertionError

    def handle(request: Request) -> Awaitable[Response]:
        held.append(len(held))
        return hold(held[-1])

    async with running(handle, limits=Limits(begun_answers=1)) as rig:
        wires = [await rig.wire() for _ in range(30)]
        for wire in wires:
            wire.send(post(b"x"))
        await eventually(lambda: len(held) == 30)
        for wire in wires:
            wire.writer.transport.abort()
        await eventually(lambda: len(given_back) == 30)
        await eventually(lambda: rig.server.connections == 0)
        assert sorted(given_back) == held


async def test_a_client_that_leaves_in_the_turn_in_which_its_answer_begins() -> None:
    held, given_back = list[int](), list[int]()

    async def hold() -> Response:
        held.append(1)
        try:
            await asyncio.Event().wait()
        finally:
            given_back.append(1)
        raise AssertionError

    def handle(request: Request) -> Awaitable[Response]:
        # The loss is told before the task of this answer has its first step.
        for connection in rig.server._connections:
            asyncio.get_running_loop().call_soon(connection.connection_lost, None)
        return hold()

    async with running(handle) as rig:
        wire = await rig.wire()
        wire.send(post(b"x"))
        await eventually(lambda: given_back == [1])
        await eventually(lambda: rig.server.connections == 0)
        assert held == [1]
        wire.close()
