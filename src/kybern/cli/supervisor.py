"""`kybern supervisor`: take over from one that died. Its keeper runs this; nobody else need."""

import argparse
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from kybern.supervisor.cluster import Composition

NAME = "supervisor"
HELP = "take over from a supervisor that died (a cluster does this by itself)"


def configure(parser: argparse.ArgumentParser) -> None:
    from kybern.supervisor.store import add_etcd_flags

    add = parser.add_argument
    add("--data-dir", required=True, metavar="DIR", help="where the cluster keeps everything")
    add("--nodes", type=int, default=1, metavar="N", help="its nodes; default: %(default)s")
    add("--store", default="sqlite", help="its store; default: %(default)s")
    add("--cri-socket", default="", metavar="SOCKET", help="its container runtime, where that is not its own")
    add_etcd_flags(parser)


def execute(args: argparse.Namespace) -> int:
    from pathlib import Path

    from kybern.cli.parser import failed, lacks_root
    from kybern.supervisor import identity
    from kybern.supervisor.cluster import Options, succeed
    from kybern.supervisor.daemon import become_daemon
    from kybern.supervisor.store import etcd_access

    if lacks_root("supervisor"):
        return 1
    directory = Path(args.data_dir).absolute()
    options = Options(directory, args.nodes, args.store, args.cri_socket, etcd_access(args))
    record = identity.read_record()
    if record is None or not record.is_bereft or record.data_directory != options.data_directory:
        return failed(f"no cluster of {options.data_directory} lacks a supervisor; kybern up starts one")
    return become_daemon(options.layout.logs, lambda: succeed(options, cast("Composition", args.composition)))
