"""Pieces that are sent by who makes them: told when the client does not keep up, is gone, or takes them again."""

import asyncio

import pytest

from kybern.transport.exchange import Send, Stream
from kybern.transport.response import chunk

from .conftest import Rig, Wire, eventually, get, running


class Pieces:
    """Asked for pieces one at a time, and told how to send them directly."""

    def __init__(self) -> None:
        self.send: Send | None = None
        self.offers = 0
        self.asked: asyncio.Future[bytes] | None = None
        self.closed = False

    def go_direct(self, send: Send | None) -> None:
        self.send = send
        self.offers += send is not None

    def __aiter__(self) -> "Pieces":
        return self

    def __anext__(self) -> "asyncio.Future[bytes]":
        self.asked = asyncio.get_running_loop().create_future()
        return self.asked

    async def aclose(self) -> None:
        self.closed = True


async def begun(rig: Rig, pieces: Pieces, *, version: str = "1.1") -> Wire:
    """A client whose stream waits for its first piece."""
    wire = await rig.wire()
    wire.send(get().replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
    await wire.head()
    await eventually(lambda: pieces.asked is not None)
    return wire


async def test_what_is_sent_directly_and_what_is_answered_come_in_order() -> None:
    pieces = Pieces()
    async with running(lambda request: Stream(pieces)) as rig:
        wire = await begun(rig, pieces)
        assert pieces.send is not None
        assert pieces.asked is not None
        asked = pieces.asked
        pieces.send(chunk(b"one"))
        pieces.send(chunk(b"two"))
        asked.set_result(b"three")
        await eventually(lambda: pieces.asked is not asked)
        pieces.send(chunk(b"four"))
        assert [await wire.chunk() for _ in range(4)] == [b"one", b"two", b"three", b"four"]
        pieces.asked.set_exception(StopAsyncIteration())
        assert await wire.chunk() == b""


async def test_nothing_is_sent_directly_to_a_client_that_does_not_keep_up_until_it_does_again() -> None:
    pieces = Pieces()
    async with running(lambda request: Stream(pieces)) as rig:
        wire = await begun(rig, pieces)
        count = 0
        while pieces.send is not None:
            pieces.send(chunk(b"x" * 100_000))
            count += 1
            assert count < 1000, "what waits for it is bounded"
        for _ in range(count):
            assert len(await wire.chunk()) == 100_000
        await eventually(lambda: pieces.offers == 2)
        assert pieces.send is not None
        pieces.send(chunk(b"again"))
        assert await wire.chunk() == b"again"


@pytest.mark.parametrize("reset", [True, False])
async def test_who_is_gone_is_sent_nothing(reset: bool) -> None:
    pieces = Pieces()
    async with running(lambda request: Stream(pieces)) as rig:
        wire = await begun(rig, pieces)
        if reset:
            wire.writer.transport.abort()
        wire.close()
        await eventually(lambda: pieces.send is None)
        await eventually(lambda: pieces.closed)


async def test_a_client_that_knows_no_chunks_is_sent_nothing_directly() -> None:
    pieces = Pieces()
    async with running(lambda request: Stream(pieces)) as rig:
        wire = await begun(rig, pieces, version="1.0")
        assert pieces.offers == 0
        assert pieces.asked is not None
        asked = pieces.asked
        asked.set_result(b"bare")
        assert await wire.reader.readexactly(4) == b"bare"
