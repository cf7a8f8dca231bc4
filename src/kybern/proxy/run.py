"""The loop of the proxy: what changed in the API goes into the kernel at once, and everything again when in doubt.

Nothing is written before the first lists are whole: a proxy that starts anew leaves its predecessor's table working.
"""

import asyncio
import logging
import random
from collections.abc import Iterable, Sequence
from typing import Any

from kybern import trace
from kybern.api.types.core_v1 import Node, Pod, Service
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.base.clock import Clock, SystemClock
from kybern.client.client import Client
from kybern.client.factory import InformerFactory
from kybern.client.informer import EventType, Informer
from kybern.client.objects import Key
from kybern.proxy.config import ProxyConfig, configz
from kybern.proxy.conntrack import clean_flows, stale
from kybern.proxy.decide import SERVICE_NAME_LABEL, Elements, ServicePlan, Serving, decide_host_ports, decide_service
from kybern.proxy.endpoints import Here, is_ipv4
from kybern.proxy.health import HealthServers, HealthTarget
from kybern.proxy.ledger import Change, Ledger
from kybern.proxy.limits import set_limits
from kybern.proxy.metrics import ENDPOINT, SERVICE, ProxyMetrics
from kybern.proxy.nft import Nft, NftError, ServiceTable
from kybern.proxy.node_health import NodeHealth, Source, StatusPages, serve_health

log = logging.getLogger(__name__)
COMPONENT = "kube-proxy"
RESYNC_SECONDS = 300.0
"""Everything is written anew so often, in case someone else changed the table."""
RETRY_SECONDS = 1.0
BY_SERVICE = "service"
SEEN_LIMIT = 20
"""Endpoints that a recorded decision names."""
ZONE_LABEL = "topology.kubernetes.io/zone"


async def run(
    config: ProxyConfig, client: Client, pods_client: Client | None = None, sources: Sequence[Source] = ()
) -> None:
    """Serve until cancelled. `pods_client` sees this node's Pods, where `client` may not. The table stays behind.

    `sources`: metrics of what was made outside of the proxy, its client's.
    """
    clock = SystemClock()
    proxy = Proxy(config, ServiceTable(Nft(), config.cluster_cidr), clock)
    factories = [InformerFactory(client, clock=clock, source=random.Random())]
    if pods_client is not None:
        factories.append(InformerFactory(pods_client, clock=clock, source=random.Random()))
    proxy.follow(factories[0], factories[-1])
    async with asyncio.TaskGroup() as group:
        for factory in factories:
            group.create_task(factory.run())
        status = StatusPages(proxy.metrics, configz(config), sources)
        group.create_task(serve_health(proxy.health, config.health_address, status, config.status_address))
        await proxy.run()


