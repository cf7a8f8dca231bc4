"""The cluster's authority at work: a certificate for a request (pkg/controller/certificates/authority)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from kybern.base.errors import KybernError

BACKDATE = timedelta(minutes=5)
"""Clocks differ: a certificate holds a little before it was made."""
SHORT = timedelta(hours=8)
"""Certificates that live shorter are not shortened by what they were backdated."""

_USAGES = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
_PURPOSES: dict[str, ObjectIdentifier] = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec end system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft sgc": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape sgc": ObjectIdentifier("2.16.840.1.113730.4.1"),
}


class SigningError(KybernError):
    """The authority cannot sign this."""


class Authority:
    """Reads its files at each use: they may be replaced while it runs."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key

    def sign(self, request: x509.CertificateSigningRequest, usages: Sequence[str], seconds: float, now: float) -> str:
        """PEM. Raises SigningError, and OSError or ValueError for files that are none."""
        if not request.is_signature_valid:
            raise SigningError("unable to verify certificate request signature")
        authority = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        key = serialization.load_pem_private_key(self._key.read_bytes(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise SigningError("the authority's key is neither RSA nor of an elliptic curve")
        begin, end = _validity(datetime.fromtimestamp(int(now), UTC), timedelta(seconds=seconds), authority)
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(authority.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )
        for extension, critical in _extensions(request, usages, authority):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _validity(now: datetime, life: timedelta, authority: x509.Certificate) -> tuple[datetime, datetime]:
    """From when to when. Raises SigningError."""
    last = authority.not_valid_after_utc
    if now >= last:
        raise SigningError(f"refusing to sign a certificate that expired in the past: NotAfter={last}")
    end = now + life - (timedelta() if life < SHORT else BACKDATE)
    return now - BACKDATE, min(end, last)


def _extensions(
    request: x509.CertificateSigningRequest, usages: Sequence[str], authority: x509.Certificate
) -> Iterable[tuple[x509.ExtensionType, bool]]:
    unknown = [each for each in usages if each not in _USAGES and each not in _PURPOSES]
    if unknown:
        raise SigningError(f"unrecognized usage values: {unknown}")
    wanted = {_USAGES[each] for each in usages if each in _USAGES}
    if wanted:
        yield x509.KeyUsage(**{each: each in wanted for each in dict.fromkeys(_USAGES.values())}), True
    purposes = list(dict.fromkeys(_PURPOSES[each] for each in usages if each in _PURPOSES))
    if purposes:
        yield x509.ExtendedKeyUsage(purposes), False
    yield x509.BasicConstraints(ca=False, path_length=None), True
    try:
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        yield x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False
    except x509.ExtensionNotFound:
        pass
    try:
        yield request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value, False
    except x509.ExtensionNotFound:
        return
