"""`kybern kubeconfig`: how to reach the cluster, as a file for kubectl."""

import argparse

NAME = "kubeconfig"
HELP = "print the administrator's kubeconfig"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", default="", metavar="DIR", help="default: that of the cluster that runs")
    parser.add_argument("--merge", action="store_true", help="write it into your own kubeconfig as context kybern")


def execute(args: argparse.Namespace) -> int:
    import sys
    from pathlib import Path

    from kybern.supervisor import identity
    from kybern.supervisor.kubeconfig import write_context
    from kybern.supervisor.layout import DEFAULT_DATA_DIRECTORY, plan_layout

    record = identity.read_record()
    known = record.data_directory if record is not None else DEFAULT_DATA_DIRECTORY
    directory = Path(args.data_dir) if args.data_dir else known
    path = plan_layout(directory).admin_kubeconfig
    try:
        if args.merge:
            print(f"context kybern is in {write_context(path, directory)}")
        else:
            print(path.read_text(), end="")
    except PermissionError:
        print("error: the administrator's kubeconfig is for root only (run it with sudo)", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {path}: {error.strerror}; kybern up makes it", file=sys.stderr)
        return 1
    return 0
