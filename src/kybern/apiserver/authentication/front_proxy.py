"""A front proxy that has authenticated its caller, and says in headers who it is.

Believed are only client certificates of its own authority, with one of the allowed names.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy
"""

from collections.abc import Iterable
from urllib.parse import unquote

from cryptography import x509
from cryptography.x509.oid import NameOID

from kybern.apiserver.aggregation.authentication_info import RequestHeader
from kybern.apiserver.user import User, authenticated
from kybern.transport.client_chain import ClientAuthorities
from kybern.transport.exchange import Request

REMEMBERED_LIMIT = 256


class FrontProxy:
    """`--requestheader-…`. Raises OSError, ValueError when made."""

    def __init__(self, told: RequestHeader) -> None:
        assert told.client_ca is not None
        self._authorities = ClientAuthorities(told.client_ca.read_bytes())
        self._names = frozenset(told.allowed_names)
        self._user_headers = [name.lower() for name in told.username_headers]
        self._uid_headers = [name.lower() for name in told.uid_headers]
        self._group_headers = [name.lower() for name in told.group_headers]
        self._extra_prefixes = [name.lower() for name in told.extra_headers_prefixes]
        self._known: dict[bytes, bool] = {}

    def is_proxy(self, certificate: bytes) -> bool:
        """Whether the certificate (DER) is a front proxy's."""
        known = self._known.get(certificate)
        if known is None:
            known = self._authorities.vouch_for(certificate) and self._is_allowed(certificate)
            if len(self._known) >= REMEMBERED_LIMIT:
                self._known.clear()
            self._known[certificate] = known
        return known

    def authenticate(self, request: Request) -> User | None:
        """Whom the proxy speaks for; None: it is no proxy, or names nobody."""
        certificate = request.client_certificate
        name = _first(request, self._user_headers)
        if not name or certificate is None or not self.is_proxy(certificate):
            return None
        groups = [value for each in self._group_headers for value in request.values(each) if value]
        uid = _first(request, self._uid_headers)
        extra: dict[str, tuple[str, ...]] = {}
        for prefix in self._extra_prefixes:
            for header in request.headers:
                if header.startswith(prefix):
                    key = unquote(header[len(prefix) :])
                    extra[key] = (*extra.get(key, ()), *request.values(header))
        return authenticated(name, tuple(groups), uid, extra)

    def _is_allowed(self, certificate: bytes) -> bool:
        subject = x509.load_der_x509_certificate(certificate).subject
        names = {str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
        return not self._names or bool(names & self._names)


def _first(request: Request, headers: Iterable[str]) -> str:
    """The first value of the first of these headers that says anything."""
    return next((values[0] for each in headers if (values := request.values(each)) and values[0]), "")
