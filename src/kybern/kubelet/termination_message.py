"""A container's last words: from its termination log, or from the end of its log when the policy falls back to it."""

import re
from pathlib import Path

from kybern.kubelet.labels import TERMINATION_MESSAGE_PATH, TERMINATION_MESSAGE_POLICY
from kybern.kubelet.runtime.views import ContainerState, ContainerStatus

MESSAGE_LIMIT = 4096
"""Bytes of a termination message (upstream's MaxContainerTerminationMessageLength)."""
LOG_BYTES, LOG_LINES = 2048, 80
"""How much of the log replaces a missing message."""
_ENTRY = re.compile(rb"^\S+ (?:stdout|stderr) (?P<tag>[FP])(?::\S+)? ")
"""Time, stream, whether the line is full or goes on with the next entry (CRI)."""


def read_termination_message(status: ContainerStatus) -> str:
    """The message of a container that has exited; what the runtime said when there is none."""
    if status.state is not ContainerState.EXITED:
        return status.message
    path = status.mounts.get(status.annotations.get(TERMINATION_MESSAGE_PATH, ""))
    message = _read(Path(path)) if path else ""
    fallback = status.annotations.get(TERMINATION_MESSAGE_POLICY) == "FallbackToLogsOnError"
    if not message and fallback and status.exit_code and status.log_path:
        message = _tail(Path(status.log_path))
    return message or status.message


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MESSAGE_LIMIT))  # Of a longer one, its end.
            return file.read(MESSAGE_LIMIT).decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"Error on reading termination log {path}: {error.strerror}"


def _tail(path: Path) -> str:
    try:
        data = path.read_bytes() if path.stat().st_size < 1 << 20 else _end(path)
    except OSError:
        return ""
    lines = b"".join(map(_text, data.splitlines(keepends=True))).splitlines(keepends=True)[-LOG_LINES:]
    return b"".join(lines)[-LOG_BYTES:].decode(errors="replace")


def _text(entry: bytes) -> bytes:
    """What the container wrote of one entry of its log."""
    found = _ENTRY.match(entry)
    if found is None:
        return entry
    text = entry[found.end() :]
    return text.removesuffix(b"\n") if found["tag"] == b"P" else text


def _end(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-(1 << 16), 2)
        return file.read().partition(b"\n")[2]
