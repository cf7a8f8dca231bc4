"""A certificate for a server that was given none: signed by its own key (P-256), kept in memory or in a directory."""

import ipaddress
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS: Final = 365
_PEM: Final = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a certificate and its key can be read."""

    certificate: Path
    key: Path


@dataclass(slots=True)
class MemoryFiles:
    """Files that no directory has, for libraries that take certificates from files only; gone when closed."""

    _descriptors: list[int] = field(default_factory=list)

    def add(self, name: str, data: bytes) -> Path:
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
        self._descriptors.append(descriptor)
        os.write(descriptor, data)
        return Path(f"/proc/self/fd/{descriptor}")

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())


def self_signed(component: str, address: str, files: MemoryFiles) -> Pair:
    """A new one, in memory."""
    certificate, key = _make(component, address)
    return Pair(files.add("certificate", certificate), files.add("key", key))


def kept_pair(component: str, address: str, directory: Path) -> Pair:
    """`COMPONENT.crt` and `COMPONENT.key` of a directory; made where either is missing. Raises OSError."""
    pair = Pair(directory / f"{component}.crt", directory / f"{component}.key")
    if not (pair.certificate.exists() and pair.key.exists()):
        directory.mkdir(parents=True, exist_ok=True)
        certificate, key = _make(component, address)
        pair.certificate.write_bytes(certificate)
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(key)
    return pair


def _make(component: str, address: str) -> tuple[bytes, bytes]:
    """(certificate, key), PEM: for localhost, 127.0.0.1 and the address that is served, if it is one."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{component}@{int(now.timestamp())}")])
    addresses = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address(address)}
    hosts = [x509.IPAddress(each) for each in sorted(addresses, key=str) if not each.is_unspecified]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *hosts]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form, open_key = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return certificate.public_bytes(_PEM), key.private_bytes(_PEM, form, open_key)
