"""One probe of each kind that needs no container, against real servers on the loopback."""

import asyncio
from typing import Any

import grpc.aio
import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Container, Probe
from kybern.kubelet.cri import Runtime
from kybern.kubelet.probes.outcome import Verdict
from kybern.kubelet.probes.runners import run_probe

HOST = "127.0.0.1"


async def probe(fields: dict[str, Any]) -> str:
    """What the probe said; "" for a success."""
    subject = convert({"timeoutSeconds": 5, **fields}, Probe)
    container = convert({"name": "c", "ports": [{"name": "web", "containerPort": 1}]}, Container)
    runtime = Runtime("/nowhere")
    try:
        outcome = await run_probe(runtime, subject, container, "id", HOST)
    finally:
        await runtime.close()
    return "" if outcome.verdict is Verdict.SUCCESS else outcome.output


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, ""),
        (302, "Probe terminated redirects, Response body: "),
        (404, "HTTP probe failed with statuscode: 404"),
        (503, "HTTP probe failed with statuscode: 503"),
    ],
)
async def test_http(status: int, expected: str) -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        headers = [{"name": "X-Mine", "value": "1"}]
        assert await probe({"httpGet": {"port": port, "path": "/ok", "httpHeaders": headers}}) == expected
    assert seen[0].startswith(b"GET /ok HTTP/1.1\r\n")
    assert b"X-Mine: 1\r\n" in seen[0]
    assert b"User-Agent: kube-probe/1.36\r\n" in seen[0]


async def test_tcp() -> None:
    async with await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await probe({"tcpSocket": {"port": port}}) == ""
    assert await probe({"tcpSocket": {"port": port}}) == f"dial tcp {HOST}:{port}: connect: connection refused"
    assert await probe({"tcpSocket": {"port": "nope"}}) == 'strconv.Atoi: parsing "nope": invalid syntax'


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b"\x08\x01", ""), (b"\x08\x02", 'service unhealthy (responded with "NOT_SERVING")'), (b"", "")],
)
async def test_grpc(answer: bytes, expected: str) -> None:
    asked: list[bytes] = []

    async def check(request: bytes, _: Any) -> bytes:
        asked.append(request)
        return answer

    server = grpc.aio.server()
    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    try:
        expected = expected if answer else 'service unhealthy (responded with "UNKNOWN")'
        assert await probe({"grpc": {"port": port, "service": "web"}}) == expected
    finally:
        await server.stop(None)
    assert asked == [b"\x0a\x03web"]
