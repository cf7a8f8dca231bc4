"""One line of a container's log file: `2026-01-02T03:04:05.000000006Z stdout F text`. Pure.

Source: the CRI's logging format, https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from kybern.base.clock import format_time, parse_time
from kybern.base.errors import BadRequest


class Entry(NamedTuple):
    """A whole line of output, or a part of one."""

    time: bytes
    """RFC 3339 with nanoseconds, as the runtime wrote it."""
    stream: bytes
    partial: bool
    """The line goes on in the next entry."""
    text: bytes


def parse(line: bytes) -> Entry | None:
    """An entry of a line without its newline; None for what is no entry (a torn write)."""
    parts = line.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in (b"stdout", b"stderr"):
        return None
    tags = parts[2].split(b":")
    return Entry(parts[0], parts[1], tags[0] == b"P", parts[3] if len(parts) > 3 else b"")


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Upstream's PodLogOptions, as far as they concern the reading."""

    follow: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since: bytes = b""
    """Entries before this time (RFC 3339, UTC) are left out; times of one form compare as bytes."""
    timestamps: bool = False
    stream: str = "All"
    """All, Stdout or Stderr."""


def options_of(query: Mapping[str, str], now: float) -> LogOptions:
    """From query parameters. Raises BadRequest for what makes no sense, as upstream's validation."""
    tail, limit = _number(query, "tailLines", 0), _number(query, "limitBytes", 1)
    stream = query.get("stream") or "All"
    if stream not in ("All", "Stdout", "Stderr"):
        raise BadRequest(f'stream: Unsupported value: "{stream}": supported values: "All", "Stderr", "Stdout"')
    if stream != "All" and tail is not None:
        raise BadRequest("tailLines: Forbidden: `tailLines` and specific `stream` are mutually exclusive for now")
    return LogOptions(
        follow=_truth(query, "follow"),
        tail_lines=tail,
        limit_bytes=limit,
        since=_since(query, now),
        timestamps=_truth(query, "timestamps"),
        stream=stream,
    )


def _truth(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1", "t")


def _number(query: Mapping[str, str], name: str, least: int) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.lstrip("-").isdecimal() or int(text) < least:
        raise BadRequest(f'{name}: Invalid value: "{text}": must be an integer of at least {least}')
    return int(text)


def _since(query: Mapping[str, str], now: float) -> bytes:
    seconds, at = _number(query, "sinceSeconds", 1), query.get("sinceTime", "")
    if seconds is not None and at:
        raise BadRequest("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if seconds is not None:
        return format_time(now - seconds).encode()
    if not at:
        return b""
    try:
        return format_time(parse_time(at)).encode()
    except ValueError as error:
        raise BadRequest(f'sinceTime: Invalid value: "{at}": {error}') from error
