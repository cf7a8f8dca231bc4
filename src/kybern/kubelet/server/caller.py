"""Who may call the node's server: the API server, and masters of the cluster. Pure.

The transport has verified the certificate's chain to the cluster's CA; here only its subject is read. What upstream
asks of the API server (nodes/proxy and its kin for everybody else) is not asked: nobody else gets in.
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
API_SERVER: Final = "kube-apiserver-kubelet-client"

VERBS: Final = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

SUBRESOURCES: Final = {"stats": "stats", "metrics": "metrics", "logs": "log"}
"""By the path's first part; everything else is `proxy` (upstream's attributes of a request to a kubelet)."""

FINE_SUBRESOURCES: Final = {"healthz": "healthz", "pods": "pods", "runningpods": "pods", "configz": "configz"}
"""Those that have one of their own before `proxy` (KEP-2862)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A certificate's subject."""

    name: str
    groups: tuple[str, ...]

    @property
    def is_allowed(self) -> bool:
        return MASTERS in self.groups or self.name == API_SERVER


@lru_cache(64)
def caller_of(certificate: bytes) -> Caller | None:
    """From DER; None for a certificate that names nobody."""
    subject = x509.load_der_x509_certificate(certificate).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names:
        return None
    groups = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return Caller(str(names[0].value), tuple(str(group.value) for group in groups))


def refusal(request: Request) -> Response | None:
    """None for those who may."""
    caller = caller_of(request.client_certificate) if request.client_certificate is not None else None
    if caller is None:
        return plain(401, "Unauthorized")
    if caller.is_allowed:
        return None
    room = request.path.strip("/").split("/")[0]
    fine = FINE_SUBRESOURCES.get(room)
    subresources = f"{fine} proxy" if fine else SUBRESOURCES.get(room, "proxy")
    verb = VERBS.get(request.method, "")
    text = f"Forbidden (user={caller.name}, verb={verb}, resource=nodes, subresource(s)=[{subresources}])\n"
    return plain(403, text)
