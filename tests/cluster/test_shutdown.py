"""What clients see of a server that is told to stop."""

import asyncio
import random
import ssl
from pathlib import Path

from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.pki import ensure_pki
from kybern.apiserver.run import run
from kybern.base.clock import SystemClock
from kybern.base.ids import RandomIds
from kybern.storage.memory import MemoryBackend

GENEROUS_SECONDS = 60


async def ask(port: int, path: str, context: ssl.SSLContext) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer.split(b" ", 2)[1]), answer


async def test_it_serves_on_for_a_while_after_it_says_that_it_is_not_ready(tmp_path: Path) -> None:
    pki = ensure_pki(tmp_path, ["127.0.0.1"], "")
    config = ApiServerConfig(
        bind_address="127.0.0.1",
        secure_port=0,
        tls_cert_file=pki.certificate("apiserver"),
        tls_private_key_file=pki.key("apiserver"),
        shutdown_delay_seconds=3600.0,
    )
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    ids = RandomIds(random.SystemRandom())
    serving = asyncio.create_task(
        run(config, MemoryBackend(), SystemClock(), ids, ready=lambda addresses: ready.set_result(addresses[0][1]))
    )
    context = ssl.create_default_context(cafile=str(pki.authority))
    try:
        port = await asyncio.wait_for(ready, GENEROUS_SECONDS)
        assert (await ask(port, "/readyz", context))[0] == 200
        serving.cancel()
        await asyncio.sleep(0)
        code, told = await ask(port, "/readyz", context)
        assert (code, b"[-]shutdown failed" in told) == (500, True)
        assert (await ask(port, "/version", context))[0] == 200
        assert (await ask(port, "/livez", context))[0] == 200
    finally:
        serving.cancel()
        await asyncio.wait((serving,), timeout=GENEROUS_SECONDS)
    assert serving.cancelled()
