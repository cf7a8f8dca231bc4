"""Client certificates: the common name is the user, the organisations are the groups.

The transport has verified the chain; here the subject is read. Where front proxies have an authority of their own, the
transport takes certificates of both: then those of clients are told apart here, directly signed ones only.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
"""

import hashlib

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from kybern.apiserver.user import User, authenticated
from kybern.transport.client_chain import ClientAuthorities

CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
_UID = ObjectIdentifier("1.3.6.1.4.1.57683.2")
"""Of a subject: the user's uid (upstream's x509 UID, beta in v1.33)."""


class Certificates:
    """Reads verified certificates. `authorities`: those of clients, where others' pass the transport as well."""

    def __init__(self, authorities: ClientAuthorities | None = None) -> None:
        self._authorities = authorities

    def authenticate(self, der: bytes) -> User | None:
        """None for a certificate that names nobody, or is no client's."""
        if self._authorities is not None and not self._authorities.vouch_for(der):
            return None
        subject = x509.load_der_x509_certificate(der).subject
        names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if not names or not names[0].value:
            return None
        groups = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        uids = subject.get_attributes_for_oid(_UID)
        extra: dict[str, tuple[str, ...]] = {CREDENTIAL_ID: (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)}
        uid = str(uids[0].value) if uids else ""
        return authenticated(str(names[0].value), tuple(str(group.value) for group in groups), uid, extra)
