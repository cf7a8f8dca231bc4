"""Certificates that a server makes for itself."""

import ssl
from pathlib import Path

import pytest

from kybern.serving.certificate import MemoryFiles, Pair, kept_pair, self_signed


def shake_hands(pair: Pair, name: str) -> None:
    """A TLS handshake in memory with a client that trusts the certificate alone. Raises ssl.SSLError."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certificate, pair.key)
    client = ssl.create_default_context(cadata=pair.certificate.read_text())
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert theirs.version() is not None


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "10.1.2.3"])
def test_one_in_memory_is_good_for_where_it_serves(name: str) -> None:
    files = MemoryFiles()
    shake_hands(self_signed("kube-x", "10.1.2.3", files), name)
    files.close()


def test_it_is_good_for_nothing_else() -> None:
    files = MemoryFiles()
    pair = self_signed("kube-x", "0.0.0.0", files)
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        shake_hands(pair, "10.1.2.3")
    files.close()
    assert not pair.key.exists(), "it is gone with its files"


def test_one_of_a_directory_is_made_once(tmp_path: Path) -> None:
    pair = kept_pair("kube-x", "127.0.0.1", tmp_path / "pki")
    shake_hands(pair, "127.0.0.1")
    assert pair == Pair(tmp_path / "pki/kube-x.crt", tmp_path / "pki/kube-x.key")
    assert pair.key.stat().st_mode & 0o777 == 0o600
    before = pair.certificate.read_bytes()
    assert kept_pair("kube-x", "127.0.0.1", tmp_path / "pki").certificate.read_bytes() == before
