"""Waiting for work without looking away from the world."""

import asyncio
from collections.abc import Awaitable, Callable


async def attend(work: asyncio.Task[None], woken: asyncio.Event, look: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `work` is done; each time that something wakes us meanwhile, `look`. Once it gives False, the waiting
    ends, and the work goes on."""
    while not work.done():
        waking = asyncio.create_task(woken.wait())
        try:
            await asyncio.wait({work, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
        if not work.done():
            woken.clear()
            if not await look():
                return
