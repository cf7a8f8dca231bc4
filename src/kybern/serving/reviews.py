"""The API server is asked who somebody is (TokenReview) and what they may (SubjectAccessReview); its word is kept a while.

Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from kybern.api.types import encode
from kybern.api.types.authentication_v1 import TokenReview, TokenReviewSpec
from kybern.api.types.authorization_v1 import (
    NonResourceAttributes,
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from kybern.base.clock import Clock
from kybern.client.client import Client
from kybern.serving.caller import Caller, caller_of
from kybern.transport.exchange import Request

KEPT_LIMIT: Final = 1024
"""Answers of each sort."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Memory:
    """How many seconds an answer of the API server is kept."""

    token_seconds: float = 10.0
    allowed_seconds: float = 10.0
    refused_seconds: float = 10.0


class Word(NamedTuple):
    """What an authorizer said."""

    allowed: bool
    reason: str = ""


class Reviews:
    """Who asks and what they may. Each of the two clients may be missing: then nobody can be asked about that."""

    def __init__(
        self, clock: Clock, authentication: Client | None, authorization: Client | None, memory: Memory | None = None
    ) -> None:
        self._authentication = authentication
        self._authorization = authorization
        self._memory = memory or Memory()
        self._callers: _Kept[Caller | None] = _Kept(clock)
        self._words: _Kept[Word] = _Kept(clock)

    async def caller(self, request: Request) -> Caller | None:
        """By certificate or token; None for who shows neither, and for a token that is none. Raises KybernError."""
        if request.client_certificate is not None:
            return caller_of(request.client_certificate)
        token = bearer(request)
        if not token or self._authentication is None:
            return None
        known, caller = self._callers.get(token)
        if not known:
            caller = await self._review(self._authentication, token)
            self._callers.put(token, caller, self._memory.token_seconds)
        return caller

    async def word(self, caller: Caller, asked: ResourceAttributes | NonResourceAttributes) -> Word:
        """Whether the caller may. Raises KybernError."""
        question = (caller, type(asked), encode(asked))
        known, word = self._words.get(question)
        if known and word is not None:
            return word
        if self._authorization is None:
            return Word(False)
        word = await self._ask(self._authorization, caller, asked)
        memory = self._memory
        self._words.put(question, word, memory.allowed_seconds if word.allowed else memory.refused_seconds)
        return word

    async def _review(self, client: Client, token: str) -> Caller | None:
        status = (await client.create(TokenReview(spec=TokenReviewSpec(token=token)))).status
        user = status.user
        if not status.authenticated or user is None:
            return None
        extra = tuple(sorted((key, tuple(values)) for key, values in user.extra.items()))
        return Caller(user.username, tuple(user.groups), user.uid, extra)

    async def _ask(self, client: Client, caller: Caller, asked: ResourceAttributes | NonResourceAttributes) -> Word:
        spec = SubjectAccessReviewSpec(
            user=caller.name,
            groups=list(caller.groups),
            uid=caller.uid,
            extra={key: list(values) for key, values in caller.extra},
        )
        if isinstance(asked, ResourceAttributes):
            spec.resource_attributes = asked
        else:
            spec.non_resource_attributes = asked
        status = (await client.create(SubjectAccessReview(spec=spec))).status
        return Word(bool(status.allowed), status.reason or "")


def bearer(request: Request) -> str:
    """The token that a request shows; "" for none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


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
