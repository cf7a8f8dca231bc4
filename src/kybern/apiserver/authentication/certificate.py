"""Client certificates: the common name is the user, the organisations are the groups.

The transport has verified the chain; here only the subject is read.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
"""

from hashlib import sha256

from cryptography import x509
from cryptography.x509.oid import NameOID

from kybern.apiserver.user import User, authenticated

CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"


class Certificates:
    """Reads verified certificates."""

    def authenticate(self, der: bytes) -> User | None:
        """None for a certificate that names nobody."""
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if not names:
            return None
        groups = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        extra: dict[str, tuple[str, ...]] = {CREDENTIAL_ID: (f"X509SHA256={sha256(der).hexdigest()}",)}
        return authenticated(str(names[0].value), tuple(str(group.value) for group in groups), extra=extra)
