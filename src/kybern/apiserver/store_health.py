"""Whether the store answers: of an etcd that is asked, of a store in this process it goes without saying."""

import asyncio
from collections.abc import Awaitable, Callable

from kybern.storage.backend import Backend, StoreUnavailable

ETCD_TIMEOUT_SECONDS = 2.0
"""Upstream's --etcd-healthcheck-timeout and --etcd-readycheck-timeout."""


class StoreHealth:
    """A health check. Those who ask while an answer is under way share it."""

    def __init__(self, backend: Backend, loaded: Callable[[], bool], *, is_etcd: bool) -> None:
        self._backend = backend
        self._loaded = loaded
        self._is_etcd = is_etcd
        self._asking: asyncio.Task[str] | None = None

    def check(self) -> str | Awaitable[str]:
        if not self._loaded():
            return "the watch cache is not loaded"
        if not self._is_etcd:
            return ""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())
        return asyncio.shield(self._asking)

    async def _ask(self) -> str:
        try:
            async with asyncio.timeout(ETCD_TIMEOUT_SECONDS):
                await self._backend.current_revision()
        except TimeoutError:
            return "error getting data from etcd: context deadline exceeded"
        except StoreUnavailable as error:
            return f"error getting data from etcd: {error}"
        return ""
