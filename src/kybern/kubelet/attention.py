"""Waiting for work without looking away from the world."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def attend(work: asyncio.Task[None], woken: asyncio.Event, look: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `work` is done; each time that something wakes us meanwhile, `look`. Once it gives False, the waiting
    ends, and the work goes on.

    A look tells what there is, it does not decide: so no waking is used up here, `woken` is set again in the end.
    """
    looked = False
    try:
        while not work.done():
            waking = asyncio.create_task(woken.wait())
            try:
                await asyncio.wait({work, waking}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
            if not work.done():
                woken.clear()
                looked = True
                if not await look():
                    return
    finally:
        if looked:
            woken.set()


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Do what must not stop half-way: a cancellation waits for it, and a second one cuts it short.

    A runtime whose call is broken off leaves a container that failed to start, or a name that stays taken.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if not task.cancelled():
            task.exception()  # Nobody is left whom a failure would concern.
        raise
