"""Any bytes, in any portions: the server neither hangs nor leaks, and goes on serving."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from kybern.transport import Limits
from tests.effort import examples

from .conftest import eventually, get, post, running

PARTS = [
    b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"Host: a\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Expect: 100-continue\r\n", b"\r\n", b"\n", b"5\r\nabcde\r\n", b"0\r\n\r\n", b"abcde", b"\0",
    b"HTTP/1.1 200 OK\r\n\r\n",
    get("/whole"), post(b"body"), b"%zz", b" ", b":", b"ffffffffffffffff\r\n",
]  # fmt: skip
BYTES = st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=20)), max_size=12)
QUICK = Limits(
    head_seconds=0.1, body_seconds=0.1, idle_seconds=0.1, linger_seconds=0.05, stall_seconds=0.1, head_bytes=500,
    body_bytes=500,
)  # fmt: skip


async def throw(attacks: list[list[bytes]]) -> None:
    async with running(limits=QUICK) as rig:

        async def attack(portions: list[bytes]) -> None:
            wire = await rig.wire()
            for portion in portions:
                wire.send(portion)
                await asyncio.sleep(0)
            await wire.ended()

        await asyncio.gather(*(attack(portions) for portions in attacks))
        await rig.serves()
    await eventually(lambda: len(asyncio.all_tasks()) == 1)


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@settings(max_examples=examples(12))
@given(attacks=st.lists(BYTES, min_size=20, max_size=40))
def test_any_bytes(make_loop: Callable[[], asyncio.AbstractEventLoop], attacks: list[list[bytes]]) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(throw(attacks))
