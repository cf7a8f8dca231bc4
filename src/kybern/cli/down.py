"""`kybern down`: end the cluster and leave the machine as it was."""

import argparse

NAME = "down"
HELP = "stop the cluster and remove everything of it from this machine but its data"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--purge", action="store_true", help="delete the data too")
    parser.add_argument("--data-dir", default="", metavar="DIR", help="default: that of the cluster that runs")


def execute(args: argparse.Namespace) -> int:
    from pathlib import Path

    from kybern.base.errors import KybernError
    from kybern.cli.parser import failed, lacks_root, words_for
    from kybern.supervisor import identity, kubeconfig, teardown
    from kybern.supervisor.data_directory import is_foreign, is_kept
    from kybern.supervisor.layout import DEFAULT_DATA_DIRECTORY
    from kybern.supervisor.progress import Progress

    if lacks_root("down"):
        return 1
    record = identity.read_record()
    named = Path(args.data_dir).absolute() if args.data_dir else None
    directory = named or (record.data_directory if record is not None else DEFAULT_DATA_DIRECTORY)
    others = record is not None and record.data_directory != directory
    if others and record is not None and any(process.alive for process in record.processes.values()):
        return failed(f"the cluster that runs is of {record.data_directory}, not of {directory}")
    if args.purge and is_foreign(directory):
        return failed(f"{directory} is no cluster's; nothing was deleted")
    progress = Progress()
    left = []
    try:
        kubeconfig.remove_context(directory)
    except (KybernError, OSError) as error:
        left.append(f"the context {kubeconfig.CONTEXT!r}: {words_for(error)}")
    with identity.turn():
        left += teardown.tear_down(directory, args.purge, progress.now)
    for each in left:
        progress.failed(f"could not be removed: {each}")
    if left:
        return 1
    if args.purge:
        progress.done("the cluster is down; its data is gone too")
    elif is_kept(directory):
        progress.done(f"the cluster is down; its data is kept in {directory}")
    else:
        progress.done(f"nothing of a cluster is left; {directory} holds none")
    return 0
