"""A real etcd, alone, on a free port, that forgets everything when its test is over."""

import asyncio
import random
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kybern.storage.backend import StoreUnavailable
from kybern.storage.etcd.client import EtcdClient, TlsFiles
from kybern.storage.etcd.messages import MESSAGES

needs_etcd = pytest.mark.skipif(shutil.which("etcd") is None, reason="Debian's etcd-server is not installed")
QUICK = ("--heartbeat-interval", "10", "--election-timeout", "50", "--log-level", "panic", "--logger", "zap")
START_SECONDS = 60.0
OWN_PORTS = (10_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Of those that the kernel gives to no client: nobody takes one before it is listened on."""
    sockets: list[socket.socket] = []
    while len(sockets) < count:
        try:
            sockets.append(socket.create_server(("127.0.0.1", random.SystemRandom().randrange(*OWN_PORTS))))
        except OSError:
            continue  # Somebody listens there.
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


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
