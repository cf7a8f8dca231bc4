"""ComponentStatus (deprecated): the controllers and the scheduler of this machine are asked, and the store.

Nothing of it is stored. What another server says is told as upstream's probe tells it (pkg/probe/http).
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final

import orjson

from kybern.api.resource import Object
from kybern.apiserver import answer
from kybern.apiserver.cache.version import NO_LABELS, Version
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.list_options import list_options
from kybern.apiserver.endpoints.route import Endpoint
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.proxy.backend import Place, ask
from kybern.apiserver.served import Served
from kybern.base.errors import NotFound, Unreachable
from kybern.storage.backend import StoreUnavailable
from kybern.transport.exchange import Response

PORTS: Final = {"controller-manager": 10257, "scheduler": 10259}
"""On 127.0.0.1, as upstream takes for granted."""
STORE: Final = "etcd-0"
"""Whatever store it is: upstream's name, which clients look for."""
PROBE_SECONDS: Final = 20.0
BODY_LIMIT: Final = 10 << 10
"""Bytes of an answer that are told."""
SUCCESS, REDIRECT, FAILURE = 200, 300, 400
"""Codes from which an answer is a success, none that says anything, and a failure."""


class ComponentStatuses:
    """Its endpoints. Components show certificates of their own making: nobody vouches for them, and nobody checks."""

    def __init__(self) -> None:
        self._unverified: ssl.SSLContext | None = None

    def endpoints(self) -> Mapping[tuple[str, str], Mapping[str, Endpoint]]:
        return {("componentstatuses", ""): {"get": self.get, "list": self.list}}

    async def get(self, at: Surroundings, call: Call, served: Served) -> Response:
        """200 and the component. Raises NotFound."""
        name = call.info.name
        if name not in (*PORTS, STORE):
            # Upstream's message names the resource in the singular.
            raise NotFound(f'componentstatus "{name}" not found', details={"name": name, "kind": "componentstatus"})
        return answer.stored(call, served, await self._status(at, name), at.now())

    async def list(self, at: Surroundings, call: Call, served: Served) -> Response:
        """200 and those that the selectors take. There are no pages. Raises BadRequest, Invalid."""
        selection = list_options(call, served).selection
        wanted = [name for name in (*PORTS, STORE) if selection.takes(_version(name))]
        found = await asyncio.gather(*(self._status(at, name) for name in wanted))
        return answer.listed(call, served, found, {}, at.now())

    async def _status(self, at: Surroundings, name: str) -> Version:
        condition = await self._store(at) if name == STORE else await self._probe(PORTS[name])
        return _version(name, {"type": "Healthy", **{key: told for key, told in condition.items() if told}})

    async def _store(self, at: Surroundings) -> Object:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await at.backend.range("", limit=1)
        except TimeoutError:
            return {"status": "False", "error": "context deadline exceeded"}
        except StoreUnavailable as error:
            return {"status": "False", "error": str(error)}
        return {"status": "True", "message": "ok"}

    async def _probe(self, port: int) -> Object:
        url = f"https://127.0.0.1:{port}/healthz"
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                code, body = await self._ask(port)
        except TimeoutError:
            late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            return {"status": "False", "message": f'Get "{url}": {late}'}
        except (Unreachable, OSError) as error:
            return {"status": "False", "message": f'Get "{url}": {error}'}
        if code >= FAILURE or code < SUCCESS:
            return {"status": "False", "message": f"HTTP probe failed with statuscode: {code}"}
        if code >= REDIRECT:
            return {"status": "Unknown", "message": f"Probe terminated redirects, Response body: {body}"}
        return {"status": "True", "message": body}

    async def _ask(self, port: int) -> tuple[int, str]:
        """(status code, body, cut where it is long). Raises Unreachable, OSError."""
        if self._unverified is None:
            self._unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._unverified.check_hostname, self._unverified.verify_mode = False, ssl.CERT_NONE
        told = {"User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
        answered = await ask(Place("127.0.0.1", port, self._unverified), "GET", "/healthz", told)
        return answered.status, (await answered.beginning(BODY_LIMIT)).decode(errors="replace")


def _version(name: str, *conditions: Object) -> Version:
    """As if it had been stored; it has no labels and no revision."""
    tail = orjson.dumps({"metadata": {"name": name}, "conditions": conditions})[1:]
    return Version(name, 0, tail, NO_LABELS, {"metadata.name": name})
