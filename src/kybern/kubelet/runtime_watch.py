"""Tells what happens in the runtime: its event stream, and a list now and then for what that missed.

Between the end of one stream and the begin of the next nothing is told, and nobody learns when the next has begun: what
happened meanwhile is found by the list.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from kybern.base.clock import Clock
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.runtime.views import RuntimeEvent

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0
MISSING = ("UNIMPLEMENTED", "UNKNOWN")


async def watch_runtime(
    runtime: Runtime, clock: Clock, hear: Callable[[RuntimeEvent], None], lost: Callable[[], None]
) -> None:
    """Call `hear` with each event; `lost` when some may have been missed."""
    source: Callable[[], AsyncIterator[RuntimeEvent]] = runtime.container_events
    while True:
        try:
            async for event in source():
                hear(event)
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
