"""The door of the node's server: who a caller is, and what they may. The API server is asked, and its word kept a while.

The API server and the cluster's masters need no word of anyone: they get in while nobody can be asked.
Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from kybern.api.types.authentication_v1 import TokenReview, TokenReviewSpec
from kybern.api.types.authorization_v1 import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from kybern.base.clock import Clock
from kybern.base.errors import KybernError
from kybern.client.client import Client
from kybern.kubelet.server.caller import Attributes, Caller, caller_of, forbidden, unauthorized
from kybern.kubelet.server.plain import plain
from kybern.transport.exchange import Request, Response

TOKEN_SECONDS: Final = 120.0
ALLOWED_SECONDS: Final = 300.0
REFUSED_SECONDS: Final = 30.0
"""How long an answer of the API server is kept (KubeletConfiguration's defaults)."""
KEPT_LIMIT: Final = 1024
"""Answers of each sort."""

V = TypeVar("V")


class Gate:
    """Decides who gets in."""

    def __init__(self, node_name: str, client: Client | None, clock: Clock) -> None:
        self._node_name = node_name
        self._client = client
        self._callers: _Kept[Caller | None] = _Kept(clock)
        self._allowed: _Kept[bool] = _Kept(clock)

    async def refuse(self, request: Request) -> Response | None:
        """None for those who may."""
        try:
            caller = await self._caller(request)
        except KybernError:
            caller = None  # Nobody can say who it is.
        if caller is None:
            return unauthorized()
        if caller.is_allowed:
            return None
        attributes = Attributes.of(request)
        try:
            for subresource in attributes.subresources:
                if await self._may(caller, attributes.verb, subresource):
                    return None
        except KybernError:
            return plain(500, f"Authorization error {attributes.told(caller)}")
        return forbidden(caller, attributes)

    async def _caller(self, request: Request) -> Caller | None:
        """Raises KybernError."""
        if request.client_certificate is not None:
            return caller_of(request.client_certificate)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or self._client is None:
            return None
        known, caller = self._callers.get(token)
        if not known:
            caller = await self._review(self._client, token)
            self._callers.put(token, caller, TOKEN_SECONDS)
        return caller

    async def _review(self, client: Client, token: str) -> Caller | None:
        status = (await client.create(TokenReview(spec=TokenReviewSpec(token=token)))).status
        user = status.user
        if not status.authenticated or user is None:
            return None
        extra = tuple(sorted((key, tuple(values)) for key, values in user.extra.items()))
        return Caller(user.username, tuple(user.groups), user.uid, extra)

    async def _may(self, caller: Caller, verb: str, subresource: str) -> bool:
        """Raises KybernError."""
        question = (caller, verb, subresource)
        known, allowed = self._allowed.get(question)
        if known or self._client is None:
            return bool(allowed)
        asked = ResourceAttributes(
            verb=verb, version="v1", resource="nodes", subresource=subresource, name=self._node_name
        )
        spec = SubjectAccessReviewSpec(
            resource_attributes=asked,
            user=caller.name,
            groups=list(caller.groups),
            uid=caller.uid,
            extra={key: list(values) for key, values in caller.extra},
        )
        allowed = bool((await self._client.create(SubjectAccessReview(spec=spec))).status.allowed)
        self._allowed.put(question, allowed, ALLOWED_SECONDS if allowed else REFUSED_SECONDS)
        return allowed


class _Kept(Generic[V]):
    """Answers, each until its time is over; the oldest go first when there are too many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()

    def get(self, question: Hashable) -> tuple[bool, V | None]:
        """(is it known, the answer)."""
        until, answer = self._answers.get(question, (0.0, None))
        return (True, answer) if until > self._clock.monotonic() else (False, None)

    def put(self, question: Hashable, answer: V, seconds: float) -> None:
        self._answers.pop(question, None)
        self._answers[question] = (self._clock.monotonic() + seconds, answer)
        if len(self._answers) > KEPT_LIMIT:
            self._answers.popitem(last=False)
