"""What other servers say they serve, kept for a while: it is part of this server's own discovery."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from math import inf

import orjson

from kybern.api.resource import Object
from kybern.apiserver.aggregation.api_services import ApiServices, Remote
from kybern.apiserver.aggregation.reach import Reach, identity_headers
from kybern.apiserver.cache.change import Change
from kybern.apiserver.proxy.backend import ask
from kybern.apiserver.user import SUPERUSERS, authenticated
from kybern.base.clock import Clock
from kybern.base.errors import ServiceUnavailable, Unreachable

REFRESH_SECONDS = 60.0
LOOK_SECONDS = 1.0
"""Between looks for what is due again; an APIService that changes is looked at at once."""
ANSWER_SECONDS = 5.0
_AGGREGATOR = authenticated("system:kube-aggregator", (SUPERUSERS,))


class RemoteDiscovery:
    """`changed` is called whenever a document of this server is outdated by what is known here."""

    def __init__(self, services: ApiServices, reach: Reach, clock: Clock, changed: Callable[[], None]) -> None:
        self._services = services
        self._reach = reach
        self._clock = clock
        self._changed = changed
        self._known: dict[Remote, tuple[float, Sequence[Object]]] = {}
        self._told: Mapping[Remote, Sequence[Object]] = {}
        self._changes = asyncio.Event()
        services.served.cache.listen(self._notice)

    async def run(self) -> None:
        """For ever."""
        while True:
            self._changes.clear()
            await self.settle()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changes.wait()
            except TimeoutError:
                continue

    def _notice(self, change: Change) -> None:
        self._changes.set()

    async def settle(self) -> None:
        """Ask those that have become available, did not answer or answered a while ago."""
        now = self._clock.monotonic()
        remotes = self._services.remote()
        for gone in self._known.keys() - set(remotes):
            del self._known[gone]
        for remote in remotes:
            answered, resources = self._known.setdefault(remote, (-inf, ()))
            if remote.available and now - answered >= REFRESH_SECONDS:
                found = await self._ask(remote)
                self._known[remote] = (now, found) if found is not None else (-inf, resources)
        told = {remote: resources for remote, (_, resources) in self._known.items()}
        if told != self._told:
            self._told = told
            self._changed()

    def versions(self) -> Mapping[Remote, Sequence[Object]]:
        """The entries of each remote version's APIResourceList, in the order of priorities."""
        return {remote: self._told.get(remote, ()) for remote in self._services.remote()}

    async def _ask(self, remote: Remote) -> Sequence[Object] | None:
        """The resources of a version; None: no answer that can be used."""
        path = f"/apis/{remote.group}/{remote.version}"
        headers = [("Accept", "application/json"), *identity_headers(_AGGREGATOR)]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await ask(self._reach.place(remote), "GET", path, headers)
                document = orjson.loads(await answer.whole())
        except (TimeoutError, ServiceUnavailable, Unreachable, ValueError):
            return None
        resources = document.get("resources") if isinstance(document, dict) else None
        return resources if isinstance(resources, list) and answer.status == 200 else None
