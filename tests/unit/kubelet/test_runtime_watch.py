"""Events of a runtime reach who listens, over a stream that breaks off, and from runtimes of two kinds."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.runtime.views import RuntimeEvent
from kybern.kubelet.runtime_watch import RECONNECT_SECONDS, watch_runtime
from tests.unit.hand_clock import HandClock, settle

ENDS = [RuntimeEvent("a", is_end=True), RuntimeEvent("b", is_end=False), RuntimeEvent("c", is_end=True)]


class Breaking:
    """Tells one event with each connection, then breaks off; the CRI's own stream only if it is `new`."""

    def __init__(self, *, new: bool) -> None:
        self.new = new
        self.left = list(ENDS)

    async def container_events(self) -> AsyncIterator[RuntimeEvent]:
        if not self.new:
            raise RuntimeFailed("GetContainerEvents", "UNIMPLEMENTED", "")
        yield self.left.pop(0)
        raise RuntimeFailed("GetContainerEvents", "UNAVAILABLE", "")

    async def containerd_events(self) -> AsyncIterator[RuntimeEvent]:
        assert not self.new, "the runtime's own events are asked for where the CRI has none"
        yield self.left.pop(0)
        raise RuntimeFailed("Subscribe", "UNAVAILABLE", "")


async def check(*, new: bool) -> None:
    clock, heard = HandClock(), list[RuntimeEvent | str]()
    runtime = cast(Runtime, Breaking(new=new))
    task = asyncio.create_task(watch_runtime(runtime, clock, heard.append, lambda: heard.append("lost")))
    await settle()
    for _ in ENDS[1:]:
        await clock.turn(RECONNECT_SECONDS)
        await settle()
    task.cancel()
    await asyncio.wait({task})
    assert heard == [each for event in ENDS for each in (event, "lost")]


async def test_the_stream_of_the_cri() -> None:
    await check(new=True)


async def test_the_stream_of_a_containerd_without_it() -> None:
    await check(new=False)
