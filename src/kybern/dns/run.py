"""The component: keeps the zone true to the API's Services and EndpointSlices, and serves it."""

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

from kybern.api.types.core_v1 import Namespace, Service
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.base.clock import Clock, SystemClock
from kybern.client.client import Client
from kybern.client.factory import InformerFactory
from kybern.client.objects import Key
from kybern.dns import forwarder
from kybern.dns.forwarder import Forwarder
from kybern.dns.metrics import MetricsServer
from kybern.dns.responder import Responder
from kybern.dns.server import DnsServer
from kybern.dns.zone import SERVICE_NAME_LABEL, Zone

BY_SERVICE = "service"


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """How to serve."""

    address: str
    """Where to listen: the node's own address (behind the Service kube-dns), or any other."""
    port: int = 53
    domain: str = "cluster.local"
    service_address: str = "10.96.0.10"
    """ClusterIP of kube-dns, which the zone's name server has."""
    resolv_conf: Path = Path("/etc/resolv.conf")
    """Whose nameservers are asked for other people's names."""
    metrics_port: int = 0
    """Where /metrics, /health and /ready are served; 0: nowhere."""


async def run(config: DnsConfig, client: Client, clock: Clock | None = None) -> None:
    """Serve until cancelled. Raises OSError when the address cannot be had."""
    clock = clock or SystemClock()
    source = random.SystemRandom()
    factory = InformerFactory(client, clock=clock, source=source)
    responder = Responder(Zone(config.domain, config.service_address))
    keeper = Keeper(responder, factory)
    own = (config.address, config.service_address)
    resolvers = await asyncio.to_thread(forwarder.nameservers, config.resolv_conf, own)
    upstream = Forwarder([(each, forwarder.PORT) for each in resolvers], source, clock.monotonic)
    async with asyncio.TaskGroup() as group:
        group.create_task(factory.run())
        await keeper.synced()
        async with (
            DnsServer(responder, upstream, config.address, config.port),
            MetricsServer(responder, upstream, config.address, config.metrics_port),
        ):
            await asyncio.get_running_loop().create_future()


class Keeper:
    """Follows the informers and changes the zone."""

    def __init__(self, responder: Responder, factory: InformerFactory) -> None:
        self._responder = responder
        self._services = factory.informer(Service)
        self._slices = factory.informer(EndpointSlice)
        self._namespaces = factory.informer(Namespace)
        self._slices.add_index(BY_SERVICE, lambda each: [_owner(each)])
        self._services.subscribe(lambda _event, new, old: self._service_changed(new or old))
        self._slices.subscribe(lambda _event, new, old: self._slice_changed(new, old))
        self._namespaces.subscribe(lambda _event, new, old: self._namespace_changed(new, old))

    async def synced(self) -> None:
        """Return once every name is there: before that, answers would be wrong."""
        for informer in (self._services, self._slices, self._namespaces):
            await informer.synced()

    def _namespace_changed(self, new: Namespace | None, old: Namespace | None) -> None:
        name = (new or old or Namespace()).metadata.name
        self._responder.change(lambda zone: zone.set_namespace(name, new is not None))

    def _service_changed(self, service: Service | None) -> None:
        if service is not None:
            self._refresh(Key(service.metadata.namespace, service.metadata.name))

    def _slice_changed(self, new: EndpointSlice | None, old: EndpointSlice | None) -> None:
        for owner in {_owner(each) for each in (new, old) if each is not None}:
            namespace, _, name = owner.partition("/")
            self._refresh(Key(namespace, name))

    def _refresh(self, key: Key) -> None:
        service = self._services.get(key)
        slices = self._slices.by_index(BY_SERVICE, str(key))
        self._responder.change(lambda zone: zone.set_service(key.namespace, key.name, service, slices))


def _owner(each: EndpointSlice) -> str:
    """`namespace/name` of the Service."""
    return f"{each.metadata.namespace}/{each.metadata.labels.get(SERVICE_NAME_LABEL, '')}"
