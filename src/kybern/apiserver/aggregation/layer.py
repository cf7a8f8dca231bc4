"""The aggregation layer, put together."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kybern.api.resource import Object
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.aggregation.api_services import GROUP, ApiServices, Remote
from kybern.apiserver.aggregation.authentication_info import AuthenticationInfo, RequestHeader
from kybern.apiserver.aggregation.availability import Availability
from kybern.apiserver.aggregation.discovery import RemoteDiscovery
from kybern.apiserver.aggregation.passing import Aggregator
from kybern.apiserver.aggregation.reach import Reach
from kybern.apiserver.aggregation.registration import Registration
from kybern.apiserver.call import Call
from kybern.apiserver.objects.life import Life
from kybern.apiserver.served import ServedResources
from kybern.apiserver.webhooks.target import Services
from kybern.base.clock import Clock
from kybern.transport.exchange import Answer


@dataclass(frozen=True, slots=True)
class FrontProxy:
    """How this server shows other API servers who it is, and what they are to believe it by."""

    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    """Signs clients' certificates; told to the other servers."""
    request_header: RequestHeader = field(default_factory=RequestHeader)


class AggregationLayer:
    """`changed` is called whenever discovery is outdated; `custom` tells the groups and versions of custom resources."""

    def __init__(
        self,
        life: Life,
        served: ServedResources,
        lookup: Lookup,
        clock: Clock,
        front: FrontProxy,
        changed: Callable[[], None],
        custom: Callable[[], Iterable[tuple[str, str]]],
    ) -> None:
        services = ApiServices(served[GROUP, "v1", "apiservices"])
        reach = Reach(Services(lookup), front.certificate, front.key)
        self._aggregator = Aggregator(services, reach)
        self._availability = Availability(life, lookup, services, reach)
        self.settling = self._availability.settling
        self._discovery = RemoteDiscovery(services, reach, clock, changed)
        self._registration = Registration(life, services, sorted(served.versions), custom)
        self._information = AuthenticationInfo(life, served, front.client_ca, front.request_header)
        services.served.cache.listen(self._registration.notice)
        served["apiextensions.k8s.io", "v1", "customresourcedefinitions"].cache.listen(self._registration.notice)

    def answer(self, call: Call) -> Answer | Awaitable[Answer] | None:
        """None: this is no request for a group that is served elsewhere."""
        return self._aggregator.answer(call)

    def remote(self) -> Mapping[Remote, Sequence[Object]]:
        """What other servers say they serve: the resources of each of their versions."""
        return self._discovery.versions()

    def loops(self) -> Sequence[Coroutine[Any, Any, None]]:
        """To be run for as long as the server runs."""
        return (self._follow(), self._availability.run(), self._discovery.run())

    async def _follow(self) -> None:
        await self._information.settle()
        await self._registration.run()
