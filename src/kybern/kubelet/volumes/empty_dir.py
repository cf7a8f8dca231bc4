"""emptyDir volumes, on disk or in memory: made with the Pod, gone with it.

Source: https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
"""

import ctypes
import os
from pathlib import Path

from kybern.api import quantity
from kybern.kubelet.volumes.payload import VolumeError

_MEMORY = "Memory"
_MS_NOSUID_NODEV = 0x2 | 0x4
_MNT_DETACH = 0x2

_libc = ctypes.CDLL(None, use_errno=True)


def prepare(path: Path, medium: str, size_limit: str) -> Path:
    """An empty directory that everyone may write to; one that exists is left as it is. Blocking; Memory needs root.

    Raises VolumeError for a medium that this node has not, OSError when it cannot be made.
    """
    if medium not in ("", _MEMORY):
        raise VolumeError(f"unknown storage medium {medium!r}")
    path.mkdir(parents=True, exist_ok=True)
    if medium == _MEMORY:
        mount_tmpfs(path, quantity.value(size_limit) if size_limit else 0)
    path.chmod(0o777)
    return path


def mount_tmpfs(path: Path, size_bytes: int) -> None:
    """Mount a tmpfs (size 0: the kernel's default, half the memory) unless one is there."""
    if os.path.ismount(path):
        return
    options = f"size={size_bytes}" if size_bytes else ""
    _check(_libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", _MS_NOSUID_NODEV, options.encode()), path)


def unmount(path: Path) -> None:
    """Undo `mount_tmpfs`; nothing to do where nothing is mounted."""
    if os.path.ismount(path):
        _check(_libc.umount2(os.fsencode(path), _MNT_DETACH), path)


def _check(result: int, path: Path) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(path))
