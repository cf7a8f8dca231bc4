"""A part of a volume, held fast: what a container writes into the volume cannot lead its subPath elsewhere.

The path is opened step by step without following links, and what was opened is bound to a place of the kubelet's own;
that place is what the runtime mounts (upstream's answer to CVE-2017-1002101 and CVE-2021-25741).
"""

import os
from pathlib import Path

from kybern.base.errors import KybernError
from kybern.kubelet.ports import ConfigNotReady
from kybern.kubelet.volumes import kernel

_DIRECTORY = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


class OutsideVolume(KybernError):
    """What the path leads to lies elsewhere."""


def hold_sub_path(volume: Path, sub_path: str, target: Path) -> None:
    """Bind `sub_path` of the volume to `target`; directories that are missing are made as the volume's own.

    Raises ConfigNotReady for a path that says that it leaves the volume, OutsideVolume for one that does, OSError.
    """
    if os.path.isabs(sub_path):
        raise ConfigNotReady(f"error SubPath `{sub_path}` must not be an absolute path")
    if ".." in sub_path.split("/"):
        raise ConfigNotReady(f"unable to provision SubPath `{sub_path}`: must not contain '..'")
    root = volume.resolve()
    resolved = (root / sub_path).resolve()
    if not resolved.is_relative_to(root):
        raise OutsideVolume(f"subpath {str(resolved)!r} not within volume path {str(root)!r}")
    mode = root.stat().st_mode & 0o7777
    descriptor = _open(root, resolved.relative_to(root).parts, mode)
    try:
        _make_target(target, is_directory=not resolved.is_file())
        kernel.bind(f"/proc/self/fd/{descriptor}", target)
    finally:
        os.close(descriptor)


def _open(root: Path, parts: tuple[str, ...], mode: int) -> int:
    """A descriptor of the place; every step is a real directory below the one before."""
    current = os.open(root, _DIRECTORY)
    for index, part in enumerate(parts):
        try:
            following = _step(current, part, mode, is_last=index == len(parts) - 1)
        finally:
            os.close(current)
        current = following
    return current


def _step(parent: int, name: str, mode: int, *, is_last: bool) -> int:
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC if is_last else _DIRECTORY
    try:
        return os.open(name, flags, dir_fd=parent)
    except FileNotFoundError:
        os.mkdir(name, dir_fd=parent)
        found = os.open(name, _DIRECTORY, dir_fd=parent)
        os.chmod(f"/proc/self/fd/{found}", mode)
        return found


def _make_target(target: Path, *, is_directory: bool) -> None:
    for mounted in kernel.mounts_below(target):
        kernel.unmount(mounted)  # Of the container that ran before; it holds what it needs itself.
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_directory:
        target.mkdir(exist_ok=True)
    else:
        target.touch()
