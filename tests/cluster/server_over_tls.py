"""An API server over TLS in this process, on a free port, and the kubeconfig of its administrator."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.pki import ensure_pki, write_kubeconfig
from kybern.apiserver.run import run
from kybern.base.clock import SystemClock
from kybern.base.ids import RandomIds
from kybern.storage.memory import MemoryBackend

START_SECONDS = 60


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Path]:
    """Yields the kubeconfig; blocking clients have to run in threads."""
    pki = ensure_pki(directory / "pki", ["127.0.0.1"], "")
    config = ApiServerConfig(
        bind_address="127.0.0.1",
        secure_port=0,
        tls_cert_file=pki.certificate("apiserver"),
        tls_private_key_file=pki.key("apiserver"),
        client_ca_file=pki.authority,
        service_account_signing_key_file=pki.key("sa"),
        service_account_key_files=(pki.directory / "sa.pub",),
    )
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    ids = RandomIds(random.SystemRandom())
    serving = asyncio.create_task(
        run(config, MemoryBackend(), SystemClock(), ids, ready=lambda addresses: ready.set_result(addresses[0][1]))
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        kubeconfig = directory / "kubeconfig"
        write_kubeconfig(kubeconfig, pki, "admin", "kubernetes-admin", f"https://127.0.0.1:{ready.result()}")
        yield kubeconfig
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
