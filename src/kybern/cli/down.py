"""`kybern down`: end the cluster and leave the machine as it was."""

import argparse

NAME = "down"
HELP = "stop the cluster and remove everything of it from this machine but its data"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--purge", action="store_true", help="delete the data too")
    parser.add_argument("--data-dir", default="", metavar="DIR", help="default: that of the cluster that runs")


def execute(args: argparse.Namespace) -> int:
    import os
    import sys
    from pathlib import Path

    from kybern.supervisor import identity, kubeconfig, teardown
    from kybern.supervisor.layout import DEFAULT_DATA_DIRECTORY
    from kybern.supervisor.progress import Progress

    if os.geteuid():
        print("error: kybern down needs root's rights (run it with sudo)", file=sys.stderr)
        return 1
    record = identity.read_record()
    named = Path(args.data_dir).absolute() if args.data_dir else None
    directory = named or (record.data_directory if record is not None else DEFAULT_DATA_DIRECTORY)
    others = record is not None and record.data_directory != directory
    if others and record is not None and any(process.alive for process in record.processes.values()):
        print(f"error: the cluster that runs is of {record.data_directory}, not of {directory}", file=sys.stderr)
        return 1
    progress = Progress()
    kubeconfig.remove_context(directory)
    with identity.turn():
        left = teardown.tear_down(directory, args.purge, progress.now)
    for each in left:
        progress.failed(f"could not be removed: {each}")
    if left:
        return 1
    kept = "its data is gone too" if args.purge else f"its data is kept in {directory}"
    progress.done(f"the cluster is down; {kept}")
    return 0
