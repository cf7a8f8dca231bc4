"""Certificates for tests: authorities, intermediates, servers and clients, good ones and bad ones."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
NOW = datetime.now(UTC)


@dataclass
class Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def write(self, folder: Path, name: str, *chain: "Issued") -> tuple[Path, Path]:
        """The files of certificate (with a chain) and key."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.pem + b"".join(link.pem for link in chain))
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, key


def issue(
    name: str,
    by: Issued | None = None,
    *,
    ca: bool = False,
    path_length: int | None = None,
    usages: tuple[x509.ObjectIdentifier, ...] = (),
    days: tuple[float, float] = (-1, 1),
    critical: bool = False,
    key_cert_sign: bool = True,
    constrained: bool = False,
) -> Issued:
    """A certificate that is valid from and to `days` from now; `critical` adds an extension that nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder(
            by.certificate.subject if by else subject, subject, key.public_key(), x509.random_serial_number()
        )
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True).add_extension(
            x509.KeyUsage(False, False, False, False, False, key_cert_sign, True, False, False), critical=True
        )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if SERVER in usages:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
    if constrained:
        names = x509.NameConstraints([x509.DNSName("example.com")], None)
        builder = builder.add_extension(names, critical=False)
    if critical:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    return Issued(builder.sign((by or Issued(None, key)).key, hashes.SHA256()), key)  # type: ignore[arg-type]


def client_context(server_ca: Path, pair: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server_ca)
    if pair:
        context.load_cert_chain(*pair)
    return context
