"""The directory in which a cluster keeps everything: whether one may begin there, and whether it is a cluster's."""

import os
import shutil
import tempfile
from pathlib import Path

from kybern.base.errors import KybernError
from kybern.supervisor.kubeconfig import NOTE

MARKS = (Path("log") / "supervisor.log", Path("pki") / "ca.crt")
"""What is there from the first moment of a cluster on, or of an API server that ran alone."""
NOBODYS = frozenset({"lost+found", "log", NOTE})
"""What a fresh disk holds, and a cluster that ended before its first word."""
LEAST_FREE_BYTES = 64 << 20
LEAST_FREE_TO_GO_ON_BYTES = 1 << 20
"""A cluster that is kept can be read, and things in it deleted, as long as its programs can say a word."""


class BadDataDirectory(KybernError):
    """No cluster can be kept there; the message says why, and what to do."""


def is_kept(directory: Path) -> bool:
    """Whether a cluster is kept there."""
    return any((directory / mark).exists() for mark in MARKS)


def is_foreign(directory: Path) -> bool:
    """Whether there are things in it, and not a cluster's."""
    if not directory.is_dir() or is_kept(directory):
        return False
    return any(each.name not in NOBODYS for each in directory.iterdir())


def refuse(directory: Path) -> None:
    """Make the directory. Raises BadDataDirectory for one that cannot be a cluster's."""
    other = "name another one with --data-dir"
    if is_foreign(directory):
        raise BadDataDirectory(f"{directory} is not empty, and no cluster's; {other}")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise BadDataDirectory(f"{error.filename} is no directory; {other}") from error
    except OSError as error:
        raise BadDataDirectory(f"{directory} cannot be written to: {os.strerror(error.errno or 0)}; {other}") from error
    free, kept = shutil.disk_usage(directory).free, is_kept(directory)
    needed = LEAST_FREE_TO_GO_ON_BYTES if kept else LEAST_FREE_BYTES
    if free < needed:
        sizes = f"{free >> 20} MiB free, and a cluster needs {needed >> 20}"
        raise BadDataDirectory(f"the disk of {directory} has {sizes}; make room{'' if kept else f', or {other}'}")
