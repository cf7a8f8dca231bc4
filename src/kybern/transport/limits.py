"""What the transport lets one client take: bytes, time, connections."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound has a name; the defaults are upstream's where it has one."""

    head_bytes: int = 1 << 20
    """Request line and headers (Go's http.DefaultMaxHeaderBytes); 431 above."""
    header_count: int = 512
    body_bytes: int = 3 << 20
    """Upstream's MaxRequestBodyBytes (3145728); 413 above."""
    head_seconds: float = 32.0
    """From a request's first byte to the end of its headers (upstream's ReadHeaderTimeout)."""
    body_seconds: float = 60.0
    """From the end of the headers to the end of the body (upstream's --request-timeout)."""
    idle_seconds: float = 90.0
    """Between two requests on a connection (upstream's IdleTimeout)."""
    stall_seconds: float = 60.0
    """How long a client may take none of what is sent to it."""
    linger_seconds: float = 2.0
    """How long what a refused client still sends is read and thrown away, so that it can read the answer."""
    linger_bytes: int = 64 << 20
    abandon_seconds: float = 5.0
    """How long an upgraded connection's task may go on after its client has left."""
    handshake_seconds: float = 10.0
    """For the TLS handshake."""
    connections: int = 10_000
    """Open connections; further ones are answered 503 and closed."""
    begun_answers: int = 8
    """Answers begun in one turn of the event loop, of those that take time: about 2 ms of work."""
    waiting_requests: int = 8
    """Pipelined requests that may wait behind the one that is answered; then nothing more is read."""
    waiting_bytes: int = 1 << 20
    """The same in bytes of their bodies."""
    buffer_bytes: int = 64 << 10
    """What may wait in a connection's send buffer before its stream is held."""
    slice_bytes: int = 256 << 10
    """A large answer is sent, and compressed, in slices of this size, others in between."""
    gzip_bytes: int = 128 << 10
    """Answers above this are compressed for clients that accept it (upstream's defaultGzipThresholdBytes)."""
