"""Asks each way of proving who one is, and remembers what was verified.

A request that shows credentials which are wrong is refused (401); one that shows none is anonymous, if that is allowed.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

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


class CertificateAuthenticator(Protocol):
    def authenticate(self, der: bytes) -> User | None: ...


class TokenAuthenticator(Protocol):
    """`authenticate` gives None for a token that is not of its kind, and raises Unauthorized for a bad one."""

    def authenticate(self, token: str) -> User | None: ...


class Authenticator:
    """The first stage."""

    def __init__(
        self,
        clock: Clock,
        tokens: Sequence[TokenAuthenticator],
        certificates: CertificateAuthenticator | None = None,
        *,
        anonymous: bool = True,
    ) -> None:
        self._clock = clock
        self._tokens = tokens
        self._certificates = certificates
        self._anonymous = anonymous
        self._by_certificate: dict[bytes, User | None] = {}
        self._by_header: dict[str, tuple[User, float]] = {}

    def authenticate(self, request: Request) -> User:
        """Raises Unauthorized."""
        local = request.context.get("user")
        if local is not None:
            return _local_user(local)
        if request.client_certificate is not None:
            user = self._from_certificate(request.client_certificate)
            if user is not None:
                return user
        header = request.headers.get("authorization", "")
        if header:
            return self._from_header(header)
        if self._anonymous:
            return ANONYMOUS_USER
        raise Unauthorized("Unauthorized")

    def verify(self, token: str) -> User | None:
        """The user of a token, unremembered; None for an unknown one. Raises Unauthorized."""
        for each in self._tokens:
            user = each.authenticate(token)
            if user is not None:
                return user
        return None

    def review(self, token: str, audiences: Sequence[str]) -> tuple[User, Sequence[str]] | None:
        """For others: whose token it is, and for which of `audiences` it holds. Raises Unauthorized."""
        for each in self._tokens:
            if isinstance(each, ServiceAccountTokens):
                found = each.verify(token, audiences)
                if found is not None:
                    return found
            else:
                user = each.authenticate(token)
                if user is not None:
                    return user, tuple(audiences)
        return None

    def _from_certificate(self, der: bytes) -> User | None:
        if der in self._by_certificate:
            return self._by_certificate[der]
        user = self._certificates.authenticate(der) if self._certificates else None
        if len(self._by_certificate) >= CERTIFICATES_LIMIT:
            self._by_certificate.clear()
        self._by_certificate[der] = user
        return user

    def _from_header(self, header: str) -> User:
        now = self._clock.monotonic()
        known = self._by_header.get(header)
        if known is not None and known[1] > now:
            return known[0]
        scheme, _, token = header.partition(" ")
        try:
            user = self.verify(token.strip()) if scheme.lower() == "bearer" else None
        except Unauthorized as error:
            log.info("a bearer token was refused: %s", error)
            user = None  # Why is told to nobody who cannot prove who they are.
        if user is None:
            raise Unauthorized("Unauthorized")
        if len(self._by_header) >= REMEMBERED_LIMIT:
            self._by_header.clear()
        self._by_header[header] = (user, now + REMEMBERED_SECONDS)
        return user


def _local_user(local: object) -> User:
    """A caller in this process names whom it acts for: a user, or (name, groups)."""
    if isinstance(local, User):
        return local
    assert isinstance(local, tuple)
    name, groups = local
    return authenticated(name, tuple(groups))
