"""TLS between a socket and a connection: OpenSSL's records, with as little as can be around them.

The loops' own TLS keeps two buffers, a queue and a copied context for each connection; a thousand watchers that are
sent an event find all of that cold. Here one pair of buffers serves all connections of a server: whoever fills one
empties it before anybody else runs, so that nothing of a connection is ever in them when another's turn comes. What it
lacks of a transport nobody asks for: half-closing (TLS has none), and renegotiation (OpenSSL refuses it).
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

RECORD_BYTES: Final = 16 << 10
"""What a record holds at most (RFC 8446, 5.1), and so what OpenSSL reads at once."""

PLAIN_REQUESTS: Final = frozenset((b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"))
"""How requests begin that came without TLS."""
PLAIN_ANSWER: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
"""As Go's server answers them."""

_HANDSHAKE, _OPEN, _CLOSING, _LOST = range(4)


class Seal:
    """What the secure connections of a server share: the context, and the two buffers that are empty between turns."""

    __slots__ = ("context", "handshake_seconds", "incoming", "linger_seconds", "loop", "outgoing")

    def __init__(
        self,
        context: ssl.SSLContext,
        loop: asyncio.AbstractEventLoop,
        *,
        handshake_seconds: float,
        linger_seconds: float,
    ) -> None:
        self.context = context
        self.loop = loop
        self.handshake_seconds = handshake_seconds
        self.linger_seconds = linger_seconds
        """How long a client may take to close its side after ours."""
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()


class Secure(asyncio.Protocol, asyncio.Transport):
    """The protocol of a plain transport, and the transport of the protocol above."""

    __slots__ = ("_above", "_core", "_plain", "_seal", "_state", "_timer", "_tls", "_way")

    def __init__(self, seal: Seal, above: asyncio.Protocol) -> None:
        self._seal = seal
        self._above: asyncio.Protocol | None = above
        self._state = _HANDSHAKE
        self._tls = seal.context.wrap_bio(seal.incoming, seal.outgoing, server_side=True)
        self._core: Any = getattr(self._tls, "_sslobj", self._tls)
        """The same without a Python function around each read and write, where the interpreter has it so."""
        self._timer: asyncio.TimerHandle | None = None

    # The protocol of the plain transport below.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._plain = cast(asyncio.Transport, transport)
        self._way = (self._core.write, self._seal.outgoing.read, self._plain.write)
        self._set_timer(self._seal.handshake_seconds, self.abort)

    def data_received(self, data: bytes) -> None:
        if self._state >= _CLOSING:
            return  # Nobody wants it any more, but it is taken, so that the client can read what it was sent.
        incoming = self._seal.incoming
        incoming.write(data)
        try:
            if self._state == _HANDSHAKE:
                self._tls.do_handshake()
            text, ended = self._decrypt()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError:
            if self._state == _HANDSHAKE and data[:5] in PLAIN_REQUESTS:
                self._plain.write(PLAIN_ANSWER)
            self._fail()
            return
        finally:
            if incoming.pending:
                incoming.read()
        if self._seal.outgoing.pending:
            self._flush()
        if self._state == _HANDSHAKE:
            self._open()
        if text and self._state == _OPEN and self._above is not None:
            self._above.data_received(text)
        if ended and self._state == _OPEN and self._above is not None:
            self._above.eof_received()
            self.close()

    def eof_received(self) -> bool:
        return False  # Whether the client said goodbye or not: nothing can be half open.

    def pause_writing(self) -> None:
        if self._state == _OPEN and self._above is not None:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        if self._state == _OPEN and self._above is not None:
            self._above.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        above = self._above if self._state != _HANDSHAKE else None
        self._state, self._above = _LOST, None
        self._set_timer(0, None)
        if above is not None:
            above.connection_lost(error)

    # The transport of the protocol above.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._state == _OPEN and data:
            encrypt, encrypted, send = self._way
            try:
                encrypt(data)  # All of it: a buffer has no end.
            except ssl.SSLError:
                self._fail()
            send(encrypted())

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "ssl_object":
            return self._tls
        if name == "sslcontext":
            return self._seal.context
        return self._plain.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._plain.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._plain.get_write_buffer_size()

    def pause_reading(self) -> None:
        self._plain.pause_reading()

    def resume_reading(self) -> None:
        self._plain.resume_reading()

    def is_closing(self) -> bool:
        return self._state >= _CLOSING or self._plain.is_closing()

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        """Say goodbye after what has been written, and wait a little for the client's: a socket that is closed before its
        client has stopped sending is reset, and the client may never see the end of its answer."""
        if self._state != _OPEN:
            return
        self._state = _CLOSING
        try:
            self._tls.unwrap()
            answered = True
        except ssl.SSLError:
            answered = False
        self._flush()
        if answered:
            self._plain.close()
        else:
            self._plain.resume_reading()
            self._set_timer(self._seal.linger_seconds, self._plain.close)

    def abort(self) -> None:
        self._plain.abort()

    def _open(self) -> None:
        self._state = _OPEN
        self._set_timer(0, None)
        assert self._above is not None
        self._above.connection_made(self)

    def _fail(self) -> None:
        """The client speaks no TLS, or none that is acceptable: OpenSSL's alert tells it so."""
        if self._state == _HANDSHAKE:
            self._above = None
        self._state = _CLOSING
        self._flush()
        self._plain.close()
        self._set_timer(self._seal.linger_seconds, self.abort)

    def _flush(self) -> None:
        if data := self._seal.outgoing.read():
            self._plain.write(data)

    def _set_timer(self, seconds: float, ring: Callable[[], None] | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._seal.loop.call_later(seconds, ring) if ring is not None else None

    def _decrypt(self) -> tuple[bytes, bool]:
        """All that has come, and whether the client said goodbye. Raises SSLError."""
        core, incoming = self._core, self._seal.incoming
        pieces: list[bytes] = []
        try:
            while incoming.pending or core.pending():
                piece = core.read(RECORD_BYTES)
                if not piece:
                    return b"".join(pieces), True
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass  # The rest of a record has not come yet; OpenSSL keeps its beginning.
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), False
