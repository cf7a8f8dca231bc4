"""`kybern kubeconfig`: how to reach the cluster, as a file for kubectl."""

import argparse

NAME = "kubeconfig"
HELP = "print the administrator's kubeconfig"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", default="", metavar="DIR", help="default: that of the cluster that runs")
    parser.add_argument("--merge", action="store_true", help="write it into your own kubeconfig as context kybern")


def execute(args: argparse.Namespace) -> int:
    from pathlib import Path

    from kybern.cli.parser import failed, words_for
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
        return failed("the administrator's kubeconfig is for root only (run it with sudo)")
    except OSError as error:
        return failed(f"{words_for(error)}; kybern up makes it")
    return 0
