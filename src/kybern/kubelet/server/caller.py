"""Who calls the node's server and what for, as upstream names it. Pure.

Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
"""

from dataclasses import dataclass
from typing import Final

from kybern.kubelet.server.plain import plain
from kybern.serving.caller import Caller
from kybern.transport.exchange import Request, Response

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


def is_allowed(caller: Caller) -> bool:
    """Without asking: whom the API server would let do anything, and the API server itself."""
    return caller.is_master or caller.name == API_SERVER


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


def unauthorized() -> Response:
    return plain(401, "Unauthorized")


def forbidden(caller: Caller, attributes: Attributes) -> Response:
    return plain(403, f"Forbidden {attributes.told(caller)}")
