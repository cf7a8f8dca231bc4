"""hostPath: a path of the node, made or checked as its type says."""

import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from kybern.api.types.core_v1 import HostPathVolumeSource
from kybern.kubelet.volumes.payload import VolumeError

_CHECKS: Mapping[str, tuple[str, Callable[[int], bool]]] = {
    "Directory": ("directory", stat.S_ISDIR),
    "DirectoryOrCreate": ("directory", stat.S_ISDIR),
    "File": ("file", stat.S_ISREG),
    "FileOrCreate": ("file", stat.S_ISREG),
    "Socket": ("socket file", stat.S_ISSOCK),
    "CharDevice": ("character device", stat.S_ISCHR),
    "BlockDevice": ("block device", stat.S_ISBLK),
}


def check_host_path(source: HostPathVolumeSource) -> str:
    """The path, made or checked. Raises VolumeError, OSError."""
    path = Path(source.path)
    if source.type == "DirectoryOrCreate" and not path.exists():
        path.mkdir(parents=True, mode=0o755)
    if source.type == "FileOrCreate" and not path.exists() and path.parent.is_dir():
        path.touch(mode=0o644)
    if not source.type:
        return source.path
    if source.type not in _CHECKS:
        raise VolumeError(f"{source.type} is an invalid volume type")
    word, is_kind = _CHECKS[source.type]
    if not path.exists() or not is_kind(path.stat().st_mode):
        raise VolumeError(f"hostPath type check failed: {source.path} is not a {word}")
    return source.path
