"""The framing of exec and attach over a WebSocket: `v5.channel.k8s.io` and `v4.channel.k8s.io`. Pure.

Each binary message is a channel's number and data. Version 5 adds a message that closes a channel, so that the end of
stdin can be told (KEP-4006). How a command ended is a `Status` on the error channel.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
PROTOCOLS = (V5, V4)
"""Spoken here, the best first."""


class Channel(IntEnum):
    """What a message's first byte says."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4
    CLOSE = 255


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes for (or of) a stream."""

    channel: Channel
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The other side will send no more on this channel (version 5 only)."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Resize:
    """The size of the user's terminal, in characters."""

    columns: int
    rows: int


Message = Data | Close | Resize


class ProtocolError(Exception):
    """The other side sent what the protocol does not know; the connection must end."""


def decode(message: bytes, protocol: str) -> Message | None:
    """A client's message; None for one that says nothing (an empty one opens a channel). Raises ProtocolError."""
    if not message:
        raise ProtocolError("a message without a channel")
    number, data = message[0], message[1:]
    if number == Channel.CLOSE and protocol == V5:
        if len(data) != 1 or data[0] not in (Channel.STDIN, Channel.RESIZE):
            raise ProtocolError("a channel is closed that the client does not send on")
        return Close(Channel(data[0]))
    if number == Channel.RESIZE:
        return _resize(data) if data else None
    if number == Channel.STDIN:
        return Data(Channel.STDIN, data) if data else None
    raise ProtocolError(f"a client may not send on channel {number}")


def encode(channel: Channel, data: bytes) -> bytes:
    """A message to the client."""
    return bytes((channel,)) + data


def _resize(data: bytes) -> Resize:
    try:
        size = orjson.loads(data)
        columns, rows = size["Width"], size["Height"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ProtocolError("a terminal size that is none") from error
    if not all(isinstance(each, int) and 0 < each < 1 << 16 for each in (columns, rows)):
        raise ProtocolError("a terminal size that is none")
    return Resize(columns, rows)


def exit_status(code: int) -> bytes:
    """What the error channel tells when the command has ended: upstream's clients take the exit code from here."""
    if code == 0:
        return encode(Channel.ERROR, orjson.dumps({"metadata": {}, "status": "Success"}))
    status: dict[str, Any] = {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
    return encode(Channel.ERROR, orjson.dumps(status))


def failure(message: str) -> bytes:
    """What the error channel tells when the command could not be run."""
    status = {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500}
    return encode(Channel.ERROR, orjson.dumps(status))
