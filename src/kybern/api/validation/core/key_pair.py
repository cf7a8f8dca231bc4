"""Whether a certificate and a private key belong together, in the words of Go's tls.X509KeyPair, which upstream asks."""

import base64
import binascii
import re
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

_BLOCK = re.compile(
    rb"^-----BEGIN ([^\n]*?)-----[ \t\r]*\n(.*?)^-----END \1-----[ \t\r]*$",
    re.DOTALL | re.MULTILINE,
)
_HEADERS = re.compile(rb"\A(?:[^\n:]+:[^\n]*\n)+")
_KINDS = (
    (rsa.RSAPublicKey, rsa.RSAPrivateKey),
    (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey),
    (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey),
)


def key_pair_fault(certificates: bytes, keys: bytes) -> str:
    """What is wrong with PEM that a TLS server should use; "" when nothing is."""
    found = list(_blocks(certificates))
    certificate = next((body for kind, body in found if kind == "CERTIFICATE"), None)
    if certificate is None:
        return _no_certificate([kind for kind, _ in found])
    skipped: list[str] = []
    for kind, body in _blocks(keys):
        if kind == "PRIVATE KEY" or kind.endswith(" PRIVATE KEY"):
            return _mismatch(certificate, body)
        skipped.append(kind)
    return _no_key(skipped)


def _blocks(pem: bytes) -> Iterator[tuple[str, bytes]]:
    """(type, content) of each block that can be decoded; others are passed over."""
    for match in _BLOCK.finditer(pem):
        try:
            body = base64.b64decode(b"".join(_HEADERS.sub(b"", match[2]).split()), validate=True)
        except binascii.Error:
            continue
        yield match[1].decode(errors="replace"), body


def _no_certificate(kinds: list[str]) -> str:
    if not kinds:
        return "tls: failed to find any PEM data in certificate input"
    if len(kinds) == 1 and kinds[0].endswith("PRIVATE KEY"):
        return (
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
            "PEM inputs may have been switched"
        )
    return (
        'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following '
        f"types: [{' '.join(kinds)}]"
    )


def _no_key(kinds: list[str]) -> str:
    if not kinds:
        return "tls: failed to find any PEM data in key input"
    if kinds == ["CERTIFICATE"]:
        return "tls: found a certificate rather than a key in the PEM for the private key"
    return (
        'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the '
        f"following types: [{' '.join(kinds)}]"
    )


def _mismatch(certificate: bytes, key: bytes) -> str:
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError:
        return "x509: malformed certificate"
    except UnsupportedAlgorithm:
        return "tls: unknown public key algorithm"
    try:
        private = load_der_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "tls: failed to parse private key"
    for public_kind, private_kind in _KINDS:
        if isinstance(public, public_kind):
            if not isinstance(private, private_kind):
                return "tls: private key type does not match public key type"
            same = _encoded(public) == _encoded(private.public_key())
            return "" if same else "tls: private key does not match public key"
    return "tls: unknown public key algorithm"


def _encoded(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
