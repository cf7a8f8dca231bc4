"""`kybern apiserver`: the API server alone, with upstream's names for its flags."""

import argparse
import sys

from kybern.cli.apiserver.flags import add_flags

NAME = "apiserver"
HELP = "run the API server alone"


def configure(parser: argparse.ArgumentParser) -> None:
    """Upstream's names and defaults; what Kybern alone has says so."""
    add_flags(parser)


def execute(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    keeps_nothing = args.store == "memory" or bool(args.etcd_servers)
    if args.data_dir is None and not (keeps_nothing and (args.tls_cert_file or args.cert_dir)):
        print(
            "kybern apiserver: give --data-dir (or --cert-dir, or --tls-cert-file, with --store=memory or "
            "--etcd-servers)",
            file=sys.stderr,
        )
        return 2
    if not args.allow_privileged:
        print(
            "kybern apiserver: --allow-privileged=false is not supported; label namespaces with "
            "pod-security.kubernetes.io/enforce=baseline instead",
            file=sys.stderr,
        )
        return 2
    from kybern.base.errors import KybernError
    from kybern.cli.apiserver.settings import settings

    try:
        args.composition.serve_apiserver(settings(args), args.etcd_servers or args.store or "sqlite", args.data_dir)
    except KybernError as error:
        print(f"kybern apiserver: {error}", file=sys.stderr)
        return 1
    return 0
