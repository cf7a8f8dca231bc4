"""`kybern image`: images on the cluster's nodes, with no registry."""

import argparse
from pathlib import Path

NAME = "image"
HELP = "import, list and remove images on the nodes"


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    load = verbs.add_parser("import", help="load OCI or docker archives into every node")
    load.add_argument("files", nargs="+", metavar="FILE", help="a tar, as `docker save` and `kybern` write it")
    verbs.add_parser("list", help="list the images of every node")
    remove = verbs.add_parser("rm", help="remove images from every node")
    remove.add_argument("names", nargs="+", metavar="IMAGE")
    for each in verbs.choices.values():
        each.add_argument("--data-dir", default="", metavar="DIR", help="default: that of the cluster that runs")


def execute(args: argparse.Namespace) -> int:
    from kybern.cli.parser import failed, lacks_root
    from kybern.supervisor.containerd import ctr, import_archive, list_images
    from kybern.supervisor.namespaces import CommandFailed

    absent = [file for file in (args.files if args.action == "import" else ()) if not Path(file).is_file()]
    if absent:
        return failed(f"no such file: {', '.join(absent)}")
    if lacks_root("image"):
        return 1
    sockets = _sockets(args.data_dir)
    if not sockets:
        return failed("no containerd of a cluster runs here; kybern up starts one")
    try:
        if args.action == "list":
            for name in sorted({name for socket in sockets for name in list_images(socket)}):
                print(name)
        for socket in sockets:
            for file in args.files if args.action == "import" else ():
                for name in import_archive(socket, Path(file).absolute()):
                    print(f"{name} imported")
            for name in args.names if args.action == "rm" else ():
                ctr(socket, "images", "rm", "--sync", name)
    except CommandFailed as error:
        return failed(str(error))
    return 0


def _sockets(data_directory: str) -> list[Path]:
    """containerd's sockets of all nodes."""
    from kybern.supervisor import identity
    from kybern.supervisor.layout import DEFAULT_DATA_DIRECTORY, plan_layout

    record = identity.read_record()
    directory = Path(data_directory) if data_directory else DEFAULT_DATA_DIRECTORY
    if record is not None and not data_directory:
        directory = record.data_directory
    layout = plan_layout(directory, record.nodes if record is not None else 1)
    return [node.socket for node in layout.nodes if node.socket.exists()]
