"""fsGroup: the files of a volume belong to a group that every process of the Pod is in.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
"""

import os
import stat
from pathlib import Path

from kybern.api.types.core_v1 import Pod

READ_WRITE, READ_ONLY, ENTER = 0o660, 0o440, 0o110
ON_ROOT_MISMATCH = "OnRootMismatch"


def give_to_group(pod: Pod, directory: Path, *, read_only: bool, always: bool = True) -> None:
    """Have everything in a volume belong to the Pod's fsGroup and be open to it; nothing without one. Blocking.

    Where the volume keeps what was in it before (`always` False), the Pod's fsGroupChangePolicy counts.
    """
    context = pod.spec.security_context
    if context is None or context.fs_group is None:
        return
    group, mask = context.fs_group, READ_ONLY if read_only else READ_WRITE
    directory = directory.resolve()  # A local volume's path may be a link; those inside are never followed.
    if not always and context.fs_group_change_policy == ON_ROOT_MISMATCH and _is_given(directory, group, mask):
        return
    for found, directories, files in os.walk(directory, topdown=False):
        links = [name for name in directories if os.path.islink(os.path.join(found, name))]
        for name in (*files, *links):
            _give(Path(found) / name, group, mask)
        _give(Path(found), group, mask)  # The root comes last: it stands for all.


def _is_given(directory: Path, group: int, mask: int) -> bool:
    """Whether the root of the volume shows that all of it was given to the group before."""
    found, wanted = directory.stat(), mask | ENTER | stat.S_ISGID
    return found.st_gid == group and found.st_mode & wanted == wanted


def _give(path: Path, group: int, mask: int) -> None:
    try:
        found = path.lstat()
        if found.st_gid != group:
            os.chown(path, -1, group, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            return
        if stat.S_ISDIR(found.st_mode):
            mask |= ENTER | stat.S_ISGID
        if found.st_mode & mask != mask or found.st_gid != group:
            path.chmod(stat.S_IMODE(found.st_mode) | mask)
    except FileNotFoundError:
        return  # A container took it away while we looked.
