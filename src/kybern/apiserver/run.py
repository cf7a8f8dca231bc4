"""The API server with its sockets: it serves until it is cancelled, and ends as clients can bear it."""

import asyncio
from collections.abc import Callable, Sequence

from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.server import ApiServer
from kybern.apiserver.status import refuse
from kybern.base.clock import Clock
from kybern.base.ids import Ids
from kybern.storage.backend import Backend
from kybern.transport import Server, Tls, TlsFiles


async def run(
    config: ApiServerConfig,
    backend: Backend,
    clock: Clock,
    ids: Ids,
    *,
    ready: Callable[[Sequence[tuple[str, int]]], None] | None = None,
) -> None:
    """Serve until cancelled. `ready` is called with the addresses listened on. Raises OSError, ssl.SSLError."""
    server = ApiServer(config, backend, clock, ids)
    await server.start()
    tls = None
    if config.tls_cert_file is not None and config.tls_private_key_file is not None:
        files = TlsFiles(
            config.tls_cert_file,
            config.tls_private_key_file,
            config.client_ca_file,
            config.request_header.client_ca,
            config.tls_min_version,
        )
        tls = Tls(files)
    transport = Server(server, tls=tls, clock=clock, refuse=refuse)
    try:
        hosts = (config.bind_address, *config.more_addresses)
        await transport.start([(host, config.secure_port) for host in hosts])
        if ready is not None:
            ready(transport.addresses)
        await server.run()
    except asyncio.CancelledError:
        server.stopping = True
        await clock.sleep(config.shutdown_delay_seconds)
        raise
    finally:
        server.end_watches()
        await transport.stop()
        await server.stop()
