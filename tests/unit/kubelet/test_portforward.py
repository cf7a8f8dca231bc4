"""Port forwarding: streams in pairs to a real socket on loopback, over a connection that is two queues."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from kybern.kubelet.server.network import connect_to_pod, namespace_of
from kybern.kubelet.server.portforward import PROTOCOL, Session, port_forward
from kybern.kubelet.server.spdy import Data, Decoder, Encoder, Frame, Ping, RstStream, SynReply, SynStream
from kybern.transport.exchange import Request, Response, Upgrade


class Client:
    """The other side of a Session."""

    def __init__(self) -> None:
        self.encoder, self.decoder = Encoder(), Decoder()
        self.to_session: asyncio.Queue[bytes] = asyncio.Queue()
        self.received: asyncio.Queue[Frame] = asyncio.Queue()
        self.session = Session(self.take, lambda port: connect_to_pod("", port), "web", "u1")

    async def take(self, data: bytes) -> None:
        for frame in self.decoder.feed(data):
            await self.received.put(frame)

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            self.to_session.put_nowait(self.encoder.encode(frame))

    def open(self, port: int, request: int = 0) -> None:
        first = 4 * request + 1
        common = {"port": str(port), "requestid": str(request)}
        self.send(SynStream(first, {"streamtype": "error", **common}), Data(first, b"", fin=True))
        self.send(SynStream(first + 2, {"streamtype": "data", **common}))

    async def next(self) -> Frame:
        async with asyncio.timeout(60):
            return await self.received.get()

    async def everything(self, stream: int) -> bytes:
        """All data of a stream until its end."""
        found = b""
        while True:
            frame = await self.next()
            if isinstance(frame, Data) and frame.stream == stream:
                found += frame.data
                if frame.fin:
                    return found


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    running = asyncio.create_task(client.session.run(client.to_session.get))
    yield client
    client.to_session.put_nowait(b"")
    async with asyncio.timeout(60):
        await running


@pytest.fixture
async def shouting() -> AsyncIterator[int]:
    """The port of a server that gives everything back in capitals, once its client has ended."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_bytes_go_there_and_back_and_ends_are_told(client: Client, shouting: int) -> None:
    client.open(shouting)
    assert [await client.next(), await client.next()] == [SynReply(1), SynReply(3)]
    client.send(Data(3, b"hel"), Data(3, b"lo", fin=True))
    assert [await client.next() for _ in range(3)] == [Data(3, b"HELLO"), Data(1, b"", True), Data(3, b"", True)]


async def test_much_data(client: Client, shouting: int) -> None:
    client.open(shouting)
    for _ in range(100):
        client.send(Data(3, b"x" * 32768))
    client.send(Data(3, b"", fin=True))
    assert await client.everything(3) == b"X" * 3276800


async def test_requests_do_not_touch_each_other(client: Client, shouting: int) -> None:
    client.open(shouting, 0)
    client.open(shouting, 1)
    client.send(RstStream(3, 5), Data(7, b"b", fin=True))
    assert await client.everything(7) == b"B"


async def test_nobody_listens(client: Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        client.open(port)
        told = (await client.everything(1)).decode()
    refused = "connect: connection refused"
    start = f"error forwarding port {port} to pod web, uid u1: failed to connect to localhost:{port}, "
    assert told.startswith(f"{start}IPv4: dial tcp4 127.0.0.1:{port}: {refused} IPv6 dial tcp6 [::1]:{port}: ")
    assert await client.next() == Data(3, b"", True)


@pytest.mark.parametrize(
    "headers",
    [
        {"streamtype": "data"},
        {"streamtype": "data", "port": "0"},
        {"streamtype": "data", "port": "65536"},
        {"streamtype": "data", "port": "x"},
        {"streamtype": "other", "port": "80"},
        {"port": "80"},
    ],
)
async def test_streams_that_say_no_port(client: Client, headers: dict[str, str]) -> None:
    client.send(SynStream(1, headers), Ping(1))
    assert [await client.next(), await client.next()] == [RstStream(1, 1), Ping(1)]


def ask(**headers: str) -> Response | Upgrade:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request("POST", "/portForward/default/web", {}, named, b"", "")
    answer = port_forward(request, lambda port: connect_to_pod("", port), "web", "u1")
    assert isinstance(answer, Response | Upgrade)
    return answer


def test_handshake() -> None:
    plain, other = ask(), ask(upgrade="SPDY/3.1", x_stream_protocol_version="v9")
    assert isinstance(plain, Response)
    assert plain.status == 400
    assert isinstance(other, Response)
    assert (other.status, other.headers) == (403, (("X-Accepted-Stream-Protocol-Versions", PROTOCOL),))
    agreed = ask(upgrade="SPDY/3.1", x_stream_protocol_version=f"v9, {PROTOCOL}")
    assert isinstance(agreed, Upgrade)
    assert (agreed.protocol, agreed.headers) == ("SPDY/3.1", (("X-Stream-Protocol-Version", PROTOCOL),))


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ('{"pid":7,"runtimeSpec":{"linux":{"namespaces":[{"type":"pid"},{"type":"network","path":"/n/x"}]}}}', "/n/x"),
        ('{"pid":7,"runtimeSpec":{"linux":{"namespaces":[{"type":"network"}]}}}', "/proc/7/ns/net"),
        ('{"pid":7,"runtimeSpec":{"linux":{"namespaces":[{"type":"pid"}]}}}', ""),
        ("{}", ""),
        ("", ""),
    ],
)
def test_the_namespace_of_a_sandbox(info: str, expected: str) -> None:
    assert namespace_of(info) == expected
