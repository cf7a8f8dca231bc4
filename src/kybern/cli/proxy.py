"""`kybern proxy`: the Service proxy alone, against any Kubernetes API server."""

import argparse

NAME = "proxy"
HELP = "run the Service proxy of this node (kube-proxy's work, with nftables)"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", required=True, metavar="FILE", help="which API server, and as whom")
    parser.add_argument("--hostname-override", default="", metavar="NAME", help="this node's name; default: the host's")
    parser.add_argument(
        "--cluster-cidr", default="10.244.0.0/16", metavar="RANGE", help="of all Pods; default: %(default)s"
    )
    parser.add_argument("--no-host-ports", action="store_true", help="leave Pods' host ports to someone else")
    parser.add_argument(
        "--healthz-bind-address", default="0.0.0.0:10256", metavar="ADDRESS", help="of /healthz; default: %(default)s"
    )
    parser.add_argument(
        "--metrics-bind-address",
        default="127.0.0.1:10249",
        metavar="ADDRESS",
        help="of /proxyMode, /metrics and /configz; default: %(default)s",
    )
    parser.add_argument("--cleanup", action="store_true", help="remove the Service table from the kernel and exit")


def execute(args: argparse.Namespace) -> int:
    import socket

    from kybern.proxy.nft import Nft, ServiceTable

    if args.cleanup:
        ServiceTable(Nft(), args.cluster_cidr).remove()
        return 0
    import uvloop

    from kybern.client.kubeconfig import client_from_kubeconfig
    from kybern.client.request_counts import RequestCounts
    from kybern.proxy.config import ProxyConfig
    from kybern.proxy.run import run

    name = args.hostname_override or socket.gethostname().lower()
    config = ProxyConfig(
        name,
        args.cluster_cidr,
        host_ports=not args.no_host_ports,
        health_address=args.healthz_bind_address,
        status_address=args.metrics_bind_address,
    )
    counts = RequestCounts()
    client = client_from_kubeconfig(args.kubeconfig, user_agent="kube-proxy", counts=counts)
    uvloop.run(run(config, client, sources=(counts.families,)))
    return 0
