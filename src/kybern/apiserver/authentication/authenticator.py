"""Asks each way of proving who one is, and remembers what was verified.

A request that shows credentials which are wrong is refused (401); one that shows none is anonymous, if that is allowed.
Only issuers and webhooks elsewhere have to be waited for.
"""

import logging
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from kybern.apiserver.authentication.anonymous import Anonymous
from kybern.apiserver.authentication.front_proxy import FrontProxy
from kybern.apiserver.authentication.service_account_token import ServiceAccountTokens
from kybern.apiserver.user import ANONYMOUS_USER, User, authenticated
from kybern.base.clock import Clock
from kybern.base.errors import Unauthorized
from kybern.transport.exchange import Request

log = logging.getLogger(__name__)

REMEMBERED_LIMIT = 4096
REMEMBERED_SECONDS = 10.0
"""How long a verified token is believed unseen: deleted Pods and ServiceAccounts lose it after that at the latest."""
CERTIFICATES_LIMIT = 4096
_WEBSOCKET_BEARER = "base64url.bearer.authorization.k8s.io."


class CertificateAuthenticator(Protocol):
    def authenticate(self, der: bytes) -> User | None: ...


class TokenAuthenticator(Protocol):
    """`authenticate` gives None for a token that is not of its kind, and raises Unauthorized for a bad one."""

    def authenticate(self, token: str) -> User | None: ...


class RemoteTokenAuthenticator(Protocol):
    """The same, of someone who has to be asked."""

    async def authenticate(self, token: str) -> User | None: ...


class Authenticator:
    """The first stage."""

    def __init__(
        self,
        clock: Clock,
        tokens: Sequence[TokenAuthenticator],
        certificates: CertificateAuthenticator | None = None,
        *,
        anonymous: Anonymous | bool = True,
        front_proxy: FrontProxy | None = None,
        remote: Sequence[RemoteTokenAuthenticator] = (),
        audiences: Sequence[str] = (),
    ) -> None:
        self._clock = clock
        self._tokens = tokens
        self._certificates = certificates
        self._anonymous = Anonymous(anonymous) if isinstance(anonymous, bool) else anonymous
        self._front_proxy = front_proxy
        self._remote = remote
        self._audiences = tuple(audiences)
        self._by_certificate: dict[bytes, User | None] = {}
        self._by_token: dict[str, tuple[User, float]] = {}

    def authenticate(self, request: Request) -> User | Awaitable[User]:
        """Raises Unauthorized, at once or when awaited."""
        local = request.context.get("user")
        if local is not None:
            return _local_user(local)
        if request.client_certificate is not None:
            user = self._from_certificate(request)
            if user is not None:
                return user
        token = bearer_of(request.headers)
        if token:
            return self._from_token(token)
        if self._anonymous.lets_in(request.path):
            return ANONYMOUS_USER
        raise Unauthorized("Unauthorized")

    def verify(self, token: str) -> User | None:
        """The user of a token, unremembered; None for one that nobody here knows. Raises Unauthorized."""
        refusal: Unauthorized | None = None
        for each in self._tokens:
            try:
                user = each.authenticate(token)
            except Unauthorized as error:
                refusal = error
                continue
            if user is not None:
                return user
        if refusal is not None:
            raise refusal
        return None

    async def review(self, token: str, audiences: Sequence[str]) -> tuple[User, Sequence[str]] | None:
        """For others: whose token it is, and for which of `audiences` it holds. Raises Unauthorized.

        Tokens that name no audience are for this server's own.
        """
        refusal: Unauthorized | None = None
        asked = tuple(audiences) or self._audiences
        common = [each for each in asked if each in self._audiences]
        for each in self._tokens:
            try:
                if isinstance(each, ServiceAccountTokens):
                    found = each.verify(token, asked)
                    if found is not None:
                        return found
                elif (user := each.authenticate(token)) is not None:
                    return (user, common) if common or not self._audiences else None
            except Unauthorized as error:
                refusal = error
        for remote in self._remote:
            try:
                user = await remote.authenticate(token)
            except Unauthorized as error:
                refusal = error
                continue
            if user is not None:
                return (user, common) if common or not self._audiences else None
        if refusal is not None:
            raise refusal
        return None

    def _from_certificate(self, request: Request) -> User | None:
        der = request.client_certificate
        assert der is not None
        if self._front_proxy is not None:
            user = self._front_proxy.authenticate(request)
            if user is not None:
                return user
        if der in self._by_certificate:
            return self._by_certificate[der]
        user = self._certificates.authenticate(der) if self._certificates else None
        if len(self._by_certificate) >= CERTIFICATES_LIMIT:
            self._by_certificate.clear()
        self._by_certificate[der] = user
        return user

    def _from_token(self, token: str) -> User | Awaitable[User]:
        now = self._clock.monotonic()
        known = self._by_token.get(token)
        if known is not None and known[1] > now:
            return known[0]
        try:
            user = self.verify(token)
        except Unauthorized as error:
            log.info("a bearer token was refused: %s", error)
            if not self._remote:
                raise Unauthorized("Unauthorized") from None  # Why is told to nobody who cannot prove who they are.
            user = None
        if user is not None:
            return self._remember(token, user)
        if self._remote:
            return self._ask(token)
        raise Unauthorized("Unauthorized")

    async def _ask(self, token: str) -> User:
        """Ask those elsewhere, one after the other."""
        for each in self._remote:
            try:
                user = await each.authenticate(token)
            except Unauthorized as error:
                log.info("a bearer token was refused: %s", error)
                continue
            if user is not None:
                return self._remember(token, user)
        raise Unauthorized("Unauthorized")

    def _remember(self, token: str, user: User) -> User:
        if len(self._by_token) >= REMEMBERED_LIMIT:
            self._by_token.clear()
        self._by_token[token] = (user, self._clock.monotonic() + REMEMBERED_SECONDS)
        return user


def bearer_of(headers: Mapping[str, str]) -> str:
    """The bearer token of a request; browsers put that of a WebSocket among its protocols."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.partition(" ")[0]
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        encoded = protocol.strip().removeprefix(_WEBSOCKET_BEARER)
        if encoded != protocol.strip():
            try:
                return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except ValueError:
                return ""
    return ""


def _local_user(local: object) -> User:
    """A caller in this process names whom it acts for: a user, or (name, groups)."""
    if isinstance(local, User):
        return local
    assert isinstance(local, tuple)
    name, groups = local
    return authenticated(name, tuple(groups))
