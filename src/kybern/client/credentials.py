"""Who a client is, and whom it trusts: client certificates, bearer tokens, certificate authorities."""

import base64
import os
import ssl
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

TOKEN_RELOAD_SECONDS = 60.0
"""A token file is read again this often: projected service account tokens are renewed in place."""


@dataclass(slots=True)
class Credentials:
    """PEM texts and tokens; empty means none."""

    certificate: bytes = b""
    key: bytes = b""
    authority: bytes = b""
    """Certificates of the authorities that the server's certificate is checked against; empty: the system's."""
    insecure: bool = False
    """Do not check the server's certificate (insecure-skip-tls-verify)."""
    server_name: str = ""
    """The name to expect in the server's certificate, where it is not the address (tls-server-name)."""
    token: str = ""
    token_file: str = ""
    username: str = ""
    password: str = ""
    _read_at: float = field(default=float("-inf"), repr=False)

    def authorization(self) -> str:
        """The value of the Authorization header; empty for none. Raises OSError when the token file was never there."""
        if self.token_file:
            self._reload()
        if self.token:
            return f"Bearer {self.token}"
        if self.username:
            return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return ""

    def tls_context(self) -> ssl.SSLContext:
        """A context for connections to the server. Raises ssl.SSLError for certificates that are none."""
        context = ssl.create_default_context(cadata=self.authority.decode() if self.authority else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            _load_chain(context, self.certificate, self.key)
        return context

    def _reload(self) -> None:
        now = time.monotonic()
        if now - self._read_at < TOKEN_RELOAD_SECONDS:
            return
        try:
            self.token = Path(self.token_file).read_text().strip()
        except OSError:
            if not self.token:
                raise  # Without any token the request could only be refused; with an old one it may still pass.
        self._read_at = now


def _load_chain(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """`ssl` takes a chain from files only: one that only we can read, gone at once."""
    handle, name = tempfile.mkstemp(prefix="kybern-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(certificate.rstrip() + b"\n" + key)
        context.load_cert_chain(name)
    finally:
        os.unlink(name)
