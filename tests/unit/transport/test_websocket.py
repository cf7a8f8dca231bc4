"""WebSocket: our server with our client and with another's, and frames that are wrong."""

import asyncio
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect as other_connect
from websockets.utils import accept_key

from kybern.base.errors import Unreachable
from kybern.transport import Tls, TlsFiles
from kybern.transport.exchange import Request, Response
from kybern.transport.websocket import WebSocket, WebSocketClosed, accept
from kybern.transport.websocket_client import UpgradeRefused, connect

from .certificates import CLIENT, SERVER, client_context, issue
from .conftest import PATIENCE_SECONDS, Rig, get, running

PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"]


async def echo(websocket: WebSocket) -> None:
    while (message := await websocket.receive()) is not None:
        if message == "close":
            await websocket.close(4001, "as you wish")
            return
        if message == "fail":
            raise KeyError("no")
        await websocket.send(message)


def handle(request: Request) -> Any:
    if request.path == "/forbidden":
        return Response(403, b'{"kind":"Status"}')
    return accept(request, PROTOCOLS, echo, required=request.path == "/exec", message_bytes=1 << 20)


def url(rig: Rig, path: str = "/", scheme: str = "ws") -> str:
    host, port = rig.server.addresses[0]
    return f"{scheme}://{host}:{port}{path}"


@pytest.mark.parametrize("message", ["", "text €", b"", b"\0\xff", b"x" * 1_000_000, "y" * 200_000])
async def test_messages_come_back_as_they_went(message: bytes | str) -> None:
    async with running(handle) as rig:
        ours = await connect(url(rig))
        await ours.send(message)
        assert await ours.receive() == message
        await ours.close()
        async with other_connect(url(rig)) as other:
            await other.send(message)
            assert await other.recv() == message


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        (["v4.channel.k8s.io"], "v4.channel.k8s.io"),
        (["v4.channel.k8s.io", "v5.channel.k8s.io"], "v5.channel.k8s.io"),
        (["other", "v4.channel.k8s.io"], "v4.channel.k8s.io"),
        (["other"], ""),
        ([], ""),
    ],
)
async def test_subprotocols(offered: list[str], agreed: str) -> None:
    async with running(handle) as rig:
        websocket = await connect(url(rig), subprotocols=offered)
        assert websocket.subprotocol == agreed
        await websocket.close()
        if agreed:
            required = await connect(url(rig, "/exec"), subprotocols=offered)
            assert required.subprotocol == agreed
            await required.close()
        else:
            with pytest.raises(UpgradeRefused) as refusal:
                await connect(url(rig, "/exec"), subprotocols=offered)
            assert refusal.value.status == 400


async def test_the_client_is_told_why_it_was_refused() -> None:
    async with running(handle) as rig:
        with pytest.raises(UpgradeRefused) as refusal:
            await connect(url(rig, "/forbidden"))
        assert (refusal.value.status, refusal.value.body) == (403, b'{"kind":"Status"}')
        assert refusal.value.content_type == "application/json"


async def test_what_comes_in_one_piece_with_the_answer_is_not_lost() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = (await reader.readuntil(b"\r\n\r\n")).split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0].decode()
        head = f"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key)}"
        writer.write(head.encode() + b"\r\n\r\n" + b"\x82\x02hi" + b"\x88\x02\x03\xe8")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, asyncio.timeout(PATIENCE_SECONDS):
        websocket = await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        assert (await websocket.receive(), await websocket.receive(), websocket.close_code) == (b"hi", None, 1000)
        await websocket.close()


async def test_nobody_there() -> None:
    with pytest.raises(Unreachable):
        await connect("ws://127.0.0.1:1/")
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    with pytest.raises(Unreachable):
        await connect(f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}/", timeout_seconds=0.1)
    silent.close()
    rude = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    with pytest.raises(Unreachable):
        await connect(f"ws://127.0.0.1:{rude.sockets[0].getsockname()[1]}/")
    rude.close()


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], 426),
        (["Connection: Upgrade", "Upgrade: websocket"], 400),
        (["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 13"], 400),
        (["Connection: Upgrade", "Upgrade: SPDY/3.1"], 426),
    ],
)
async def test_handshakes_that_are_none(lines: list[str], status: int) -> None:
    async with running(handle) as rig:
        assert (await rig.ask(get("/", *lines))).status == status


async def test_closing() -> None:
    async with running(handle) as rig:
        websocket = await connect(url(rig))
        await websocket.send("close")
        assert await websocket.receive() is None
        assert (websocket.close_code, websocket.close_reason) == (4001, "as you wish")
        with pytest.raises(WebSocketClosed):
            await websocket.send("x")
        await websocket.close()
        failing = await connect(url(rig))
        await failing.send("fail")
        assert await failing.receive() is None
        assert failing.close_code == 1011
        other = await other_connect(url(rig))
        await other.close(4002, "mine")
        assert other.close_code == 4002


