"""`kybern kubelet`: one node agent, against any conformant API server, or alone with static Pods."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kybern.cli.values import add_boolean

if TYPE_CHECKING:
    from kybern.kubelet.kubelet_config import KubeletConfig
    from kybern.kubelet.server.service import NodeServer

NAME = "kubelet"
HELP = "run the node agent alone, against the API server of a kubeconfig or with static Pods only"


def configure(parser: argparse.ArgumentParser) -> None:
    """Upstream's names."""
    add = parser.add_argument
    add("--kubeconfig", metavar="FILE", help="which API server, and as whom; without it only static Pods run")
    add("--hostname-override", metavar="NAME", help="the node's name; default: the host's")
    add("--node-ip", metavar="IPS", default="127.0.0.1", help="its addresses, separated by commas; default: 127.0.0.1")
    add(
        "--container-runtime-endpoint", metavar="SOCKET", default="unix:///run/containerd/containerd.sock",
        help="where the runtime speaks CRI; default: containerd's own",
    )  # fmt: skip
    add(
        "--root-dir",
        metavar="DIR",
        default="/var/lib/kubelet",
        help="volumes and state of Pods; default: /var/lib/kubelet",
    )
    add(
        "--pod-logs-dir",
        metavar="DIR",
        default="/var/log/pods",
        help="where the containers' logs go; default: /var/log/pods",
    )
    add("--pod-manifest-path", metavar="DIR", help="the directory of static Pods")
    add("--file-check-frequency", metavar="SECONDS", type=float, default=20.0, help="how often it is read; default: 20")
    add("--cgroup-root", metavar="PATH", default="/", help="the cgroup below which all Pods lie; default: /")
    add("--cluster-dns", metavar="IPS", default="", help="name servers of Pods, separated by commas")
    add("--cluster-domain", metavar="DOMAIN", default="cluster.local", help="of names in Pods; default: cluster.local")
    add(
        "--resolv-conf",
        metavar="FILE",
        default="/etc/resolv.conf",
        help="the node's own name servers; default: /etc/resolv.conf",
    )
    add("--port", metavar="PORT", type=int, default=10250, help="where the kubelet's server is reached; default: 10250")
    add("--address", metavar="IP", default="0.0.0.0", help="on which address it listens; default: 0.0.0.0")
    add("--tls-cert-file", metavar="FILE", help="the server's certificate; without one nothing is served")
    add("--tls-private-key-file", metavar="FILE", help="its key")
    add("--client-ca-file", metavar="FILE", help="whose client certificates may call the server")
    add("--oci-runtime", metavar="PROGRAM", default="", help="runs exec in containers; without it the CRI does")
    add(
        "--oci-runtime-root", metavar="DIR", default="/run/containerd/runc/k8s.io",
        help="where that keeps its state; default: /run/containerd/runc/k8s.io",
    )  # fmt: skip
    add("--node-labels", metavar="LABELS", default="", help="labels for a new node: a=b,c=d")
    add(
        "--eviction-hard",
        metavar="THRESHOLDS",
        help="when Pods are evicted: memory.available<100Mi,nodefs.available<10%%",
    )
    add(
        "--image-gc-high-threshold",
        metavar="PERCENT",
        type=int,
        default=85,
        help="of the disk: above it images are removed; 100: never; default: 85",
    )
    add("--image-gc-low-threshold", metavar="PERCENT", type=int, default=80, help="down to which; default: 80")
    add_boolean(parser, "--register-node", True, "make the Node object")


def execute(args: argparse.Namespace) -> int:
    """Until interrupted; the containers stay."""
    import asyncio
    import os

    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # Only programs are started beside its threads.

    from kybern.base.clock import SystemClock
    from kybern.client.kubeconfig import client_from_kubeconfig
    from kybern.client.trace_shipper import ship_traces
    from kybern.kubelet.run import Extensions, run

    server = server_of(args)
    extensions = Extensions(services=(server.service(),) if server is not None else ())

    async def serve() -> None:
        client = client_from_kubeconfig(args.kubeconfig, user_agent="kubelet") if args.kubeconfig else None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(run(config_of(args), client, extensions))
                if client is not None:
                    tasks.create_task(ship_traces(client, clock=SystemClock()))
        finally:
            if client is not None:
                await client.close()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        return 130
    return 0


def server_of(args: argparse.Namespace) -> "NodeServer | None":
    """None without a certificate, a key and a CA: nobody could be let in."""
    from kybern.kubelet.server.exec import OciExecutor
    from kybern.kubelet.server.service import NodeServer
    from kybern.transport import TlsFiles

    if not (args.tls_cert_file and args.tls_private_key_file and args.client_ca_file):
        return None
    return NodeServer(
        addresses=[(args.address, args.port)],
        tls=TlsFiles(Path(args.tls_cert_file), Path(args.tls_private_key_file), Path(args.client_ca_file)),
        oci=OciExecutor(args.oci_runtime, args.oci_runtime_root) if args.oci_runtime else None,
    )


def config_of(args: argparse.Namespace) -> "KubeletConfig":
    import socket

    from kybern.kubelet.eviction.thresholds import Thresholds, parse_thresholds
    from kybern.kubelet.kubelet_config import KubeletConfig

    labels = [each.partition("=") for each in filter(None, args.node_labels.split(","))]
    return KubeletConfig(
        node_name=args.hostname_override or socket.gethostname().lower(),
        node_ips=tuple(filter(None, args.node_ip.split(","))),
        runtime_socket=args.container_runtime_endpoint.removeprefix("unix://"),
        root_directory=Path(args.root_dir),
        pod_logs_directory=Path(args.pod_logs_dir),
        static_pod_path=Path(args.pod_manifest_path) if args.pod_manifest_path else None,
        file_check_frequency=args.file_check_frequency,
        cgroup_root=args.cgroup_root,
        cluster_dns=tuple(filter(None, args.cluster_dns.split(","))),
        cluster_domain=args.cluster_domain,
        resolv_conf=args.resolv_conf,
        port=args.port,
        node_labels=tuple((name, value) for name, _, value in labels),
        register_node=args.register_node,
        eviction_hard=Thresholds() if args.eviction_hard is None else parse_thresholds(args.eviction_hard),
        image_gc_high=args.image_gc_high_threshold,
        image_gc_low=args.image_gc_low_threshold,
    )
