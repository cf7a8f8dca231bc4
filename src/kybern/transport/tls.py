"""The server's side of TLS: own certificates, clients' certificates, and both renewed while it runs.

The trap: `ssl` offers to ask for a client certificate only together with OpenSSL's own check, which ends the handshake
when the certificate comes from a CA that it does not know. Upstream's API server lets such a client in as nobody, and
answers 401. So OpenSSL is told to take every certificate (it still proves that the client has the key), and
`client_chain` decides afterwards, once a connection, whose it is. `ssl` has no door for that: the one call goes through
ctypes. Where that does not work (another interpreter, OpenSSL linked in without its symbols), OpenSSL's check stays:
an unknown CA then ends the handshake, and nobody gets in who should not.
"""

import asyncio
import ctypes
import logging
import os
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kybern.base.clock import Clock
from kybern.transport.client_chain import ClientAuthorities

_log = logging.getLogger(__name__)

RELOAD_SECONDS: Final = 60.0
"""How often the files are looked at, as upstream's dynamic certificates."""

VERSIONS: Final = {"VersionTLS12": ssl.TLSVersion.TLSv1_2, "VersionTLS13": ssl.TLSVersion.TLSv1_3}
"""The oldest version that is spoken, by upstream's names."""

_VERIFY_PEER: Final = 0x01

_VerifyCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


_take_any: Final = _VerifyCallback(lambda preverified, store: 1)
"""OpenSSL's verify callback: go on, whatever was found. It must live as long as any context."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where PEM files lie."""

    certificate: Path
    """The server's, with intermediates."""
    key: Path
    client_ca: Path | None = None
    """Who may sign client certificates; None: none are asked for."""
    proxy_ca: Path | None = None
    """Who may sign those of front proxies, besides; whose a certificate is, the handler tells apart."""
    min_version: str = "VersionTLS12"
    """A key of `VERSIONS`."""

    @property
    def authorities(self) -> Sequence[Path]:
        """Of clients and of front proxies."""
        return [path for path in (self.client_ca, self.proxy_ca) if path is not None]


class Tls:
    """The context of a server, and what it says of its clients. Raises OSError, ssl.SSLError, ValueError when made."""

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._stamps = self._stat()
        self._authorities = self._read_authorities()
        self.context = _make_context(files)
        self.takes_unknown_authorities = False
        """Whether a client with a certificate of an unknown CA gets through the handshake (as one without)."""
        if files.client_ca is not None:
            self.context.verify_mode = ssl.CERT_OPTIONAL
            self.takes_unknown_authorities = _take_every_certificate(self.context, files.authorities)
            if not self.takes_unknown_authorities:
                self.context.load_verify_locations(files.client_ca)
                if files.proxy_ca is not None:
                    self.context.load_verify_locations(files.proxy_ca)

    def client_certificate(self, transport: asyncio.BaseTransport) -> bytes | None:
        """DER of the client's certificate, if it is one of a client CA's and valid now."""
        tls: Any = transport.get_extra_info("ssl_object")
        if tls is None or self._authorities is None:
            return None
        certificate: bytes | None = tls.getpeercert(binary_form=True)
        if certificate is None or not self._authorities.vouch_for(certificate, _intermediates(tls)):
            return None
        return certificate

    def reload(self) -> None:
        """Read the files again; new connections get what they hold. Raises as when made; the old ones then stay."""
        authorities = self._read_authorities()
        _make_context(self.files)  # A pair that does not fit must not get into the context that is in use.
        self.context.load_cert_chain(self.files.certificate, self.files.key)
        self._authorities = authorities
        if self.files.client_ca is None:
            return
        if self.takes_unknown_authorities:
            _take_every_certificate(self.context, self.files.authorities)
        else:
            self.context.load_verify_locations(self.files.client_ca)

    async def keep_fresh(self, clock: Clock) -> None:
        """Reload whenever a file has changed; endless."""
        while True:
            await clock.sleep(RELOAD_SECONDS)
            try:
                stamps = self._stat()
                if stamps != self._stamps:
                    self.reload()
                    self._stamps = stamps
                    _log.info("certificates reloaded")
            except (OSError, ssl.SSLError, ValueError) as error:
                # Files are replaced one after the other: the next look finds them whole.
                _log.warning("certificates not reloaded: %s", error)

    def _read_authorities(self) -> ClientAuthorities | None:
        if self.files.client_ca is None:
            return None
        proxies = self.files.proxy_ca.read_bytes() if self.files.proxy_ca is not None else b""
        return ClientAuthorities(self.files.client_ca.read_bytes() + b"\n" + proxies)

    def _stat(self) -> Sequence[tuple[int, int, int]]:
        paths = (self.files.certificate, self.files.key, self.files.client_ca, self.files.proxy_ca)
        stats = [os.stat(path) for path in paths if path is not None]
        return [(stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats]


def _make_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[files.min_version]
    context.set_alpn_protocols(["http/1.1"])
    # A resumed session knows the client's certificate but not its intermediates; and clients keep connections open.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    context.load_cert_chain(files.certificate, files.key)
    return context


def _intermediates(tls: Any) -> Sequence[bytes]:
    """What the client sent besides its certificate, DER. Python names this method publicly from 3.13 on."""
    inner = getattr(tls, "_sslobj", tls)
    chain = getattr(inner, "get_unverified_chain", None)
    certificates = (chain() if chain is not None else None) or ()
    return [
        item if isinstance(item, bytes) else ssl.PEM_cert_to_DER_cert(item.public_bytes()) for item in certificates[1:]
    ]


def _take_every_certificate(context: ssl.SSLContext, authorities: Sequence[Path]) -> bool:
    """Have OpenSSL accept every client certificate in this context; whether that could be done.

    `authorities` are named to clients, some of which choose a certificate by them. The context's SSL_CTX is the first
    field of CPython's object; that it is the right one is tried with a getter.
    """
    if sys.implementation.name != "cpython":
        return False
    try:
        import _ssl

        library = ctypes.CDLL(getattr(_ssl, "__file__", None))
        get_mode, set_verify = library.SSL_CTX_get_verify_mode, library.SSL_CTX_set_verify
        new_names, add_names = library.OPENSSL_sk_new_null, library.SSL_add_file_cert_subjects_to_stack
        set_names = library.SSL_CTX_set_client_CA_list
    except (OSError, AttributeError, ImportError):
        return False
    get_mode.argtypes, get_mode.restype = [ctypes.c_void_p], ctypes.c_int
    set_verify.argtypes, set_verify.restype = [ctypes.c_void_p, ctypes.c_int, _VerifyCallback], None
    handle = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    if get_mode(handle) != _VERIFY_PEER:
        return False
    set_verify(handle, _VERIFY_PEER, _take_any)
    new_names.argtypes, new_names.restype = [], ctypes.c_void_p
    add_names.argtypes, add_names.restype = [ctypes.c_void_p, ctypes.c_char_p], ctypes.c_int
    set_names.argtypes, set_names.restype = [ctypes.c_void_p, ctypes.c_void_p], None
    names = ctypes.c_void_p(new_names())
    for authority in authorities:
        add_names(names, os.fsencode(authority))
    set_names(handle, names)  # The context owns them now.
    return True
