"""The composition root: each process of `kybern up` is built here from its parts, with real clocks and randomness.

What a program needs is imported by the program, or by its `import_…` before the supervisor forks: nothing here is heavy.
"""

import importlib
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kybern.apiserver.config import ApiServerConfig
    from kybern.client.client import Client
    from kybern.client.request_counts import RequestCounts
    from kybern.kubelet.server.service import NodeServer
    from kybern.serving.server import Serving
    from kybern.storage.backend import Backend
    from kybern.supervisor.cluster import Options
    from kybern.supervisor.layout import NodeLayout


class Processes:
    """The three Python processes of `kybern up`, composed. Each `import_…` runs before the fork, its `run_…` after."""

    def import_apiserver(self) -> None:
        importlib.import_module("uvloop")
        importlib.import_module("kybern.apiserver.run")
        importlib.import_module("kybern.storage.sqlite.backend")

    def run_apiserver(self, options: "Options") -> None:
        from kybern.apiserver.aggregation.authentication_info import RequestHeader
        from kybern.apiserver.config import ApiServerConfig
        from kybern.supervisor.layout import API_PORT, HOST_ADDRESS, SERVICE_NETWORK

        pki = options.layout.pki
        config = ApiServerConfig(
            bind_address="127.0.0.1",
            more_addresses=(HOST_ADDRESS,),
            secure_port=API_PORT,
            advertise_address=HOST_ADDRESS,
            tls_cert_file=pki / "apiserver.crt",
            tls_private_key_file=pki / "apiserver.key",
            client_ca_file=pki / "ca.crt",
            service_cluster_ip_range=str(SERVICE_NETWORK),
            service_account_signing_key_file=pki / "sa.key",
            service_account_key_files=(pki / "sa.pub",),
            kubelet_client_certificate=pki / "apiserver-kubelet-client.crt",
            kubelet_client_key=pki / "apiserver-kubelet-client.key",
            kubelet_certificate_authority=pki / "ca.crt",
            proxy_client_cert_file=pki / "front-proxy-client.crt",
            proxy_client_key_file=pki / "front-proxy-client.key",
            request_header=RequestHeader(pki / "front-proxy-ca.crt", ("front-proxy-client",)),
            enable_admission_plugins=("NodeRestriction",),
            shared_store=options.store not in ("sqlite", "memory"),
            etcd_prefix=options.etcd.prefix,
            etcd_ca_file=options.etcd.cafile,
            etcd_cert_file=options.etcd.certfile,
            etcd_key_file=options.etcd.keyfile,
        )

        self.serve_apiserver(config, options.store, options.data_directory)

    def serve_apiserver(self, config: "ApiServerConfig", store: str, data_directory: Path) -> None:
        """The API server over the store that was asked for, until told to stop."""
        from kybern.base.garbage import collect_seldom

        collect_seldom()
        run_until_told(serve_apiserver(config, store, data_directory))

    def import_controllers(self) -> None:
        importlib.import_module("kybern.controllers.run")
        importlib.import_module("kybern.scheduler.run")

    def run_controllers(self, options: "Options") -> None:
        import socket

        from kybern.base.garbage import collect_seldom
        from kybern.client.request_counts import RequestCounts
        from kybern.controllers.config import Config
        from kybern.controllers.run import run as run_controllers
        from kybern.scheduler.config import SchedulerConfig
        from kybern.scheduler.run import run as run_scheduler
        from kybern.supervisor.layout import MANAGER_PORT, POD_NETWORK, SCHEDULER_PORT, SERVICE_NETWORK

        pki = options.layout.pki
        config = Config(
            root_ca_file=str(pki / "ca.crt"),
            service_account_private_key_file=str(pki / "sa.key"),
            cluster_signing_cert_file=str(pki / "ca.crt"),
            cluster_signing_key_file=str(pki / "ca.key"),
            allocate_node_cidrs=True,
            cluster_cidr=str(POD_NETWORK),
            service_cluster_ip_range=str(SERVICE_NETWORK),
        )

        async def serve() -> None:
            requests = RequestCounts(), RequestCounts()
            manager = client(pki / "controller-manager.kubeconfig", "kube-controller-manager", requests[0])
            scheduler = client(pki / "scheduler.kubeconfig", "kube-scheduler", requests[1])
            # The controllers ship the decisions of their process, the scheduler's with them.
            scheduling = SchedulerConfig(host=socket.gethostname())
            await together(
                run_controllers(config, manager, serving=told_of(pki, MANAGER_PORT, manager, requests[0])),
                run_scheduler(scheduling, scheduler, serving=told_of(pki, SCHEDULER_PORT, scheduler, requests[1])),
            )

        collect_seldom()
        run_until_told(serve())

    def import_node(self) -> None:
        for module in ("kybern.kubelet.run", "kybern.proxy.run", "kybern.dns.run"):
            importlib.import_module(module)

    def run_node(self, options: "Options", node: "NodeLayout") -> None:
        from kybern.client.request_counts import RequestCounts
        from kybern.dns.run import DnsConfig
        from kybern.dns.run import run as run_dns
        from kybern.kubelet.eviction.thresholds import Thresholds
        from kybern.kubelet.kubelet_config import KubeletConfig
        from kybern.kubelet.run import Extensions
        from kybern.kubelet.run import run as run_kubelet
        from kybern.proxy.config import ProxyConfig
        from kybern.proxy.run import run as run_proxy
        from kybern.supervisor.layout import CLUSTER_DOMAIN, DNS_ADDRESS, DNS_METRICS_PORT, DNS_PORT, POD_NETWORK

        pki = options.layout.pki
        kubelet_config = KubeletConfig(
            node_name=node.name,
            node_ips=(node.address,),
            runtime_socket=options.cri_socket or str(node.socket),
            root_directory=node.directory / "kubelet",
            pod_logs_directory=node.directory / "logs",
            container_logs_directory=None,
            static_pod_path=node.directory / "manifests",
            cgroup_root=f"/{node.cgroup}",
            cluster_domain=CLUSTER_DOMAIN,
            cluster_dns=(DNS_ADDRESS,),
            pod_cidr=str(node.pod_network),
            # The disk is the user's, not the cluster's: a laptop that is 90 % full still runs a cluster.
            eviction_hard=Thresholds(disk_fraction=0.01, inodes_fraction=0.01),
        )

        async def serve() -> None:
            kubelet = client(pki / f"kubelet-{node.name}.kubeconfig", "kubelet")
            requests = RequestCounts()
            proxy = client(pki / "kube-proxy.kubeconfig", "kube-proxy", requests)
            dns = DnsConfig(node.address, DNS_PORT, CLUSTER_DOMAIN, DNS_ADDRESS, metrics_port=DNS_METRICS_PORT)
            await together(
                run_kubelet(kubelet_config, kubelet, Extensions(services=(node_server(options, node).service(),))),
                run_proxy(ProxyConfig(node.name, str(POD_NETWORK)), proxy, kubelet, (requests.families,)),
                run_dns(dns, client(pki / "dns.kubeconfig", "kybern-dns")),
                ship_traces(kubelet),
            )

        run_until_told(serve())


