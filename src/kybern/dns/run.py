"""The component: keeps the zone true to the API's Services and EndpointSlices, and serves it."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kybern.api.types.core_v1 import Service
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.base.clock import Clock, SystemClock
from kybern.client.client import Client
from kybern.client.factory import InformerFactory
from kybern.client.objects import Key
from kybern.dns import forwarder
from kybern.dns.forwarder import Forwarder
from kybern.dns.responder import Responder
from kybern.dns.server import DnsServer
from kybern.dns.zone import Zone

SERVICE_LABEL = "kubernetes.io/service-name"
"""On an EndpointSlice: whose endpoints it holds."""

BY_SERVICE = "service"


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """How to serve."""

    address: str
    """Where Pods' resolv.conf points to: the ClusterIP of kube-dns, or the node's own."""
    port: int = 53
    domain: str = "cluster.local"
    resolv_conf: Path = Path("/etc/resolv.conf")
    """Whose nameservers are asked for other people's names."""


async def run(config: DnsConfig, client: Client, clock: Clock | None = None) -> None:
    """Serve until cancelled. Raises OSError when the address cannot be had."""
    source = random.SystemRandom()
    factory = InformerFactory(client, clock=clock or SystemClock(), source=source)
    keeper = Keeper(Zone(config.domain), factory)
    own = {config.address, "127.0.0.1", "::1"}
    resolvers: Sequence[str] = await asyncio.to_thread(forwarder.nameservers, config.resolv_conf)
    # A resolver that is this server would send every question round and round.
    servers = [(each, forwarder.PORT) for each in resolvers if each not in own or config.port != forwarder.PORT]
    async with asyncio.TaskGroup() as group:
        group.create_task(factory.run())
        await keeper.synced()
        async with DnsServer(keeper.responder, Forwarder(servers, source), config.address, config.port):
            await asyncio.get_running_loop().create_future()


class Keeper:
    """Follows the informers and changes the zone."""

    def __init__(self, zone: Zone, factory: InformerFactory) -> None:
        self.responder = Responder(zone)
        self._zone = zone
        self._services = factory.informer(Service)
        self._slices = factory.informer(EndpointSlice)
        self._slices.add_index(BY_SERVICE, lambda each: [_owner(each)])
        self._services.subscribe(lambda kind, new, old: self._service_changed(new or old))
        self._slices.subscribe(lambda kind, new, old: self._slice_changed(new, old))

    async def synced(self) -> None:
        """Return once every Service's names are there: before that, answers would be wrong."""
        await self._services.synced()
        await self._slices.synced()
        for service in self._services.list():
            self._service_changed(service)

    def _service_changed(self, service: Service | None) -> None:
        if service is not None:
            self._refresh(Key(service.metadata.namespace, service.metadata.name))

    def _slice_changed(self, new: EndpointSlice | None, old: EndpointSlice | None) -> None:
        for owner in {_owner(each) for each in (new, old) if each is not None}:
            namespace, _, name = owner.partition("/")
            self._refresh(Key(namespace, name))

    def _refresh(self, key: Key) -> None:
        service = self._services.get(key)
        with self.responder.lock:
            if service is None:
                self._zone.remove(key)
            else:
                self._zone.put(service, self._slices.by_index(BY_SERVICE, str(key)))
        self.responder.forget()


def _owner(each: EndpointSlice) -> str:
    """`namespace/name` of the Service."""
    return f"{each.metadata.namespace}/{each.metadata.labels.get(SERVICE_LABEL, '')}"
