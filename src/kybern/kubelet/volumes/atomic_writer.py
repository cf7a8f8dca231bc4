"""Puts a set of files into a directory so that a reader sees all of the old or all of the new.

The layout is upstream's, on which programs rely that watch their configuration: `..data` is a link to a directory
named after the time, each file a link through `..data`; an update swaps `..data` by a rename.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from kybern.kubelet.volumes.payload import File, Payload, VolumeError

DATA = "..data"
_NEW_DATA = "..data_tmp"


def write(directory: Path, payload: Payload) -> bool:
    """Make `directory` show exactly `payload`; whether anything changed. Blocking.

    Raises VolumeError for a path that would leave the directory, OSError when the disk refuses.
    """
    for path in payload:
        _check(path)
    directory.mkdir(parents=True, exist_ok=True)
    current = _current(directory)
    if current is not None and _shown(current) == dict(payload):
        return False
    new = Path(tempfile.mkdtemp(prefix=time.strftime("..%Y_%m_%d_%H_%M_%S.", time.gmtime()), dir=directory))
    new.chmod(0o755)
    for path, file in payload.items():
        _write_file(new / path, file)
    _swap(directory, new)
    _link(directory, payload)
    if current is not None:
        shutil.rmtree(current)
    return True


def _check(path: str) -> None:
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or parts[0].startswith(".."):
        raise VolumeError(f"invalid path {path!r}: it must be relative and stay inside the volume")


def _current(directory: Path) -> Path | None:
    link = directory / DATA
    return directory / os.readlink(link) if link.is_symlink() else None


def _shown(data: Path) -> dict[str, File]:
    return {
        str(path.relative_to(data)): File(path.read_bytes(), path.stat().st_mode & 0o7777, path.stat().st_uid)
        for path in data.rglob("*")
        if path.is_file()
    }


def _write_file(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    if file.owner:
        os.chown(path, file.owner, -1)
    path.chmod(file.mode)


def _swap(directory: Path, new: Path) -> None:
    temporary = directory / _NEW_DATA
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(new.name)
    temporary.rename(directory / DATA)


def _link(directory: Path, paths: Iterable[str]) -> None:
    """Visible names: one link for each first segment; those that lead nowhere any more go."""
    wanted = {path.split("/")[0] for path in paths}
    for name in wanted:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA}/{name}")
    for entry in directory.iterdir():
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()
