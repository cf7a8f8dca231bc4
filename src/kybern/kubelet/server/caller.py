"""Who calls the node's server and what for, as upstream names it. Pure.

Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from kybern.kubelet.server.plain import plain
from kybern.transport.exchange import Request, Response

MASTERS: Final = "system:masters"
AUTHENTICATED: Final = "system:authenticated"
API_SERVER: Final = "kube-apiserver-kubelet-client"

VERBS: Final = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

SUBRESOURCES: Final = {
    "stats": "stats",
    "metrics": "metrics",
    "logs": "log",
    "checkpoint": "checkpoint",
    "statusz": "statusz",
    "flagz": "configz",
}
"""By the path's first part; everything else is `proxy` (upstream's attributes of a request to a kubelet)."""

FINE_SUBRESOURCES: Final = {"healthz": "healthz", "pods": "pods", "runningpods": "pods", "configz": "configz"}
"""Those that have one of their own before `proxy` (KEP-2862)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A user of the cluster."""

    name: str
    groups: tuple[str, ...]
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Without asking: whom the API server would let do anything, and the API server itself."""
        return MASTERS in self.groups or self.name == API_SERVER


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request is for: `verb` on a subresource of this node, any of them will do."""

    verb: str
    subresources: tuple[str, ...]

    @classmethod
    def of(cls, request: Request) -> "Attributes":
        room = request.path.strip("/").split("/")[0]
        fine = FINE_SUBRESOURCES.get(room)
        rest = SUBRESOURCES.get(room, "proxy")
        return cls(VERBS.get(request.method, ""), (fine, rest) if fine else (rest,))

    def told(self, caller: Caller) -> str:
        """As messages name it."""
        subresources = " ".join(self.subresources)
        return f"(user={caller.name}, verb={self.verb}, resource=nodes, subresource(s)=[{subresources}])\n"


@lru_cache(64)
def caller_of(certificate: bytes) -> Caller | None:
    """From DER, whose chain to the cluster's CA the transport has verified; None for one that names nobody."""
    subject = x509.load_der_x509_certificate(certificate).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names:
        return None
    groups = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return Caller(str(names[0].value), (*(str(group.value) for group in groups), AUTHENTICATED))


def unauthorized() -> Response:
    return plain(401, "Unauthorized")


def forbidden(caller: Caller, attributes: Attributes) -> Response:
    return plain(403, f"Forbidden {attributes.told(caller)}")
