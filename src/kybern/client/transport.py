"""What carries a request to an API server: the seam between the client and sockets, or no sockets at all.

A transport knows nothing of Kubernetes but that an answer has a status, headers and a body.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

REQUEST_TIMEOUT_SECONDS = 60.0
"""How long a request that is no stream may take, its answer included."""

NOTHING: Mapping[str, str] = {}


class HttpRequest(NamedTuple):
    """What is asked. What `headers` leaves out is the transport's: JSON, and who asks."""

    method: str
    path: str
    query: Mapping[str, str] = NOTHING
    body: bytes = b""
    headers: Mapping[str, str] = NOTHING

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class HttpStream(Protocol):
    """An answer whose body comes piece by piece (watch, logs)."""

    status: int
    headers: Mapping[str, str]

    async def read(self) -> bytes:
        """What has come, at least one byte; b"" at the end. Raises Unreachable when the connection broke."""
        ...

    def close(self) -> None:
        """Give the connection up; safe to call twice."""
        ...


class Transport(Protocol):
    """How requests travel. Any number may be under way at once."""

    async def request(self, request: HttpRequest) -> HttpAnswer:
        """Ask and read the whole answer, whatever its status. Raises Unreachable."""
        ...

    async def stream(self, request: HttpRequest) -> HttpStream:
        """Ask and return once the head of the answer is there; the caller closes the stream. Raises Unreachable."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


@dataclass(slots=True)
class WholeStream:
    """A complete answer in the form of a stream (an error instead of a watch)."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"")

    async def read(self) -> bytes:
        body, self.body = self.body, b""
        return body

    def close(self) -> None:
        self.body = b""


async def read_whole(stream: HttpStream) -> bytes:
    """The rest of a stream, in one piece."""
    pieces = []
    while piece := await stream.read():
        pieces.append(piece)
    return b"".join(pieces)
