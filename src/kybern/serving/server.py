"""What a component tells of itself over HTTPS: health, metrics and its configuration, at upstream's paths and ports."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from errno import EIO
from pathlib import Path
from typing import Any, Final

import orjson

from kybern.base.clock import Clock
from kybern.client.client import Client
from kybern.metrics import process
from kybern.metrics.family import Family, render
from kybern.serving.authority import cluster_authority
from kybern.serving.certificate import MemoryFiles, Pair, kept_pair, self_signed
from kybern.serving.gate import TEXT, Gate
from kybern.serving.health import Health
from kybern.serving.reviews import Reviews
from kybern.transport import Server, Tls, TlsFiles
from kybern.transport.exchange import Answer, Request, Response

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
HEADERS: Final = (("Cache-Control", "no-cache, private"), ("X-Content-Type-Options", "nosniff"))
OPEN_PATHS: Final = ("/healthz", "/readyz", "/livez")
GRACE_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 30.0
"""How often a patient server tries a port that is taken."""

Source = Callable[[], Iterator[Family]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """Where a component is asked, and by whom: upstream's flags."""

    secure_port: int
    bind_address: str = "0.0.0.0"
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    cert_dir: Path | None = None
    """Where a certificate is kept that nobody gave; None: in memory."""
    client_ca_file: Path | None = None
    """Who signs clients' certificates."""
    looks_up_client_ca: bool = True
    """Whether, without that file, the cluster is asked."""
    always_allow_paths: tuple[str, ...] = OPEN_PATHS
    authentication: Client | None = None
    """Who is asked about tokens; None: nobody, and a token is none."""
    authorization: Client | None = None
    """Who is asked what a caller may; None: nobody, and who is no master gets the open paths only."""
    sources: tuple[Source, ...] = ()
    """Metrics of what was made outside of the component: its clients'."""
    patient: bool = False
    """A port that is taken ends nothing: it is told, and tried again."""


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to tell."""

    component: str
    """Upstream's name: kube-scheduler."""
    health: Health
    configuration: Mapping[str, Any]
    """Of /configz."""
    sources: Sequence[Source] = field(default_factory=tuple)


async def serve(serving: Serving, told: Told, clock: Clock) -> None:
    """Until cancelled; returns at once where the port is 0. Raises OSError, ssl.SSLError, ValueError."""
    if not serving.secure_port:
        return
    pages = Pages(serving, told, Reviews(clock, serving.authentication, serving.authorization))
    files = MemoryFiles()
    try:
        pair = _pair(serving, told.component, files)
        authority = serving.client_ca_file
        if authority is None and serving.looks_up_client_ca and serving.authentication is not None:
            authority = await cluster_authority(serving.authentication, files)
        tls = TlsFiles(pair.certificate, pair.key, authority)
        server = Server(pages.handle, tls=Tls(tls), clock=clock)
        await _listen(server, serving, told.component, clock)
        try:
            await asyncio.Event().wait()
        finally:
            await server.stop(GRACE_SECONDS)
    finally:
        files.close()


def _pair(serving: Serving, component: str, files: MemoryFiles) -> Pair:
    if serving.tls_cert_file is not None and serving.tls_private_key_file is not None:
        return Pair(serving.tls_cert_file, serving.tls_private_key_file)
    if serving.cert_dir is not None:
        return kept_pair(component, serving.bind_address, serving.cert_dir)
    return self_signed(component, serving.bind_address, files)


async def _listen(server: Server, serving: Serving, component: str, clock: Clock) -> None:
    address, port = serving.bind_address, serving.secure_port
    is_told = False
    while True:
        try:
            await server.start([(address, port)])
            break
        except OSError as error:
            if not serving.patient:
                raise OSError(
                    error.errno,
                    f"failed to create listener: failed to listen on {address}:{port}: "
                    f"listen tcp {address}:{port}: bind: {os.strerror(error.errno or EIO).lower()}",
                ) from error
            if not is_told:
                log.warning("%s cannot be asked how it is: port %d of %s is taken", component, port, address)
                is_told = True
        await clock.sleep(PATIENCE_SECONDS)
    log.info("Serving securely on %s:%d", address, port)


class Pages:
    """The handler."""

    def __init__(self, serving: Serving, told: Told, reviews: Reviews) -> None:
        self._gate = Gate(reviews, serving.always_allow_paths)
        self._told = told
        self._sources = (*told.sources, *serving.sources, process.families)

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """What is open to all is answered at once. Raises nothing but defects."""
        if not self._gate.lets_all_in(request):
            return self._guarded(request)
        answer = self._page(request)
        return _headed(answer) if isinstance(answer, Response) else self._later(answer)

    async def _guarded(self, request: Request) -> Answer:
        refused = await self._gate.refuse(request)
        if refused is not None:
            return _headed(refused)
        answer = self._page(request)
        return _headed(answer if isinstance(answer, Response) else await answer)

    async def _later(self, answer: Awaitable[Response]) -> Answer:
        return _headed(await answer)

    def _page(self, request: Request) -> Response | Awaitable[Response]:
        """Upstream serves these whatever the method is."""
        match request.path:
            case "/metrics":
                families = (family for source in self._sources for family in source())
                return Response(200, render(family for family in families if family.samples), METRICS_TYPE)
            case "/metrics/slis":
                return Response(200, render(self._told.health.families()), METRICS_TYPE)
            case "/configz":
                return Response(200, orjson.dumps(self._told.configuration))
        return self._told.health.answer(request) or Response(404, b"404 page not found\n", TEXT)


def _headed(answer: Response) -> Response:
    answer.headers = (*answer.headers, *(each for each in HEADERS if each not in answer.headers))
    return answer
