"""The API server, put together: what every stage and endpoint needs is made here and nowhere else.

It has no socket: it is a `Handler` to call, once started. `run` adds the transport.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterator, Mapping, Sequence
from typing import Any

from kybern.api.discovery import Elsewhere
from kybern.api.registry import RESOURCES
from kybern.apiserver import decisions
from kybern.apiserver.admission.assembly import make_admission
from kybern.apiserver.admission.chain import Chain
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.metrics import AdmissionMetrics
from kybern.apiserver.aggregation.layer import AggregationLayer, FrontProxy
from kybern.apiserver.audit.assembly import make_audit
from kybern.apiserver.authentication.assembly import make_authenticator
from kybern.apiserver.authentication.discovery import discovery_documents
from kybern.apiserver.authentication.legacy_uses import LegacyUses
from kybern.apiserver.authentication.service_account_keys import read_keys
from kybern.apiserver.authorization.assembly import make_deciders
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.authorization.rbac import Rbac
from kybern.apiserver.bootstrap.cluster import Bootstrap
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.call import Call
from kybern.apiserver.commit import Committer
from kybern.apiserver.compaction import compact_regularly
from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.custom import definition
from kybern.apiserver.custom.loop import DefinitionLoop
from kybern.apiserver.custom.publishing import Publisher
from kybern.apiserver.custom.resources import CustomResources
from kybern.apiserver.debugging import Debugging
from kybern.apiserver.encryption.encryption import Encryption
from kybern.apiserver.endpoints.assembly import make_special
from kybern.apiserver.endpoints.route import Router
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.etcd_layout import etcd_layout
from kybern.apiserver.flow.control import FlowControl
from kybern.apiserver.flow.dangling import Dangling
from kybern.apiserver.health_checks import health_checks
from kybern.apiserver.identity import IdentityLease
from kybern.apiserver.metrics.features import feature_families
from kybern.apiserver.metrics.metrics import Metrics
from kybern.apiserver.metrics.state import State
from kybern.apiserver.objects.life import Life
from kybern.apiserver.paths import Paths
from kybern.apiserver.served import ServedResources, storage_resource
from kybern.apiserver.services.addresses import Addresses
from kybern.apiserver.services.allocation import Allocation
from kybern.apiserver.services.kubernetes import KubernetesService
from kybern.apiserver.services.ports import Ports
from kybern.apiserver.stages import Gate, Stages
from kybern.apiserver.store_health import StoreHealth
from kybern.apiserver.stored_forms import StoredForms
from kybern.apiserver.webhooks.client import WebhookClient
from kybern.apiserver.zpages import Zpages
from kybern.base.clock import Clock
from kybern.base.ids import Ids
from kybern.metrics import process
from kybern.serving.health import Check, Health
from kybern.storage.backend import Backend
from kybern.transport.exchange import Answer, Request


class ApiServer:
    """Callable as a Handler once started."""

    def __init__(self, config: ApiServerConfig, backend: Backend, clock: Clock, ids: Ids) -> None:
        self.config = config
        self._clock = clock
        self._backend = backend
        resources = list(RESOURCES)
        stored = {storage_resource(each).group_resource: storage_resource(each) for each in resources if each.stored}
        self._encryption = self._make_encryption(backend)
        if self._encryption is not None:
            backend = self._encryption.backend
        if config.shared_store:
            backend = StoredForms(backend, stored.values())
        self.cache = Cache(backend, clock, stored.values())
        offered = [row for row in resources if config.runtime_config.serves(row.group, row.version, row.plural)]
        self.served = ServedResources(resources, self.cache, offered)
        self.admitted = AdmissionMetrics(clock)
        is_stale = None if self._encryption is None else self._encryption.backend.is_stale
        committer = Committer(backend, self.cache, config.event_ttl_seconds, is_stale)
        self.life = Life(clock, ids, committer, Chain((), self.admitted))
        self.surroundings = Surroundings(
            clock, backend, self.cache, self.served, self.life, config.shared_store, config.min_request_timeout_seconds
        )
        seats = config.max_requests_inflight + config.max_mutating_requests_inflight
        self.flow = FlowControl(self.served, clock, seats)
        self.rbac = Rbac(self.cache, lambda: self.authorizer.forget())
        self.authorizer = self.surroundings.authorizer = Authorizer(make_deciders(config, self.cache, self.rbac, clock))
        self._lookup = Lookup(self.cache)
        keys = read_keys(config.service_account_signing_key_file, config.service_account_key_files)
        self._legacy_uses = LegacyUses(clock)
        self.authenticator = make_authenticator(config, clock, self._lookup, keys, self._legacy_uses)
        self.webhooks = WebhookClient(self._lookup, clock)
        self.life.admission = make_admission(
            config, self.life, self.served, self._lookup, self.authorizer, self.rbac, self.webhooks, self.admitted
        )
        addresses = Addresses(
            self.life,
            self.served["networking.k8s.io", "v1", "ipaddresses"],
            self.served["networking.k8s.io", "v1", "servicecidrs"],
            ids,
            config.service_cluster_ip_range,
        )
        services, endpoints = self.served["", "v1", "services"], self.served["", "v1", "endpoints"]
        ports = Ports(*config.service_node_port_range, ids)
        self._allocation = Allocation(services, endpoints, self.life.committer, addresses, ports)
        self.life.effects = {"services": self._allocation}
        self._kubernetes = KubernetesService(
            self.life,
            self.served,
            clock,
            config.advertise_address,
            config.secure_port,
            addresses.first,
            config.service_cluster_ip_range,
        )
        definitions = self.served[definition.GROUP, "v1", definition.PLURAL]
        self.custom = CustomResources(definitions, self.served, self.cache, self.webhooks, ids, clock)
        self.definitions = DefinitionLoop(self.life, definitions, self.custom)
        self.audit = make_audit(config, clock)
        self.metrics = Metrics(
            State(self.cache, self.flow, self.audit).families,
            self.admitted.families,
            process.families,
            feature_families(config.feature_gates),
            *(() if self._encryption is None else (self._encryption.metrics.families,)),
        )
        special = make_special(config, clock, ids, self._lookup, keys, self.authenticator, self.authorizer, self.rbac)
        self.router = Router(self.surroundings, special)
        self.decisions = decisions.Decisions(clock.now)
        gates = config.feature_gates
        self.zpages = Zpages(
            clock, config.flags, statusz=gates.enabled("ComponentStatusz"), flagz=gates.enabled("ComponentFlagz")
        )
        self.paths = Paths(
            offered,
            lambda: self.decisions.resources,
            Health(self._checks()),
            (self.zpages, Debugging()) if config.profiling else (self.zpages,),
            self.metrics,
            config.advertised,
            discovery_documents(config, keys),
            Publisher(self.custom),
            self._elsewhere,
        )
        self.zpages.listed = lambda: self.paths.listed
        front = FrontProxy(
            config.proxy_client_cert_file, config.proxy_client_key_file, config.client_ca_file, config.request_header
        )
        self.aggregation = AggregationLayer(
            self.life, self.served, self._lookup, clock, front, self.paths.forget, self._custom_versions
        )
        gate = Gate(self.authenticator, self.authorizer, self.flow, self.audit)
        self._stages = Stages(clock, gate, self._answer, self.metrics, ids)
        self._tasks: list[asyncio.Task[None]] = []
        self.ready = False
        self.stopping = False

    def __call__(self, request: Request) -> Answer | Awaitable[Answer]:
        return self._stages(request)

    async def start(self) -> None:
        """Load the store, then follow it."""
        if self._encryption is not None:
            await self._encryption.start()
        await self.cache.load()
        self._tasks = [asyncio.create_task(self.cache.run()), asyncio.create_task(self.cache.run_timers())]
        await self.definitions.start()
        await Bootstrap(self.life, self.served).run()
        await self._allocation.repair()
        await self._kubernetes.settle()
        dangling = Dangling(self.life, self.served)
        loops = (
            self._kubernetes.run(),
            dangling.run(),
            self._legacy_uses.run(self.life, self.served),
            self.definitions.run(),
            *self._identity(),
        )
        self._tasks += [asyncio.create_task(each) for each in (*loops, *self.aggregation.loops(), *self.audit.loops())]
        if self._encryption is not None:
            self._encryption.store_is_read()
            self._tasks += [asyncio.create_task(each) for each in self._encryption.loops]
        if self.config.shared_store and self.config.etcd_compaction_interval_seconds:
            compacting = compact_regularly(self._backend, self._clock, self.config.etcd_compaction_interval_seconds)
            self._tasks.append(asyncio.create_task(compacting))
        self.life.effects = {
            "services": self._allocation,
            "flowschemas.flowcontrol.apiserver.k8s.io": dangling.settling,
            "apiservices.apiregistration.k8s.io": self.aggregation.settling,
        }
        self.ready = True

    async def run(self) -> None:
        """Wait until a task fails that the server cannot be without; raises what it raised."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    def end_watches(self) -> None:
        """Let no watch hold up the end."""
        self.stopping = True
        self.ready = False
        self.cache.end_watches()

    async def stop(self) -> None:
        """End all watches and tasks; the backend stays open, it is its maker's."""
        self.end_watches()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.webhooks.close()
        if self._encryption is not None:
            await self._encryption.close()
        self.audit.close()

    def _answer(self, call: Call) -> Answer | Awaitable[Answer]:
        info = call.info
        if info.is_resource and self.served.serves(info.group, info.version):
            return self.router.answer(call)
        if info.is_resource and (info.group, info.version) == (decisions.GROUP, decisions.VERSION):
            return self.decisions.answer(call)
        return self.aggregation.answer(call) or self.paths.answer(call)

    def _make_encryption(self, backend: Backend) -> Encryption | None:
        config = self.config
        if config.encryption_provider_config is None:
            return None
        place_of = etcd_layout(config.etcd_prefix).outer if config.shared_store else str.encode
        reloads = config.encryption_provider_config_automatic_reload
        return Encryption(backend, config.encryption_provider_config, self._clock, reloads=reloads, place_of=place_of)

    def _identity(self) -> Iterator[Coroutine[Any, Any, None]]:
        if self.config.feature_gates.enabled("APIServerIdentity"):
            leases = self.served["coordination.k8s.io", "v1", "leases"]
            yield IdentityLease(self.life, leases, self._clock, self.config.advertised, self.life.ids.uid()).run()

    def _custom_versions(self) -> set[tuple[str, str]]:
        return {(row.group, row.version) for row in self.custom.rows}

    def _elsewhere(self) -> Sequence[Elsewhere]:
        return [Elsewhere(row.group, row.version, entries) for row, entries in self.aggregation.remote().items()]

    def _checks(self) -> Mapping[str, Mapping[str, Check]]:
        return health_checks(
            StoreHealth(self._backend, lambda: self.cache.loaded, is_etcd=self.config.shared_store).check,
            {} if self._encryption is None else self._encryption.checks,
            loaded=lambda: self.cache.loaded,
            ready=lambda: self.ready,
            stopping=lambda: self.stopping,
        )
