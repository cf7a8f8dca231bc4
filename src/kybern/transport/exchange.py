"""What passes between the transport and everything behind it: `Handler(Request) -> Response | Stream | Upgrade`.

The transport knows sockets and bytes, the stages know Kubernetes; this file is all that they share.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

Headers = Sequence[tuple[str, str]]


@dataclass(slots=True)
class Request:
    """One HTTP request, whole: the transport has read (and bounded) the body before the handler sees it."""

    method: str
    path: str
    """Percent-decoded path, without the query."""
    query: Mapping[str, Sequence[str]]
    """Decoded query parameters, each with all its values in order."""
    headers: Mapping[str, str]
    """Names in lower case; several fields of one name are joined with ", "."""
    body: bytes
    peer: str
    """The client's address, `host:port`."""
    raw_path: str = ""
    """The path as it came."""
    raw_query: str = ""
    client_certificate: bytes | None = None
    """DER of the verified client certificate; None where the client showed none."""
    context: dict[str, Any] = field(default_factory=dict)
    """What the stages have found out so far (user, attributes, …); `apiserver/stages.py` names the keys."""
    repeated: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The values of those headers that came more than once, unjoined: a value may hold commas of its own."""

    def values(self, name: str) -> Sequence[str]:
        """All values of a header, by its name in lower case, each as its own field brought it."""
        if name in self.repeated:
            return self.repeated[name]
        return (self.headers[name],) if name in self.headers else ()

    def parameter(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default


@dataclass(slots=True)
class Response:
    """A complete answer; head and body leave in one write."""

    status: int
    body: bytes | Sequence[bytes] = b""
    """The body, or pieces of it that the transport joins while writing (a LIST is made of its objects' bytes)."""
    content_type: str = "application/json"
    headers: Headers = ()
    close: bool = False
    """End the connection after this answer."""


@dataclass(slots=True)
class Stream:
    """An answer whose body is made while it is sent (watch, logs): chunked, flushed piece by piece.

    The transport asks for the next piece only when the client keeps up, and closes the iterator (`aclose`) when the
    client goes away. An iterator that is `Direct` may send a piece itself while it is being waited for, with no task
    woken for it: half of what an event to a watcher costs.
    """

    pieces: AsyncIterator[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: Headers = ()
    ended: Callable[[], None] | None = None
    """Called once when all is sent, or the client is gone."""


Send = Callable[[bytes], None]
"""Sends bytes to one client as they are, at once."""


@runtime_checkable
class Direct(Protocol):
    """Pieces that may be sent by who makes them, between the transport's asking and getting its answer."""

    def go_direct(self, send: Send | None) -> None:
        """The transport's: from now on `send` takes pieces, framed with `response.chunk`. None: no longer; the client does
        not keep up, or is gone, and the transport is answered instead."""


class Connection(Protocol):
    """The raw connection after a switch of protocols."""

    async def read(self) -> bytes:
        """What has come, at least one byte; b"" when the other side has closed."""
        ...

    async def write(self, data: bytes) -> None:
        """Send; returns once the client keeps up. Raises ConnectionError when it is gone."""
        ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class Upgrade:
    """`101 Switching Protocols`: the connection belongs to `run` from here on; it ends when `run` returns."""

    protocol: str
    """The value of the answer's Upgrade header: `websocket`, `SPDY/3.1`."""
    run: Callable[[Connection], Awaitable[None]]
    headers: Headers = ()


Answer = Response | Stream | Upgrade

Handler = Callable[[Request], Answer | Awaitable[Answer]]
"""May answer at once (no task is made) or return an awaitable."""
