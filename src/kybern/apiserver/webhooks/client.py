"""POSTs JSON to webhooks over HTTPS, on connections that are kept for the next call.

Invariant: no call lasts longer than its timeout, and no more than IDLE_LIMIT unused connections to one place are kept.
"""

import asyncio
import ssl
from base64 import b64decode

from kybern.api.resource import Object
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.webhooks.connection import Broken, BrokenBody, Connection
from kybern.apiserver.webhooks.target import Services, Target, Unresolved, target_of
from kybern.base.clock import Clock

IDLE_LIMIT = 8
IDLE_SECONDS = 30.0
CONTEXTS_LIMIT = 256
"""Bundles of authorities that are kept parsed."""
_HEADERS = {
    "Accept": "application/json, */*",
    "Content-Type": "application/json",
    "User-Agent": "kube-apiserver-admission",
}

_Place = tuple[str, int, str, str]


class CallFailed(Exception):
    """The webhook could not be called or did not answer with success; worded as Go's client does."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status of the answer; 0 where there was none."""


class WebhookClient:
    """Shared by all webhooks of a server."""

    def __init__(self, lookup: Lookup, clock: Clock) -> None:
        self._services = Services(lookup)
        self._clock = clock
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._idle: dict[_Place, list[tuple[float, Connection]]] = {}

    async def post(self, config: Object, body: bytes, timeout_seconds: float | None = None) -> bytes:
        """The body of the answer. `config`: a clientConfig (url or service, caBundle). Raises CallFailed."""
        target = target_of(config)
        query = f"timeout={timeout_seconds:g}s" if timeout_seconds is not None else ""
        try:
            async with asyncio.timeout(timeout_seconds):
                code, answer = await self._exchange(target, config.get("caBundle") or "", query, body)
        except TimeoutError:
            raise CallFailed(f'Post "{target.url(query)}": context deadline exceeded') from None
        except BrokenBody as error:
            raise CallFailed(str(error)) from None
        except (Broken, Unresolved) as error:
            raise CallFailed(f'Post "{target.url(query)}": {error}') from None
        if code >= 300 or code < 200:
            raise CallFailed(_refusal(code, answer), code)
        return answer

    async def close(self) -> None:
        """End the connections that wait for a next call."""
        for kept in self._idle.values():
            for _, connection in kept:
                connection.close()
        self._idle.clear()

    async def _exchange(self, target: Target, bundle: str, query: str, body: bytes) -> tuple[int, bytes]:
        """Raises Broken, Unresolved. A kept connection that the other side has ended is replaced once."""
        host, port = self._services.resolve(*target.service) if target.service else (target.server_name, target.port)
        place = (host, port, target.server_name, bundle)
        path = f"{target.path}?{query}" if query else target.path
        while True:
            connection = self._take(place) or await Connection.open(
                host, port, self._context(bundle), target.server_name
            )
            reused = connection.used
            try:
                answer = await connection.post(path, target.netloc, _HEADERS, body)
            except Broken:
                connection.close()
                if not reused:
                    raise
                continue
            except BaseException:
                connection.close()
                raise
            self._keep(place, connection)
            return answer

    def _take(self, place: _Place) -> Connection | None:
        kept = self._idle.get(place)
        while kept:
            since, connection = kept.pop()
            if self._clock.monotonic() - since < IDLE_SECONDS and connection.open_still:
                return connection
            connection.close()
        self._idle.pop(place, None)
        return None

    def _keep(self, place: _Place, connection: Connection) -> None:
        if not connection.open_still:
            connection.close()
            return
        kept = self._idle.setdefault(place, [])
        kept.append((self._clock.monotonic(), connection))
        if len(kept) > IDLE_LIMIT:
            kept.pop(0)[1].close()

    def _context(self, bundle: str) -> ssl.SSLContext:
        """`bundle`: base64 of PEM; "": the machine's authorities. Raises Broken."""
        context = self._contexts.get(bundle)
        if context is None:
            try:
                context = ssl.create_default_context(cadata=b64decode(bundle).decode() if bundle else None)
            except (ssl.SSLError, ValueError):
                raise Broken("unable to load root certificates: unable to parse bytes as PEM block") from None
            context.hostname_checks_common_name = False
            context.set_alpn_protocols(["http/1.1"])
            if len(self._contexts) >= CONTEXTS_LIMIT:
                self._contexts.clear()
            self._contexts[bundle] = context
        return context


def _refusal(code: int, body: bytes) -> str:
    """How client-go words an answer that is no success."""
    text = body.decode(errors="replace").strip()
    match code:
        case 404:
            return "the server could not find the requested resource"
        case 401:
            return "the server has asked for the client to provide credentials"
        case 403:
            return text or "unknown"
        case 503:
            return "the server is currently unable to handle the request"
        case 504:
            return "the server was unable to return a response in the time allotted, but may still be processing the request"
        case _ if code >= 500:
            return f'an error on the server ("{text or "unknown"}") has prevented the request from succeeding'
    return "the server rejected our request for an unknown reason" if code >= 400 else f"unexpected status {code}"
