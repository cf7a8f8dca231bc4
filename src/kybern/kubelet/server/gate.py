"""The door of the node's server: who a caller is, and what they may. The API server is asked, and its word kept a while.

The API server and the cluster's masters need no word of anyone: they get in while nobody can be asked.
Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
"""

from typing import Final

from kybern.api.types.authorization_v1 import ResourceAttributes
from kybern.base.clock import Clock
from kybern.base.errors import KybernError
from kybern.client.client import Client
from kybern.kubelet.server.caller import Attributes, forbidden, is_allowed, unauthorized
from kybern.kubelet.server.plain import plain
from kybern.serving.reviews import Memory, Reviews
from kybern.transport.exchange import Request, Response

MEMORY: Final = Memory(token_seconds=120.0, allowed_seconds=300.0, refused_seconds=30.0)
"""How long an answer of the API server is kept (KubeletConfiguration's defaults)."""


class Gate:
    """Decides who gets in."""

    def __init__(self, node_name: str, client: Client | None, clock: Clock) -> None:
        self._node_name = node_name
        self._reviews = Reviews(clock, client, client, MEMORY)

    async def refuse(self, request: Request) -> Response | None:
        """None for those who may."""
        try:
            caller = await self._reviews.caller(request)
        except KybernError:
            caller = None  # Nobody can say who it is.
        if caller is None:
            return unauthorized()
        if is_allowed(caller):
            return None
        attributes = Attributes.of(request)
        try:
            for subresource in attributes.subresources:
                if (await self._reviews.word(caller, self._asked(attributes.verb, subresource))).allowed:
                    return None
        except KybernError:
            return plain(500, f"Authorization error {attributes.told(caller)}")
        return forbidden(caller, attributes)

    def _asked(self, verb: str, subresource: str) -> ResourceAttributes:
        return ResourceAttributes(
            verb=verb, version="v1", resource="nodes", subresource=subresource, name=self._node_name
        )
