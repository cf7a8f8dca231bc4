"""What `ps` and `top` show for a forked process: without this, the command line of the one that it was forked from."""

import ctypes
from pathlib import Path

PR_SET_NAME = 15
NAME_BYTES = 15
ARGUMENTS_FIELDS = slice(45, 47)
"""Where the arguments begin and end in memory, among the fields of /proc/self/stat behind the command's name."""


def set_title(title: str) -> None:
    """Call this process `title`: its name for the kernel, and the words of its command line, which are overwritten."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = (int(field) for field in fields[ARGUMENTS_FIELDS])
    text = title.encode()
    if 0 < start < end:
        room = end - start
        ctypes.memmove(start, text[: room - 1].ljust(room, b"\0"), room)
    ctypes.CDLL(None).prctl(PR_SET_NAME, text[:NAME_BYTES], 0, 0, 0)
