"""hostPath volumes: a path of the node, checked to be what the manifest says.

Source: https://kubernetes.io/docs/concepts/storage/volumes/#hostpath-volume-types
"""

import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from kybern.kubelet.volumes.payload import VolumeError

_KINDS: Mapping[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "FileOrCreate": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def prepare(path: Path, kind: str) -> Path:
    """The path itself, made if `kind` allows it. Blocking. Raises VolumeError when it is not of its kind."""
    if kind == "DirectoryOrCreate":
        if not path.exists():
            path.mkdir(mode=0o755, parents=True)
    elif kind == "FileOrCreate" and not path.exists():
        if not path.parent.is_dir():
            raise VolumeError(f"hostPath type check failed: {path.parent} is not a directory")
        path.touch(mode=0o644)
    if not kind:
        return path
    if kind not in _KINDS:
        raise VolumeError(f"{kind} is an invalid volume type")
    fits, name = _KINDS[kind]
    if not path.exists() or not fits(path.stat().st_mode):
        raise VolumeError(f"hostPath type check failed: {path} is not {name}")
    return path
