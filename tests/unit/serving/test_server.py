"""A component's server over a real socket: its pages, and a port that somebody else has."""

import asyncio
import logging
import socket
import ssl

import pytest

from kybern.serving.health import Health, well
from kybern.serving.reviews import Reviews
from kybern.serving.server import PATIENCE_SECONDS, Pages, Serving, Told, serve
from kybern.transport.exchange import Request, Response
from tests.unit.hand_clock import HandClock, settle

WAIT_SECONDS = 60


def told(fault: str = "") -> Told:
    health = Health({"healthz": {"ping": well, "disk": lambda: fault}})
    return Told("kube-x", health, {"x.config.k8s.io": {"kind": "X"}})


async def ask(port: int, path: str) -> tuple[int, str]:
    """(status, body). Raises OSError while nobody listens."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


async def answered(port: int, path: str) -> tuple[int, str]:
    """Once somebody does."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                return await ask(port, path)
            except OSError:
                await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def test_what_everybody_is_told() -> None:
    port = free_port()
    everything = Serving(port, "127.0.0.1", always_allow_paths=("/*",))
    serving = asyncio.create_task(serve(everything, told(fault="it is full"), HandClock()))
    try:
        assert await answered(port, "/healthz/ping") == (200, "ok")
        assert await ask(port, "/healthz") == (
            500,
            "[+]ping ok\n[-]disk failed: reason withheld\nhealthz check failed\n",
        )
        assert await ask(port, "/configz") == (200, '{"x.config.k8s.io":{"kind":"X"}}')
        assert (await ask(port, "/livez"))[0] == 404
        metrics = (await ask(port, "/metrics"))[1]
        assert "process_start_time_seconds " in metrics
        checks = (await ask(port, "/metrics/slis"))[1]
        assert 'kubernetes_healthchecks_total{name="disk",status="error",type="healthz"} 1' in checks
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def test_no_header_is_told_twice() -> None:
    pages = Pages(Serving(1), told(), Reviews(HandClock(), None, None))
    answer = pages.handle(Request("GET", "/healthz", {}, {}, b"", ""))
    assert isinstance(answer, Response)
    assert sorted(answer.headers) == [("Cache-Control", "no-cache, private"), ("X-Content-Type-Options", "nosniff")]


async def test_port_zero_is_nowhere() -> None:
    await serve(Serving(0), told(), HandClock())


async def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"listen tcp 127.0.0.1:{port}: bind: address already in use"):
            await serve(Serving(port, "127.0.0.1"), told(), HandClock())


async def test_one_that_is_patient_tells_it_once_and_tries_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    with caplog.at_level(logging.WARNING), socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serving = asyncio.create_task(serve(Serving(port, "127.0.0.1", patient=True), told(), clock))
        async with asyncio.timeout(WAIT_SECONDS):
            while not caplog.messages:
                await asyncio.sleep(0.01)
        await clock.turn(PATIENCE_SECONDS)
        await settle()
    assert caplog.messages == [f"kube-x cannot be asked how it is: port {port} of 127.0.0.1 is taken"]
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                await clock.turn(PATIENCE_SECONDS)
                try:
                    assert (await ask(port, "/healthz"))[0] == 200
                    break
                except OSError:
                    await asyncio.sleep(0.01)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
