"""Certificates and keys of TLS Secrets, in the words of Go's tls package."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from kybern.api.validation.core.key_pair import key_pair_fault

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    start = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def private(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


ONE, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = certificate(ONE)
SPOILT = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
FOREIGN = b"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n"


@pytest.mark.parametrize(
    ("certificates", "keys", "fault"),
    [
        (CERTIFICATE, private(ONE), ""),
        (FOREIGN + CERTIFICATE, FOREIGN + private(ONE), ""),
        (b"", b"", "tls: failed to find any PEM data in certificate input"),
        (CERTIFICATE, b"text", "tls: failed to find any PEM data in key input"),
        (private(ONE), CERTIFICATE, "but did find a private key; PEM inputs may have been switched"),
        (CERTIFICATE, CERTIFICATE, "tls: found a certificate rather than a key in the PEM for the private key"),
        (FOREIGN, private(ONE), "after skipping PEM blocks of the following types: [DH PARAMETERS]"),
        (CERTIFICATE, FOREIGN, "in key input after skipping PEM blocks of the following types: [DH PARAMETERS]"),
        (SPOILT, private(ONE), "x509: malformed certificate"),
        (CERTIFICATE, SPOILT.replace(b"CERTIFICATE", b"PRIVATE KEY"), "tls: failed to parse private key"),
        (CERTIFICATE, private(OTHER), "tls: private key does not match public key"),
        (CERTIFICATE, private(ed25519.Ed25519PrivateKey.generate()), "tls: private key type does not match public key"),
    ],
)
def test_faults(certificates: bytes, keys: bytes, fault: str) -> None:
    found = key_pair_fault(certificates, keys)
    assert found.endswith(fault) if not fault.endswith("public key") else fault in found
    assert bool(found) == bool(fault)
