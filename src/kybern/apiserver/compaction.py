"""What an etcd remembers of the past has an end: the API servers are those who forget it, as upstream's do.

Several servers on one etcd may each do so: what is compacted already is no fault.
"""

import logging

from kybern.base.clock import Clock
from kybern.storage.backend import Backend, StoreUnavailable

log = logging.getLogger(__name__)


async def compact_regularly(backend: Backend, clock: Clock, interval_seconds: float) -> None:
    """After each interval forget what was past at its beginning. Endless."""
    revision = 0
    while True:
        try:
            if revision:
                await backend.compact(revision)
            revision = await backend.current_revision()
        except StoreUnavailable as error:
            log.warning("compaction: %s", error)
        await clock.sleep(interval_seconds)
