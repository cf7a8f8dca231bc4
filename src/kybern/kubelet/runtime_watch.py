"""Wakes workers when something happens in the runtime: its event stream, and a slow relist for what that missed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from kybern.base.clock import Clock
from kybern.kubelet.cri import Runtime, RuntimeFailed

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0
LAG_SECONDS = 0.1
"""ContainerStatus can lag an event by some milliseconds: the worker is woken a second time."""
MISSING = ("UNIMPLEMENTED", "UNKNOWN")


async def watch_runtime(runtime: Runtime, clock: Clock, wake: Callable[[str], None], lost: Callable[[], None]) -> None:
    """Call `wake` with the id of each container that something happened to; `lost` when events may have been missed."""
    source: Callable[[], AsyncIterator[str]] = runtime.container_events
    loop = asyncio.get_running_loop()
    while True:
        try:
            async for id in source():
                wake(id)
                loop.call_later(LAG_SECONDS, wake, id)
        except RuntimeFailed as error:
            if error.code in MISSING and source == runtime.container_events:
                source = runtime.containerd_events
                continue
            log.info("the runtime's events broke off: %s", error)
        lost()
        await clock.sleep(RECONNECT_SECONDS)


async def relist(clock: Clock, period_seconds: float, look: Callable[[], Awaitable[None]]) -> None:
    """Call `look` once in each period."""
    while True:
        try:
            await look()
        except RuntimeFailed as error:
            log.info("the runtime cannot be listed: %s", error)
        await clock.sleep(period_seconds)
