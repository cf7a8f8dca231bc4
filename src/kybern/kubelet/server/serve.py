"""The node's server from its start to its end."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from kybern.base.clock import Clock
from kybern.kubelet.server.routes import Routes
from kybern.transport import Server, Tls, TlsFiles

PORT = 10250
GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where to listen, and who is who."""

    addresses: Sequence[tuple[str, int]]
    tls: TlsFiles
    """With the cluster's CA as `client_ca`: without one nobody is let in."""


async def serve(config: ServerConfig, routes: Routes, clock: Clock) -> None:
    """Until cancelled. Raises OSError (an address is taken, a file is missing), ssl.SSLError."""
    server = Server(routes.handle, tls=Tls(config.tls), clock=clock)
    await server.start(config.addresses)
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop(GRACE_SECONDS)
