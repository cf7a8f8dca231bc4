"""`kybern dns`: the cluster's DNS server alone, against any Kubernetes API server."""

import argparse

NAME = "dns"
HELP = "run a DNS server for the cluster's Services and Pods"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", required=True, metavar="FILE", help="which API server, and as whom")
    parser.add_argument("--address", default="127.0.0.1", metavar="IP", help="where to listen; default: %(default)s")
    parser.add_argument("--port", type=int, default=53, metavar="PORT", help="UDP and TCP; default: %(default)s")
    parser.add_argument(
        "--cluster-domain", default="cluster.local", metavar="DOMAIN", help="of the names; default: %(default)s"
    )
    parser.add_argument(
        "--cluster-dns", default="10.96.0.10", metavar="IP", help="ClusterIP of kube-dns; default: %(default)s"
    )
    parser.add_argument(
        "--resolv-conf", default="/etc/resolv.conf", metavar="FILE",
        help="whom to ask for other names; default: %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--metrics-port", type=int, default=0, metavar="PORT", help="/metrics, /health, /ready; default: nowhere"
    )


def execute(args: argparse.Namespace) -> int:
    from pathlib import Path

    import uvloop

    from kybern.client.kubeconfig import client_from_kubeconfig
    from kybern.dns.run import DnsConfig, run

    config = DnsConfig(
        args.address,
        args.port,
        args.cluster_domain,
        args.cluster_dns,
        Path(args.resolv_conf),
        args.metrics_port,
    )
    uvloop.run(run(config, client_from_kubeconfig(args.kubeconfig, user_agent="kybern-dns")))
    return 0
