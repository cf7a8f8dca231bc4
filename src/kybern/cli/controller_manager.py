"""`kybern controller-manager`: the controllers alone, against any conformant API server."""

import argparse
from typing import TYPE_CHECKING

from kybern.cli.parser import words_for
from kybern.cli.serving import add_serving, serving_of
from kybern.cli.values import add_boolean, seconds

if TYPE_CHECKING:
    from kybern.controllers.config import Config

NAME = "controller-manager"
PORT = 10257
AGENT = "kube-controller-manager"
HELP = "run the controllers alone, against the API server of a kubeconfig"


def configure(parser: argparse.ArgumentParser) -> None:
    """Upstream's names and defaults."""
    add = parser.add_argument
    add("--kubeconfig", metavar="FILE", default="", help="which API server, and as whom; default: that of the Pod")
    add(
        "--controllers",
        metavar="NAMES",
        default="*",
        help="which, with commas between: NAME, '-NAME' (not that one); default: '*', all",
    )
    _configure_ranges(parser)
    add("--root-ca-file", metavar="FILE", default="", help="published in each namespace as kube-root-ca.crt")
    add("--service-account-private-key-file", metavar="FILE", default="", help="signs tokens kept in Secrets")
    add(
        "--legacy-service-account-token-clean-up-period",
        metavar="DURATION",
        type=seconds,
        default=365 * 24 * 3600.0,
        help="how long a token that came without asking stays unused; default: 8760h0m0s",
    )
    add("--cluster-signing-cert-file", metavar="FILE", default="", help="the authority that signs requests")
    add("--cluster-signing-key-file", metavar="FILE", default="", help="its key")
    add(
        "--cluster-signing-duration",
        metavar="DURATION",
        type=seconds,
        default=365 * 24 * 3600.0,
        help="how long a signed certificate lives at most; default: 8760h0m0s",
    )
    add(
        "--node-monitor-grace-period",
        metavar="DURATION",
        type=seconds,
        default=50.0,
        help="how long a silent node counts as healthy; default: 50s",
    )
    add(
        "--terminated-pod-gc-threshold",
        metavar="N",
        type=int,
        default=12500,
        help="finished Pods that may stay; 0: all; default: 12500",
    )
    add_boolean(parser, "--leader-elect", True, "act only while holding the lease kube-system/kube-controller-manager")
    add_serving(parser, PORT)


def _configure_ranges(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_boolean(parser, "--allocate-node-cidrs", False, "give each node a range of Pod addresses")
    add("--cluster-cidr", metavar="CIDRS", default="", help="the range of all Pods, or one of each family")
    add("--node-cidr-mask-size", metavar="BITS", type=int, default=0, help="of a node's range; default: 24, IPv6: 64")
    for family, bits in (("ipv4", 24), ("ipv6", 64)):
        add(
            f"--node-cidr-mask-size-{family}",
            metavar="BITS",
            type=int,
            default=0,
            help=f"where both are; default: {bits}",
        )
    add("--service-cluster-ip-range", metavar="CIDRS", default="", help="ranges that no node gets")


def execute(args: argparse.Namespace) -> int:
    """Until interrupted, or until leadership is lost."""
    import asyncio
    import sys

    import uvloop

    from kybern.base.garbage import collect_seldom
    from kybern.client.kubeconfig import KubeconfigError
    from kybern.client.leader_election import LeadershipLost
    from kybern.controllers.node_ranges import ranges_of_flags
    from kybern.controllers.run import chosen

    config = config_of(args)
    collect_seldom()
    status = 0
    try:
        chosen(config.controllers)
        if config.allocate_node_cidrs:
            ranges_of_flags(config.cluster_cidr, config.node_cidr_masks)
        uvloop.run(_run(config, args))
    except* asyncio.CancelledError:
        status = 0
    except* (KubeconfigError, LeadershipLost, ValueError) as group:
        print(f"kybern controller-manager: {words_for(group) or group.exceptions[0]}", file=sys.stderr)
        status = 1
    return status


def config_of(args: argparse.Namespace) -> "Config":
    """What the controllers are told."""
    from kybern.controllers.config import Config
    from kybern.controllers.node_ranges import Masks

    return Config(
        controllers=tuple(args.controllers.split(",")),
        allocate_node_cidrs=args.allocate_node_cidrs,
        cluster_cidr=args.cluster_cidr,
        node_cidr_masks=Masks(args.node_cidr_mask_size, args.node_cidr_mask_size_ipv4, args.node_cidr_mask_size_ipv6),
        service_cluster_ip_range=args.service_cluster_ip_range,
        root_ca_file=args.root_ca_file,
        service_account_private_key_file=args.service_account_private_key_file,
        legacy_token_clean_up_seconds=args.legacy_service_account_token_clean_up_period,
        cluster_signing_cert_file=args.cluster_signing_cert_file,
        cluster_signing_key_file=args.cluster_signing_key_file,
        cluster_signing_duration_seconds=args.cluster_signing_duration,
        node_monitor_grace_period_seconds=args.node_monitor_grace_period,
        terminated_pod_gc_threshold=args.terminated_pod_gc_threshold,
        leader_elect=args.leader_elect,
    )


async def _run(config: "Config", args: argparse.Namespace) -> None:
    import asyncio
    import signal

    from kybern.client.kubeconfig import client_from_kubeconfig, client_in_cluster
    from kybern.client.request_counts import RequestCounts
    from kybern.controllers.run import run

    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # The lease is let go on the way.
    counts = RequestCounts()
    serving = serving_of(args, AGENT, counts)
    if args.kubeconfig:
        client = client_from_kubeconfig(args.kubeconfig, user_agent=AGENT, counts=counts)
    else:
        client = client_in_cluster(user_agent=AGENT, counts=counts)
    try:
        await run(config, client, serving=serving)
    finally:
        await client.close()
