"""What the two sides of exec and attach say, and its framing over a WebSocket. Pure.

Each message is a channel's number and data; in the base64 protocols both are text. Version 5 adds a message that
closes a channel, so that the end of stdin can be told (KEP-4006). How a command ended goes on the error channel: a
`Status` from version 4 on, the words of a failure before.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from enum import IntEnum

import orjson

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
V4_BASE64 = "v4.base64.channel.k8s.io"
V1 = "channel.k8s.io"
V1_BASE64 = "base64.channel.k8s.io"
WEBSOCKET_PROTOCOLS = (V5, V4, V4_BASE64, V1, V1_BASE64)
"""Spoken here, the best first; a client that names none is spoken to in V1."""
SPDY_PROTOCOLS = (V4, "v3.channel.k8s.io", "v2.channel.k8s.io", V1)
WITH_STATUS = (V5, V4, V4_BASE64)
"""Those in which the error channel holds a Status."""


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
        return resize(data) if data else None
    if number == Channel.STDIN:
        return Data(Channel.STDIN, data) if data else None
    raise ProtocolError(f"a client may not send on channel {number}")


def encode(channel: Channel, data: bytes) -> bytes:
    """A message to the client."""
    return bytes((channel,)) + data


def from_text(message: bytes) -> bytes:
    """A message of the base64 protocols as the others have it. Raises ProtocolError."""
    try:
        return bytes((int(message[:1]),)) + b64decode(message[1:], validate=True)
    except ValueError as error:
        raise ProtocolError("a message that is no base64") from error


def to_text(channel: int, data: bytes) -> str:
    """A message to a client of the base64 protocols."""
    return str(int(channel)) + b64encode(data).decode()


def resize(data: bytes) -> Resize:
    """A message on the resize channel. Raises ProtocolError."""
    try:
        size = orjson.loads(data)
        columns, rows = size["Width"], size["Height"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ProtocolError("a terminal size that is none") from error
    if not all(isinstance(each, int) and 0 < each < 1 << 16 for each in (columns, rows)):
        raise ProtocolError("a terminal size that is none")
    return Resize(columns, rows)
