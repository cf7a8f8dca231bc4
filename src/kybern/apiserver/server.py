"""The API server, put together: what every stage and endpoint needs is made here and nowhere else.

`build` makes one without a socket; it is a `Handler` to call. `run` adds the transport and lives until cancelled.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from kybern.api.discovery import Elsewhere
from kybern.api.registry import RESOURCES
from kybern.apiserver import decisions
from kybern.apiserver.admission.chain import Chain
from kybern.apiserver.admission.configuration import read_configuration
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.metrics import AdmissionMetrics
from kybern.apiserver.admission.plugins import Parts, plugins
from kybern.apiserver.aggregation.layer import AggregationLayer, FrontProxy
from kybern.apiserver.audit.assembly import make_audit
from kybern.apiserver.authentication.assembly import make_authenticator
from kybern.apiserver.authentication.legacy_uses import LegacyUses
from kybern.apiserver.authentication.service_account_keys import KeySet, NamedKey, read_key
from kybern.apiserver.authentication.service_account_token import TokenIssuer
from kybern.apiserver.authorization.assembly import make_deciders
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.authorization.rbac import Rbac
from kybern.apiserver.bootstrap.aggregation import Aggregation
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
from kybern.apiserver.encryption.encryption import Encryption
from kybern.apiserver.endpoints.pod_streams import PodStreams
from kybern.apiserver.endpoints.proxying import Proxying
from kybern.apiserver.endpoints.reviews import Reviews
from kybern.apiserver.endpoints.route import Endpoint, Router
from kybern.apiserver.endpoints.special import SPECIAL
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.endpoints.token import TokenEndpoint
from kybern.apiserver.etcd_layout import etcd_layout
from kybern.apiserver.flow.control import FlowControl
from kybern.apiserver.flow.dangling import Dangling
from kybern.apiserver.health import HOOKS, Check, Health
from kybern.apiserver.metrics import process
from kybern.apiserver.metrics.metrics import Metrics
from kybern.apiserver.metrics.state import State
from kybern.apiserver.objects.life import Life
from kybern.apiserver.paths import Document, Paths
from kybern.apiserver.proxy.kubelets import Kubelets
from kybern.apiserver.served import ServedResources, storage_resource
from kybern.apiserver.services.addresses import Addresses
from kybern.apiserver.services.allocation import Allocation
from kybern.apiserver.services.kubernetes import KubernetesService
from kybern.apiserver.services.ports import Ports
from kybern.apiserver.stages import Gate, Stages
from kybern.apiserver.status import refuse
from kybern.apiserver.store_health import StoreHealth
from kybern.apiserver.stored_forms import StoredForms
from kybern.apiserver.webhooks.client import WebhookClient
from kybern.base.clock import Clock
from kybern.base.ids import Ids
from kybern.storage.backend import Backend
from kybern.transport import Server, Tls, TlsFiles
from kybern.transport.exchange import Answer, Request

log = logging.getLogger(__name__)


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
        self.served = ServedResources(resources, self.cache)
        self.admitted = AdmissionMetrics(clock)
        is_stale = None if self._encryption is None else self._encryption.backend.is_stale
        committer = Committer(backend, self.cache, config.event_ttl_seconds, is_stale)
        self.life = Life(clock, ids, committer, Chain((), self.admitted))
        self.surroundings = Surroundings(clock, backend, self.cache, self.served, self.life, config.shared_store)
        seats = config.max_requests_inflight + config.max_mutating_requests_inflight
        self.flow = FlowControl(self.served, clock, seats)
        self.rbac = Rbac(self.cache, lambda: self.authorizer.forget())
        self.authorizer = self.surroundings.authorizer = Authorizer(make_deciders(config, self.cache, self.rbac, clock))
        self._lookup = Lookup(self.cache)
        self._keys = self._read_keys()
        self._legacy_uses = LegacyUses(clock)
        self.authenticator = make_authenticator(
            config, clock, self._lookup, self._keys, self._audiences, self._legacy_uses
        )
        self.webhooks = WebhookClient(self._lookup, clock)
        parts = Parts(
            self._lookup,
            self.life,
            self.served,
            self.authorizer,
            self.rbac,
            config.authorization_mode,
            read_configuration(config.admission_control_config_file),
            self.webhooks,
            self.admitted,
            (config.default_not_ready_toleration_seconds, config.default_unreachable_toleration_seconds),
        )
        chosen = plugins(parts, config.enable_admission_plugins, config.disable_admission_plugins)
        self.life.admission = Chain(chosen, self.admitted)
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
            *(() if self._encryption is None else (self._encryption.metrics.families,)),
        )
        self.router = Router(self.surroundings, self._special(ids))
        address = f"{config.advertise_address}:{config.secure_port}"
        self.decisions = decisions.Decisions(clock.now)
        self.paths = Paths(
            resources,
            lambda: self.decisions.resources,
            Health(self._checks()),
            self.metrics,
            address,
            self._documents(),
            Publisher(self.custom),
            self._elsewhere,
        )
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
        aggregation = Aggregation(self.life, self.served)
        await aggregation.settle()
        await self._allocation.repair()
        await self._kubernetes.settle()
        dangling = Dangling(self.life, self.served)
        loops = (
            aggregation.run(),
            self._kubernetes.run(),
            dangling.run(),
            self._legacy_uses.run(self.life, self.served),
            self.definitions.run(),
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

    @property
    def _audiences(self) -> Sequence[str]:
        return self.config.api_audiences or (self.config.service_account_issuer,)

    def _custom_versions(self) -> set[tuple[str, str]]:
        return {(row.group, row.version) for row in self.custom.rows}

    def _elsewhere(self) -> Sequence[Elsewhere]:
        return [Elsewhere(row.group, row.version, entries) for row, entries in self.aggregation.remote().items()]

    def _read_keys(self) -> list[NamedKey]:
        """The signing key first, then those that only verify."""
        signing = self.config.service_account_signing_key_file
        files = [*([signing] if signing is not None else []), *self.config.service_account_key_files]
        return list({key.kid: key for key in reversed([read_key(file) for file in files])}.values())[::-1]

    def _special(self, ids: Ids) -> Mapping[tuple[str, str], Mapping[str, Endpoint]]:
        config = self.config
        kubelets = Kubelets(
            self._lookup,
            config.kubelet_client_certificate,
            config.kubelet_client_key,
            config.kubelet_certificate_authority,
        )
        special = {
            **SPECIAL,
            **Reviews(self.authenticator, self.authorizer, self.rbac).endpoints(),
            **PodStreams(kubelets, self.authorizer).endpoints(),
            **Proxying(self._lookup, kubelets).endpoints(),
        }
        if self.config.service_account_signing_key_file is not None:
            issuer = TokenIssuer(self._keys[0], self.config.service_account_issuer, self._clock, ids)
            tokens = TokenEndpoint(issuer, self._audiences, self.config.service_account_max_token_seconds)
            special["serviceaccounts", "token"] = {"create": tokens.create}
        return special

    def _documents(self) -> Mapping[str, Document]:
        config, path = self.config, "/openid/v1/jwks"
        keys = KeySet(self._keys, config.service_account_issuer)
        keys_at = config.service_account_jwks_uri or f"https://{config.advertise_address}:{config.secure_port}{path}"
        told = Document("application/json", lambda: keys.discovery(keys_at))
        return {path: Document("application/jwk-set+json", keys.jwks), "/.well-known/openid-configuration": told}

    def _checks(self) -> Mapping[str, Mapping[str, Check]]:
        def loaded() -> str:
            return "" if self.cache.loaded else "the watch cache is not loaded"

        store = StoreHealth(self._backend, lambda: self.cache.loaded, is_etcd=self.config.shared_store).check

        def started() -> str:
            return "" if self.ready else "not ready"

        def stopping() -> str:
            return "process is shutting down" if self.stopping else ""

        basic: dict[str, Check] = {"ping": lambda: "", "log": lambda: ""}
        hooks: dict[str, Check] = dict.fromkeys(HOOKS, started)
        if self._encryption is not None:
            hooks.update(self._encryption.checks)
        live = {**basic, "loopback-serving-certificate": lambda: "", "etcd": store, **hooks}
        waits: dict[str, Check] = {"etcd": store, "etcd-readiness": store, "informer-sync": loaded}
        return {"healthz": live, "livez": live, "readyz": {**basic, **waits, **hooks, "shutdown": stopping}}


def build(config: ApiServerConfig, backend: Backend, clock: Clock, ids: Ids) -> ApiServer:
    """An API server without a socket: start it, call it with Requests, stop it."""
    return ApiServer(config, backend, clock, ids)


async def run(
    config: ApiServerConfig,
    backend: Backend,
    clock: Clock,
    ids: Ids,
    *,
    ready: Callable[[Sequence[tuple[str, int]]], None] | None = None,
) -> None:
    """Serve until cancelled. `ready` is called with the addresses listened on. Raises OSError, ssl.SSLError."""
    server = build(config, backend, clock, ids)
    await server.start()
    tls = None
    if config.tls_cert_file is not None and config.tls_private_key_file is not None:
        files = TlsFiles(
            config.tls_cert_file,
            config.tls_private_key_file,
            config.client_ca_file,
            config.request_header.client_ca,
            config.tls_min_version,
        )
        tls = Tls(files)
    transport = Server(server, tls=tls, clock=clock, refuse=refuse)
    try:
        hosts = (config.bind_address, *config.more_addresses)
        await transport.start([(host, config.secure_port) for host in hosts])
        if ready is not None:
            ready(transport.addresses)
        await server.run()
    except asyncio.CancelledError:
        server.stopping = True
        await clock.sleep(config.shutdown_delay_seconds)
        raise
    finally:
        server.end_watches()
        await transport.stop()
        await server.stop()