def node_server(options: "Options", node: "NodeLayout") -> "NodeServer":
    """The kubelet's HTTPS server; exec goes straight to the OCI runtime where containerd is ours."""
    from kybern.kubelet.server.exec import OciExecutor
    from kybern.kubelet.server.serve import PORT
    from kybern.kubelet.server.service import NodeServer
    from kybern.supervisor.cgroups import hybrid_mounts
    from kybern.supervisor.containerd import find_runtime
    from kybern.transport import TlsFiles

    pki = options.layout.pki
    program = None if options.cri_socket else find_runtime(bool(node.index), bool(hybrid_mounts()))
    return NodeServer(
        addresses=[(str(node.address), PORT)],
        tls=TlsFiles(pki / f"kubelet-{node.name}.crt", pki / f"kubelet-{node.name}.key", pki / "ca.crt"),
        # containerd's shim keeps the containers of the CRI below the name of their namespace.
        oci=OciExecutor(program, str(node.volatile / "runtime" / "k8s.io")) if program else None,
    )


async def serve_apiserver(config: "ApiServerConfig", store: str, data_directory: Path) -> None:
    """The API server with its store; ends when cancelled."""
    import random

    from kybern.apiserver.run import run
    from kybern.base.clock import SystemClock
    from kybern.base.ids import RandomIds

    backend = await open_backend(store, data_directory, config)
    try:
        await run(config, backend, SystemClock(), RandomIds(random.SystemRandom()))
    finally:
        await backend.close()


async def open_backend(store: str, data_directory: Path, config: "ApiServerConfig") -> "Backend":
    """The store that was asked for: `sqlite` in the data directory, `memory`, or the URLs of an etcd."""
    if store == "memory":
        from kybern.storage.memory import MemoryBackend

        return MemoryBackend()
    if store == "sqlite":
        from kybern.storage.sqlite.backend import SqliteBackend

        return await SqliteBackend.open(data_directory / "store.sqlite")
    from kybern.apiserver.etcd_layout import etcd_layout
    from kybern.storage.etcd.backend import EtcdBackend
    from kybern.storage.etcd.client import TlsFiles

    tls = TlsFiles(config.etcd_ca_file, config.etcd_cert_file, config.etcd_key_file)
    return await EtcdBackend.open(store.split(","), layout=etcd_layout(config.etcd_prefix), tls=tls)


def client(kubeconfig: Path, user_agent: str, counts: "RequestCounts | None" = None) -> "Client":
    """A client of one identity of the cluster."""
    from kybern.client.kubeconfig import client_from_kubeconfig

    return client_from_kubeconfig(str(kubeconfig), user_agent=user_agent, counts=counts)


def told_of(pki: Path, port: int, own: "Client", counts: "RequestCounts") -> "Serving":
    """How a component of the control plane tells of itself: to this machine, and to whom the API server lets it."""
    from kybern.serving.server import Serving

    return Serving(
        secure_port=port,
        bind_address="127.0.0.1",
        client_ca_file=pki / "ca.crt",
        authentication=own,
        authorization=own,
        sources=(counts.families,),
        patient=True,
    )


async def ship_traces(shipper: "Client") -> None:
    """Take this process' decisions to the API server."""
    from kybern.base.clock import SystemClock
    from kybern.client.trace_shipper import ship_traces as ship

    await ship(shipper, clock=SystemClock())


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all parts; when one fails all end, and the supervisor starts them again."""
    import asyncio

    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)


def log_to_stderr() -> None:
    """The records of all components, from INFO on; once."""
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")


def run_until_told(program: Coroutine[Any, Any, None]) -> None:
    """Run a program on uvloop until it ends or SIGTERM or SIGINT cancels it."""
    import asyncio
    import logging
    import signal

    import uvloop

    log_to_stderr()

    async def guarded() -> None:
        task = asyncio.ensure_future(program)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            logging.getLogger(__name__).info("told to stop")

    uvloop.run(guarded())
