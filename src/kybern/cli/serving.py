"""Flags of a component's own small server, under upstream's names."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kybern.cli.values import names

if TYPE_CHECKING:
    from kybern.client.client import Client
    from kybern.client.request_counts import RequestCounts
    from kybern.serving.server import Serving


def add_serving(parser: argparse.ArgumentParser, port: int) -> None:
    """`port`: upstream's default."""
    group = parser.add_argument_group("serving")
    add = group.add_argument
    add(
        "--secure-port",
        type=_port,
        default=port,
        metavar="PORT",
        help=f"of /healthz and /metrics; 0: nowhere; default: {port}",
    )
    add("--bind-address", default="0.0.0.0", metavar="ADDRESS", help="default: %(default)s")
    add("--cert-dir", type=Path, metavar="DIR", help="keeps a certificate that is made; default: in memory only")
    add("--tls-cert-file", type=Path, metavar="FILE", help="the server's certificate; default: one is made")
    add("--tls-private-key-file", type=Path, metavar="FILE", help="its key")
    add(
        "--client-ca-file", type=Path, metavar="FILE", help="who signs clients' certificates; default: the cluster says"
    )
    for purpose, what in (("authentication", "who a token is of"), ("authorization", "what a caller may")):
        add(
            f"--{purpose}-kubeconfig",
            default="",
            metavar="FILE",
            help=f"the API server that is asked {what}; default: that of the Pod",
        )
    add("--authentication-skip-lookup", action="store_true", help="the cluster is not asked who signs clients")
    add(
        "--authorization-always-allow-paths",
        type=names,
        default=("/healthz", "/readyz", "/livez"),
        metavar="PATHS",
        help="of these nobody is asked; default: /healthz,/readyz,/livez",
    )


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    told = "must be between 0 and 65535, inclusive. 0 for turning off secure port"
    raise argparse.ArgumentTypeError(f"{text} {told}")


def serving_of(args: argparse.Namespace, user_agent: str, counts: "RequestCounts") -> "Serving":
    """Raises KybernError; `counts` are told with the rest."""
    from kybern.base.errors import KybernError
    from kybern.serving.server import Serving

    if (args.tls_cert_file is None) != (args.tls_private_key_file is None):
        raise KybernError("--tls-cert-file and --tls-private-key-file go together")
    return Serving(
        secure_port=args.secure_port,
        bind_address=args.bind_address,
        tls_cert_file=args.tls_cert_file,
        tls_private_key_file=args.tls_private_key_file,
        cert_dir=args.cert_dir,
        client_ca_file=args.client_ca_file,
        looks_up_client_ca=not args.authentication_skip_lookup,
        always_allow_paths=args.authorization_always_allow_paths,
        authentication=_client(args.authentication_kubeconfig, user_agent),
        authorization=_client(args.authorization_kubeconfig, user_agent),
        sources=(counts.families,),
    )


def _client(kubeconfig: str, user_agent: str) -> "Client | None":
    """None where neither the flag nor the Pod names an API server."""
    from kybern.client.kubeconfig import KubeconfigError, client_from_kubeconfig, client_in_cluster

    if kubeconfig:
        return client_from_kubeconfig(kubeconfig, user_agent=user_agent)
    try:
        return client_in_cluster(user_agent=user_agent)
    except KubeconfigError:
        return None
