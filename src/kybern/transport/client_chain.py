"""Whose client certificate is it: the path from a certificate to a client CA (RFC 5280, 6.1, as far as clients use it).

It never trusts what a client sends: intermediates count only when a CA of ours vouches for them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

DEPTH: Final = 5
"""Certificates on a path at most, the CA's included."""

SIGNATURES: Final = 32
"""Signatures checked for one client at most: a client chooses its intermediates, and each costs time."""

_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
"""Critical extensions that are looked at here (or say nothing on who a client is); any other one forbids the use."""

_BROKEN: Final = (hashes.MD5, hashes.SHA1)
"""Hashes under which a signature can be forged; Go's verification refuses them as well."""

_CLIENT_USAGES: Final = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


class ClientAuthorities:
    """The CAs of a PEM bundle. Raises ValueError when made of something else."""

    def __init__(self, bundle: bytes) -> None:
        self._roots = x509.load_pem_x509_certificates(bundle)

    def vouch_for(self, certificate: bytes, intermediates: Sequence[bytes] = (), *, at: datetime | None = None) -> bool:
        """Whether the certificate (DER) is a valid client's: signed by one of the CAs, directly or through
        `intermediates` (DER), every one on the path in its time and allowed its part."""
        try:
            leaf = x509.load_der_x509_certificate(certificate)
            links = [x509.load_der_x509_certificate(link) for link in intermediates[: DEPTH * 2]]
            path = _Path(self._roots, links, at or datetime.now(UTC))
            return _for_clients(leaf) and path.reaches_root(leaf, below=0)
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            return False  # It is malformed, so it is nobody's.


class _Path:
    """The search for one path."""

    def __init__(self, roots: Sequence[x509.Certificate], links: Sequence[x509.Certificate], at: datetime) -> None:
        self._roots = roots
        self._links = links
        self._at = at
        self._signatures = SIGNATURES

    def reaches_root(self, certificate: x509.Certificate, below: int) -> bool:
        """Whether a root vouches for `certificate`, which has `below` CAs between itself and the client."""
        if not self._in_time(certificate) or not _understood(certificate) or below > DEPTH - 2:
            return False
        if any(self._in_time(root) and self._signed(certificate, root, below, root=True) for root in self._roots):
            return True
        return any(
            link != certificate and self._signed(certificate, link, below) and self.reaches_root(link, below + 1)
            for link in self._links
        )

    def _in_time(self, certificate: x509.Certificate) -> bool:
        return certificate.not_valid_before_utc <= self._at <= certificate.not_valid_after_utc

    def _signed(
        self, certificate: x509.Certificate, issuer: x509.Certificate, below: int, *, root: bool = False
    ) -> bool:
        if certificate.issuer != issuer.subject or not _may_sign(issuer, below, root) or self._signatures <= 0:
            return False
        if isinstance(certificate.signature_hash_algorithm, _BROKEN):
            return False
        self._signatures -= 1
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, TypeError, ValueError):
            return False
        return True


def _may_sign(issuer: x509.Certificate, below: int, root: bool) -> bool:
    """Whether it is a CA that may have `below` further CAs under it on the way to a client.

    A root may be of version 1, which could not yet say that it is a CA: whoever names it here says so. Go does the same.
    """
    if root and issuer.version is x509.Version.v1:
        return True
    constraints = usage = extended = None
    for extension in issuer.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints):
            constraints = value
        elif isinstance(value, x509.KeyUsage):
            usage = value
        elif isinstance(value, x509.ExtendedKeyUsage):
            extended = value
        elif isinstance(value, x509.NameConstraints):
            return False  # Critical or not, they would have to be checked, and nobody gives them to clients' CAs.
    if constraints is None or not constraints.ca or not _understood(issuer):
        return False
    if constraints.path_length is not None and constraints.path_length < below:
        return False
    if extended is not None and not any(use in extended for use in _CLIENT_USAGES):
        return False
    return usage is None or usage.key_cert_sign


def _for_clients(leaf: x509.Certificate) -> bool:
    """Whether it may be used by a client (no extended key usage: for anything)."""
    extended = [extension.value for extension in leaf.extensions if isinstance(extension.value, x509.ExtendedKeyUsage)]
    return not extended or any(use in extended[0] for use in _CLIENT_USAGES)


def _understood(certificate: x509.Certificate) -> bool:
    return all(not extension.critical or extension.oid in _UNDERSTOOD for extension in certificate.extensions)
