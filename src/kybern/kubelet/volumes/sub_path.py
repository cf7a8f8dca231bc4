"""subPath: a part of a volume as a mount of its own, without a way out of the volume.

A Pod may change its volume while the kubelet looks: so every step is opened relative to the one before, never through
a link, and what is handed to the runtime is the opened directory itself (`/proc/PID/fd/N`), not a name.
Source of the danger: CVE-2017-1002101, CVE-2021-25741.
"""

import errno
import os
import stat
from pathlib import Path

from kybern.kubelet.volumes.payload import VolumeError

_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def open_sub_path(volume: Path, sub_path: str) -> int:
    """A descriptor (O_PATH) of the file or directory; missing directories are made. The caller closes it. Blocking.

    Raises VolumeError for a path that would leave the volume or goes through a link.
    """
    parts = [part for part in sub_path.split("/") if part not in ("", ".")]
    if sub_path.startswith("/") or ".." in parts:
        raise VolumeError(f"subPath {sub_path!r} must be relative and stay inside the volume")
    current = os.open(volume, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts:
        try:
            following = _step(current, part)
        except OSError as error:
            raise VolumeError(f"subPath {sub_path!r}: {part!r}: {os.strerror(error.errno or 0)}") from error
        finally:
            os.close(current)
        current = following
    return current


def _step(directory: int, name: str) -> int:
    try:
        opened = os.open(name, _STEP, dir_fd=directory)
    except FileNotFoundError:
        os.mkdir(name, 0o750, dir_fd=directory)
        opened = os.open(name, _STEP, dir_fd=directory)
    if stat.S_ISLNK(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.ELOOP, "a symbolic link", name)
    return opened