async def test_a_broken_connection_ends_both_sides() -> None:
    ended = asyncio.Event()

    async def wait(websocket: WebSocket) -> None:
        assert await websocket.receive() is None
        assert websocket.close_code == 1006
        ended.set()

    async with running(lambda request: accept(request, [], wait)) as rig:
        websocket = await connect(url(rig))
        await websocket._connection.close()
        await asyncio.wait_for(ended.wait(), PATIENCE_SECONDS)


async def test_pings_are_answered() -> None:
    async with running(handle) as rig, other_connect(url(rig)) as other:
        await asyncio.wait_for(await other.ping(), PATIENCE_SECONDS)


async def test_many_may_send_at_once() -> None:
    async with running(handle) as rig:
        websocket = await connect(url(rig))
        await asyncio.gather(*(websocket.send(b"%d" % n * 3000) for n in range(50)))
        seen = {await websocket.receive() for _ in range(50)}
        assert seen == {b"%d" % n * 3000 for n in range(50)}
        await websocket.close()


def frame(opcode: int, data: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """A client's frame as bytes."""
    head = bytes([(0x80 if fin else 0) | opcode])
    size = len(data)
    head += bytes([(0x80 if masked else 0) | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    if not masked:
        return head + data
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


HANDSHAKE = get(
    "/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (frame(1, b"a", fin=False) + frame(0, b"b", fin=False) + frame(0, b"c"), b"\x81\x03abc"),
        (frame(1, b"a", fin=False) + frame(9, b"p") + frame(0, b"b"), b"\x8a\x01p\x81\x02ab"),
        (frame(1, b"a", masked=False), b"\x88\x02\x03\xea"),
        (frame(0, b"a"), b"\x88\x02\x03\xea"),
        (frame(1, b"a", fin=False) + frame(1, b"b"), b"\x88\x02\x03\xea"),
        (frame(3, b"a"), b"\x88\x02\x03\xea"),
        (frame(9, b"a", fin=False), b"\x88\x02\x03\xea"),
        (frame(1, b"\xff\xfe"), b"\x88\x02\x03\xef"),
        (frame(2, b"x", fin=False) + frame(0, b"x" * 60_000, fin=False) * 20, b"\x88\x02\x03\xf1"),
        (frame(8, b""), b"\x88\x00"),
    ],
    ids=range(10),
)
async def test_frames(frames: bytes, expected: bytes) -> None:
    async with running(handle) as rig:
        wire = await rig.wire()
        wire.send(HANDSHAKE + frames)
        answer = await wire.answer()
        assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        got = await asyncio.wait_for(wire.reader.readexactly(len(expected)), PATIENCE_SECONDS)
        if expected[0] == 0x88:
            assert (got[0], got[2:]) == (0x88, expected[2:]) or got[2:4] == expected[2:4]
        else:
            assert got == expected


async def test_a_slow_reader_holds_the_sender() -> None:
    sent = 0

    async def flood(websocket: WebSocket) -> None:
        nonlocal sent
        while True:
            await websocket.send(b"x" * 10_000)
            sent += 1

    async with running(lambda request: accept(request, [], flood)) as rig:
        websocket = await connect(url(rig))
        before = -1
        while before != sent < 5000:
            before = sent
            await asyncio.sleep(0.2)
        assert before < 5000
        for _ in range(before + 1):
            assert await websocket.receive() is not None
        await websocket._connection.close()


async def test_over_tls_with_a_client_certificate(tmp_path: Path) -> None:
    ca, server_ca = issue("ca", ca=True), issue("sca", ca=True)
    (tmp_path / "ca.crt").write_bytes(ca.pem)
    files = TlsFiles(*issue("s", server_ca, usages=(SERVER,)).write(tmp_path, "s"), tmp_path / "ca.crt")
    client = issue("c", ca, usages=(CLIENT,))
    context = client_context(server_ca.write(tmp_path, "sca")[0], client.write(tmp_path, "c"))
    async with running(handle, tls=Tls(files)) as rig:
        websocket = await connect(url(rig, scheme="wss"), tls=context, subprotocols=PROTOCOLS)
        await websocket.send(b"x" * 900_000)
        assert await websocket.receive() == b"x" * 900_000
        assert rig.seen[0].client_certificate == client.der
        await websocket.close()
        with pytest.raises(ValueError, match="TLS"):
            await connect(url(rig, scheme="wss"))


async def test_one_task_may_close_while_another_receives() -> None:
    async with running(handle) as rig:
        websocket = await connect(url(rig))
        receiving = asyncio.create_task(websocket.receive())
        await asyncio.sleep(0.01)
        await asyncio.wait_for(websocket.close(4003, "enough"), PATIENCE_SECONDS)
        assert await receiving is None
        assert websocket.close_code == 4003
