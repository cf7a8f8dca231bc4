"""Exec by everything that carries it: WebSocket's older protocols, SPDY, and a runtime's streaming in between."""

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from kybern.kubelet.server.channels import V1, V1_BASE64, V4, V4_BASE64, Channel, Close, Data
from kybern.kubelet.server.command import Streams
from kybern.kubelet.server.outcome import Status
from kybern.kubelet.server.relay import relay_to
from kybern.kubelet.server.remote import answer
from kybern.kubelet.server.spdy_channels import SpdyChannels
from kybern.kubelet.server.spdy_upgrade import spdy_connect
from kybern.transport import Server
from kybern.transport.exchange import Answer, Request
from kybern.transport.websocket_client import UpgradeRefused, connect

ALL = Streams(stdin=True)
SIZES = b'{"Width":10,"Height":5}\n{"Width":101,"Height":33}\n'


def path(script: str, options: str = "input=1&output=1&error=1") -> str:
    return f"/exec/default/web/c?command=sh&command=-c&command={quote(script)}&{options}"


@pytest.fixture
async def relay(port: int) -> AsyncIterator[int]:
    """A server whose every request is relayed to the node's server, as if that were a runtime's."""

    def handle(request: Request) -> Answer:
        streams = Streams(True, True, "error=1" in request.raw_query, "tty=1" in request.raw_query)
        return answer(request, streams, relay_to(f"http://127.0.0.1:{port}{request.path}?{request.raw_query}", streams))

    server = Server(handle)
    await server.start([("127.0.0.1", 0)])
    yield server.addresses[0][1]
    await server.stop(1.0)


async def over_spdy(
    port: int, target: str, stdin: bytes, protocol: str = V4, resize: bytes = b""
) -> dict[Channel, bytes]:
    """What came on each channel; the input ends after `stdin`."""
    spdy = SpdyChannels(await spdy_connect(f"http://127.0.0.1:{port}{target}", protocol))
    last = Channel.RESIZE if resize else Channel.STDERR
    await spdy.open((Channel.ERROR, Channel.STDIN, Channel.STDOUT, last))
    await spdy.send(Channel.RESIZE, resize)
    await spdy.send(Channel.STDIN, stdin)
    if not resize:
        await spdy.end(Channel.STDIN)
    found: dict[Channel, bytes] = {}
    ended = set()
    async with asyncio.timeout(60):
        while Channel.ERROR not in ended and (said := await spdy.receive()) is not None:
            if isinstance(said, Data):
                found[said.channel] = found.get(said.channel, b"") + said.data
            elif isinstance(said, Close):
                ended.add(said.channel)
    await spdy.close()
    return found


def status(found: dict[Channel, bytes]) -> Status:
    told: Status = json.loads(found[Channel.ERROR])
    return told


SCRIPT = "cat; echo err >&2; exit 3"


@pytest.mark.parametrize("way", ["port", "relay"])
async def test_over_spdy_with_an_end_of_input(way: str, port: int, relay: int) -> None:
    found = await over_spdy({"port": port, "relay": relay}[way], path(SCRIPT), b"x" * 300_000)
    assert (found[Channel.STDOUT], found[Channel.STDERR]) == (b"x" * 300_000, b"err\n")
    assert status(found)["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


@pytest.mark.parametrize("way", ["port", "relay"])
async def test_over_spdy_with_a_terminal(way: str, port: int, relay: int) -> None:
    target = path("read x; stty size", "input=1&output=1&tty=1")
    found = await over_spdy({"port": port, "relay": relay}[way], target, b"\n", resize=SIZES)
    assert found[Channel.STDOUT] == b"\r\n33 101\r\n"
    assert status(found)["status"] == "Success"


async def test_old_spdy_clients_read_words(port: int) -> None:
    found = await over_spdy(port, path(SCRIPT), b"", protocol=V1)
    assert found[Channel.ERROR] == b"command terminated with non-zero exit code: exit status 3"


async def test_a_refusal_of_the_runtime_is_told_on_the_error_channel(relay: int) -> None:
    found = await over_spdy(relay, "/exec/default/web/idle?command=x&output=1&error=1", b"")
    assert status(found)["message"].startswith("Internal error occurred: the server answered 500: container not found")


async def test_spdy_in_no_protocol_that_is_spoken(port: int) -> None:
    with pytest.raises(UpgradeRefused) as refused:
        await spdy_connect(f"http://127.0.0.1:{port}{path('true')}", "v9.channel.k8s.io")
    assert (refused.value.status, refused.value.body[:49]) == (
        403,
        b"unable to upgrade: unable to negotiate protocol: ",
    )


@pytest.mark.parametrize(
    ("protocol", "sent", "expected"),
    [
        (V1, b"\x00hello\n", [b"\x01", b"\x01hello\n"]),
        (V1_BASE64, "0aGVsbG8K", ["1", "1aGVsbG8K"]),
        (V4_BASE64, "0aGVsbG8K", ["1", "1aGVsbG8K", "3eyJtZXRhZGF0YSI6e30sInN0YXR1cyI6IlN1Y2Nlc3MifQ=="]),
        ("", b"\x00hello\n", [b"\x01", b"\x01hello\n"]),
    ],
)
async def test_websockets_older_protocols(
    port: int, protocol: str, sent: bytes | str, expected: list[bytes | str]
) -> None:
    target = f"ws://127.0.0.1:{port}{path('head -n 1', 'input=1&output=1')}"
    websocket = await connect(target, subprotocols=(protocol,) if protocol else ())
    assert websocket.subprotocol == protocol
    await websocket.send(sent)
    found = []
    async with asyncio.timeout(60):
        while (message := await websocket.receive()) is not None:
            found.append(message)
    assert found == expected


async def test_what_the_runtime_says_is_not_said_twice(port: int) -> None:
    found = await over_spdy(port, "/exec/default/web/c?command=nope&input=1&output=1&error=1", b"")
    assert Channel.STDERR not in found
    assert status(found)["message"].endswith("OCI runtime exec failed: exec failed: no such file")
