"""Who calls a component's server, by a client certificate or by what the API server says of a token. Pure."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

MASTERS: Final = "system:masters"
AUTHENTICATED: Final = "system:authenticated"


@dataclass(frozen=True, slots=True)
class Caller:
    """A user of the cluster."""

    name: str
    groups: tuple[str, ...]
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_master(self) -> bool:
        """Whom the API server would let do anything, without asking."""
        return MASTERS in self.groups


ANONYMOUS: Final = Caller("system:anonymous", ("system:unauthenticated",))


@lru_cache(64)
def caller_of(certificate: bytes) -> Caller | None:
    """From DER, whose chain to the cluster's CA the transport has verified; None for one that names nobody."""
    subject = x509.load_der_x509_certificate(certificate).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names:
        return None
    groups = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return Caller(str(names[0].value), (*(str(group.value) for group in groups), AUTHENTICATED))
