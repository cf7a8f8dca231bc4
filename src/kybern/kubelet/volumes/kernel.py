"""Mounts in the kernel, without a process for each: `mount` and `umount2` of libc, and the table of what is mounted."""

import ctypes
import os
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
TABLE = Path("/proc/self/mountinfo")
_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}

_libc = ctypes.CDLL(None, use_errno=True)


def mount_tmpfs(target: Path, *, size_bytes: int = 0) -> None:
    """A file system in memory, open to all, where each removes only what is theirs (mode 1777, as upstream's volumes
    in memory have it); with no size, half of the machine's. Raises OSError."""
    _mount("tmpfs", target, "tmpfs", 0, f"size={size_bytes}" if size_bytes else "")


def bind(source: str, target: Path) -> None:
    """Show `source` at `target` too. Raises OSError."""
    _mount(source, target, "", MS_BIND | MS_REC, "")
    _mount("", target, "", MS_PRIVATE, "")


def unmount(target: Path) -> None:
    """Take the newest mount at `target` away, as soon as nobody uses it. Raises OSError."""
    if _libc.umount2(os.fsencode(target), MNT_DETACH):
        _raise(target)


def _mount(source: str, target: Path, kind: str, flags: int, options: str) -> None:
    # Null pointers where there is nothing to say: some file systems refuse an empty string.
    text = options.encode() or None
    if _libc.mount(source.encode() or None, os.fsencode(target), kind.encode() or None, flags, text):
        _raise(target)


def _raise(target: Path) -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), str(target))


def mounts_below(directory: Path) -> list[Path]:
    """Mount points at or below `directory`, the newest first."""
    points = [_decode(line.split()[4]) for line in TABLE.read_text().splitlines()]
    inside = (point for point in points if point == str(directory) or point.startswith(f"{directory}/"))
    return [Path(point) for point in reversed(list(inside))]


def _decode(text: str) -> str:
    for escape, character in _ESCAPES.items():
        text = text.replace(escape, character)
    return text
