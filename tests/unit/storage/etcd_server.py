"""A real etcd, alone, on a free port, that forgets everything when its test is over."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kybern.storage.backend import StoreUnavailable
from kybern.storage.etcd.client import EtcdClient, TlsFiles
from kybern.storage.etcd.messages import MESSAGES
from tests.free_ports import free_ports

needs_etcd = pytest.mark.skipif(shutil.which("etcd") is None, reason="Debian's etcd-server is not installed")
QUICK = ("--heartbeat-interval", "10", "--election-timeout", "50", "--log-level", "panic", "--logger", "zap")
START_SECONDS = 60.0


@asynccontextmanager
async def etcd_server(
    folder: Path, *flags: str, scheme: str = "http", port: int = 0, tls: TlsFiles | None = None
) -> AsyncIterator[str]:
    """Its URL, once it answers."""
    client_port, peer_port = free_ports(2)
    client_port = port or client_port
    url, peer = f"{scheme}://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    arguments = (
        *("--data-dir", str(folder / "etcd"), "--name", "only"),
        *("--listen-client-urls", url, "--advertise-client-urls", url),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"only={peer}"),
    )
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        "etcd", *arguments, *QUICK, *flags, stdin=quiet, stdout=quiet, stderr=quiet
    )
    try:
        await answers([url], tls)
        yield url
    finally:
        process.kill()
        await process.wait()


async def answers(urls: Sequence[str], tls: TlsFiles | None) -> None:
    """Wait until the etcd answers."""
    request = MESSAGES["RangeRequest"](key=b"\0", count_only=True)
    async with asyncio.timeout(START_SECONDS):
        while True:
            client = EtcdClient(urls, tls)
            try:
                await client.call("KV/Range", request, "RangeResponse")
                return
            except StoreUnavailable:
                await asyncio.sleep(0.02)
            finally:
                await client.close()
