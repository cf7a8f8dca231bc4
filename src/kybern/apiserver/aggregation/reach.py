"""How other API servers are reached, and how they are told who asks: the front proxy's certificate and headers.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#authentication-flow
"""

import ssl
from base64 import b64decode
from pathlib import Path
from urllib.parse import quote

from kybern.apiserver.aggregation.api_services import Remote
from kybern.apiserver.proxy.backend import Place
from kybern.apiserver.user import User
from kybern.apiserver.webhooks.target import Services, Unresolved
from kybern.base.errors import ServiceUnavailable

CONTEXTS_LIMIT = 64


class Reach:
    """`certificate` and `key` are the front proxy's (`--proxy-client-cert-file`, `--proxy-client-key-file`)."""

    def __init__(self, services: Services, certificate: Path | None, key: Path | None) -> None:
        self._services = services
        self._certificate = certificate
        self._key = key
        self._contexts: dict[tuple[str, bool], ssl.SSLContext] = {}

    def place(self, remote: Remote) -> Place:
        """Raises ServiceUnavailable."""
        try:
            host, port = self._services.resolve(remote.namespace, remote.service, remote.port)
            context = self._context(remote.bundle, remote.unverified)
        except (Unresolved, ssl.SSLError, ValueError) as error:
            raise ServiceUnavailable(f"service unavailable: {error}") from None
        return Place(host, port, context, server_name=remote.host)

    def _context(self, bundle: str, unverified: bool) -> ssl.SSLContext:
        context = self._contexts.get((bundle, unverified))
        if context is None:
            pem = b64decode(bundle).decode() if bundle else None
            context = ssl.create_default_context(cadata=pem)
            if unverified:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self._certificate is not None:
                context.load_cert_chain(self._certificate, self._key)
            if len(self._contexts) >= CONTEXTS_LIMIT:
                self._contexts.clear()
            self._contexts[bundle, unverified] = context
        return context


def identity_headers(user: User) -> list[tuple[str, str]]:
    """Who asks, for a server that trusts the front proxy's certificate."""
    headers = [("X-Remote-User", user.name)]
    if user.uid:
        headers.append(("X-Remote-Uid", user.uid))
    headers += [("X-Remote-Group", group) for group in user.groups]
    for key, values in user.extra:
        headers += [(f"X-Remote-Extra-{quote(key, safe='')}", value) for value in values]
    return headers