class Proxy:
    """Follows Services, EndpointSlices and this node's Pods."""

    def __init__(self, config: ProxyConfig, table: ServiceTable, clock: Clock) -> None:
        self._config = config
        self._table = table
        self._clock = clock
        self._ledger = Ledger()
        self._plans: dict[Key, ServicePlan] = {}
        self._dirty: set[Key] = set()
        self._dirty_pods: set[Key] = set()
        self._wake = asyncio.Event()
        self._health = HealthServers()
        self.metrics = ProxyMetrics(clock)
        self.health = NodeHealth(clock, self.metrics)
        self._here = Here(config.node_name)
        self._written = False

    def follow(self, factory: InformerFactory, pods_factory: InformerFactory) -> None:
        """Subscribe to what the proxy needs."""
        self._services: Informer[Service] = factory.informer(Service)
        self._slices: Informer[EndpointSlice] = factory.informer(EndpointSlice)
        self._slices.add_index(BY_SERVICE, _service_of)
        self._services.subscribe(self._service_changed)
        self._slices.subscribe(self._slice_changed)
        node = factory.informer(Node, field_selector=f"metadata.name={self._config.node_name}")
        node.subscribe(self._node_changed)
        self._informers: list[Informer[Any]] = [self._services, self._slices]
        if self._config.host_ports:
            selector = f"spec.nodeName={self._config.node_name}"
            self._pods: Informer[Pod] = pods_factory.informer(Pod, field_selector=selector)
            self._pods.subscribe(lambda _event, new, old: self._touch_pod(_key(new or old)))

    async def run(self) -> None:
        """Apply what changes until cancelled."""
        try:
            for informer in self._informers:
                await informer.synced()
            due = self._clock.monotonic()
            while True:
                try:
                    full = self._clock.monotonic() >= due or not self._written
                    await self.sync(full)
                    if full:
                        await asyncio.to_thread(set_limits)
                        due = self._clock.monotonic() + RESYNC_SECONDS
                except NftError as error:
                    self.metrics.failed()
                    log.error("the kernel refused the Service table; written anew in %.0f s: %s", RETRY_SECONDS, error)
                    self._written = False
                    await self._clock.sleep(RETRY_SECONDS)
                    continue
                try:
                    async with asyncio.timeout(max(0.0, due - self._clock.monotonic())):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            self._health.close()

    async def sync(self, full: bool) -> None:
        """Bring the kernel to what the caches say. Raises NftError."""
        self._wake.clear()
        began = self.metrics.begun()
        change = Change()
        serving: Serving = {}
        touched = self._services_to_decide(full)
        released = set()
        for key in touched:
            former = self._plans.pop(key, ServicePlan())
            plan = self._decide(key)
            self._ledger.claim(f"service/{key.namespace}/{key.name}", plan.elements, change)
            released |= former.groups - plan.groups
            if full or former.datagrams != plan.datagrams:
                serving |= plan.datagrams
            if plan.elements:
                self._plans[key] = plan
            await self._check_health(key, former, plan)
        self._claim_host_ports(full, change)
        if full or not self._table.fits(change):
            await asyncio.to_thread(self._table.replace, self._ledger.elements())
            self._written = True
        elif change:
            self._table.apply(change)
        self.metrics.ended(began, full=full)
        # Only now may a number be given anew: until here the kernel may still have used it.
        self._ledger.release(released)
        if not self._wake.is_set():
            self.health.updated()
        if serving:
            await self._clean_flows(serving)
        if change:
            self._record(touched)

    async def _clean_flows(self, serving: Serving) -> None:
        try:
            await asyncio.to_thread(clean_flows, stale(serving))
        except OSError as error:
            log.warning("UDP flows to endpoints that are gone live on until they are silent: %s", error)

    def _services_to_decide(self, full: bool) -> set[Key]:
        touched, self._dirty = self._dirty, set()
        if full:
            touched |= {_key(service) for service in self._services.list()} | self._plans.keys()
        return touched

    def _decide(self, key: Key) -> ServicePlan:
        service = self._services.get(key)
        if service is None:
            return ServicePlan()
        slices = sorted(self._slices_of(key), key=lambda each: each.metadata.name)
        return decide_service(service, slices, self._here, self._ledger.identify)

    def _slices_of(self, key: Key) -> Iterable[EndpointSlice]:
        return self._slices.by_index(BY_SERVICE, f"{key.namespace}/{key.name}")

    def _claim_host_ports(self, full: bool, change: Change) -> None:
        if not self._config.host_ports:
            return
        touched, self._dirty_pods = self._dirty_pods, set()
        if full:
            touched |= {_key(pod) for pod in self._pods.list()}
        for key in touched:
            pod = self._pods.get(key)
            wanted: Elements = decide_host_ports(pod) if pod is not None else {}
            self._ledger.claim(f"pod/{key.namespace}/{key.name}", wanted, change)

    async def _check_health(self, key: Key, former: ServicePlan, plan: ServicePlan) -> None:
        name = f"{key.namespace}/{key.name}"
        if former.health_port and former.health_port != plan.health_port:
            await self._health.set(name, former.health_port, None)
        if plan.health_port:
            target = HealthTarget(key.namespace, key.name, plan.local_endpoints)
            await self._health.set(name, plan.health_port, target)

    def _record(self, touched: set[Key]) -> None:
        for key in touched:
            service = self._services.get(key)
            plan = self._plans.get(key)
            if service is None or plan is None:
                continue
            endpoints = {value for (table, _), value in plan.elements.items() if table == "endpoints"}
            verdict = trace.Verdict.ACTED if endpoints else trace.Verdict.REFUSED
            reason = "Programmed" if endpoints else "NoEndpoints"
            text = f"{len(endpoints)} endpoints" if endpoints else "no endpoints: connections are refused at once"
            trace.record(
                f"Service/{key.namespace}/{key.name}",
                verdict,
                reason,
                text,
                component=COMPONENT,
                revision=service.metadata.resource_version,
                uid=service.metadata.uid,
                seen={"node": self._here.name, "endpoints": sorted(endpoints)[:SEEN_LIMIT]},
            )

    def _node_changed(self, _event: EventType, new: Node | None, _old: Node | None) -> None:
        """Hints follow the node's zone, policies the range of its Pods: everything is written anew when they change."""
        self.health.node = new
        zone = new.metadata.labels.get(ZONE_LABEL, "") if new is not None else ""
        own_pods = new.spec.pod_cidr if new is not None and is_ipv4(new.spec.pod_cidr.partition("/")[0]) else ""
        if zone != self._here.zone or own_pods != self._table.own_pods:
            self._table.own_pods = own_pods
            self._here = Here(self._here.name, zone)
            self._written = False
            self._wake.set()

    def _touch(self, key: Key) -> None:
        self._dirty.add(key)
        self.health.queued()
        self._wake.set()

    def _touch_pod(self, key: Key) -> None:
        self._dirty_pods.add(key)
        self.health.queued()
        self._wake.set()

    def _service_changed(self, _event: EventType, new: Service | None, old: Service | None) -> None:
        self.metrics.changed(SERVICE)
        self._touch(_key(new or old))

    def _slice_changed(self, _event: EventType, new: EndpointSlice | None, old: EndpointSlice | None) -> None:
        self.metrics.changed(ENDPOINT)
        for slice_ in (new, old):
            if slice_ is not None:
                for name in _service_of(slice_):
                    self._touch(Key(*name.split("/")))


def _key(obj: Any) -> Key:
    return Key(obj.metadata.namespace, obj.metadata.name)


def _service_of(slice_: EndpointSlice) -> list[str]:
    name = slice_.metadata.labels.get(SERVICE_NAME_LABEL)
    return [f"{slice_.metadata.namespace}/{name}"] if name else []
