"""The node's server over a real socket on loopback: paths, status codes and texts, logs, exec, who may call."""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kybern.base.clock import SystemClock
from kybern.kubelet.server.channels import V4, V5
from kybern.kubelet.server.container_logs import NoLog, logged_container
from kybern.kubelet.server.gate import Gate
from kybern.kubelet.server.portforward import TUNNEL
from kybern.kubelet.server.spdy import Data, Decoder, Encoder, SynStream
from kybern.kubelet.server.usage import NodeUsage, Rates, read_node_usage, resource_metrics, summary
from kybern.transport.exchange import Request
from kybern.transport.websocket import WebSocket
from kybern.transport.websocket_client import UpgradeRefused, connect
from tests.unit.kubelet.node_server import RUNNING, STATS, make_pod


async def ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.0\r\nHost: node\r\n\r\n".encode())
    async with asyncio.timeout(60):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body.decode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/healthz", (200, "ok")),
        ("/healthz/ping", (200, "ok")),
        ("/nothing", (404, "404: Page Not Found")),
        ("/logs/syslog", (200, "a line\n")),
        ("/logs/out", (404, "404 page not found\n")),
        ("/logs/../id1.log", (404, "404 page not found\n")),
        ("/containerLogs/default/web/c", (200, "one\ntwo\nthree\n")),
        ("/containerLogs/default/web/c?tailLines=1", (200, "three\n")),
        ("/containerLogs/default/web/c?tail=2", (200, "two\nthree\n")),
        ("/containerLogs/default/web/c?follow=true&limitBytes=5", (200, "one\nt")),
        ("/containerLogs/default/web/c?tailLines=-1", (422, '{"message": "Invalid request."}')),
        ("/containerLogs/default/other/c", (404, 'pod "other" does not exist')),
        ("/containerLogs/default/web/x", (404, 'container "x" not found in pod "web"')),
        ("/containerLogs/default/web/idle", (400, 'container "idle" in pod "web" is not available')),
        (
            "/containerLogs/default/web/c?previous=true",
            (400, 'previous terminated container "c" in pod "web" not found'),
        ),
        ("/exec/default/web/c?command=x", (400, "you must specify at least 1 of stdin, stdout, stderr")),
        ("/exec/default/other/c?command=x&output=1", (404, "pod does not exist")),
        ("/exec/default/web/idle?command=x&output=1", (500, 'container not found ("idle")')),
        ("/exec/default/web/u2/c?command=x&output=1", (500, 'container not found ("c")')),
        ("/portForward/default/other", (404, "pod does not exist")),
        ("/portForward/default/web/u2", (404, "pod not found")),
        ("/portForward/default/web", (400, "unable to upgrade: missing upgrade headers in request\n")),
    ],
)
async def test_answers(port: int, path: str, expected: tuple[int, str]) -> None:
    assert await ask(port, path) == expected


async def test_lists_and_figures(port: int) -> None:
    _, pods = await ask(port, "/pods")
    assert json.loads(pods)["items"][0]["metadata"]["name"] == "web"
    assert json.loads((await ask(port, "/runningpods/"))[1])["items"] == []
    assert json.loads((await ask(port, "/stats/summary"))[1])["pods"][0]["podRef"]["uid"] == "u1"
    assert 'kubelet_running_containers{container_state="running"} 1\n' in (await ask(port, "/metrics"))[1]
    assert "node_memory_working_set_bytes " in (await ask(port, "/metrics/resource"))[1]
    assert (await ask(port, "/pods", "POST"))[0] == 405
    cadvisor = (await ask(port, "/metrics/cadvisor"))[1]
    assert 'container_memory_working_set_bytes{container="c",id="/kubepods/podu1/id1",image="",' in cadvisor
    kubelet = json.loads((await ask(port, "/configz"))[1])["kubeletconfig"]
    assert (kubelet["syncFrequency"], kubelet["fileCheckFrequency"], kubelet["port"]) == ("1m0s", "20s", 10250)
    assert '<a href="pods/">pods/</a>\n<a href="syslog">syslog</a>\n' in (await ask(port, "/logs/"))[1]


async def run(port: int, query: str, *messages: bytes, protocol: str = V5) -> dict[int, bytes]:
    """What came on each channel of an exec."""
    websocket = await connect(f"ws://127.0.0.1:{port}/exec/default/web/c?{query}", subprotocols=(protocol,))
    for message in messages:
        await websocket.send(message)
    return await everything(websocket)


async def everything(websocket: WebSocket) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    async with asyncio.timeout(60):
        while isinstance(message := await websocket.receive(), bytes):
            found[message[0]] = found.get(message[0], b"") + message[1:]
    await websocket.close()
    return found


async def test_exec(port: int) -> None:
    found = await run(port, "command=sh&command=-c&command=echo+a%3Becho+b+>%262%3Bexit+3&output=1&error=1")
    assert (found[1], found[2]) == (b"a\n", b"b\n")
    assert json.loads(found[3])["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


async def test_exec_is_told_the_end_of_its_input(port: int) -> None:
    found = await run(port, "command=cat&input=1&output=1", b"\x00hello", b"\xff\x00")
    assert found[1] == b"hello"
    assert json.loads(found[3])["status"] == "Success"


async def test_exec_with_a_terminal(port: int) -> None:
    size = b'\x04{"Width":100,"Height":40}'
    script = "command=sh&command=-c&command=read+x%3Bstty+size"
    found = await run(port, f"{script}&input=1&output=1&tty=1", size, b"\x00\n", protocol=V4)
    assert found[1] == b"\r\n40 100\r\n"


async def test_a_command_that_is_not_there(port: int) -> None:
    told = json.loads((await run(port, "command=nope&output=1"))[3])
    assert (told["reason"], told["code"]) == ("InternalError", 500)
    assert told["message"].endswith("OCI runtime exec failed: exec failed: no such file")


async def test_a_client_that_leaves_ends_the_command(port: int, tmp_path: Path) -> None:
    script = "command=sh&command=-c&command=echo+$$%3Bexec+sleep+1000"
    websocket = await connect(f"ws://127.0.0.1:{port}/exec/default/web/c?{script}&output=1", subprotocols=(V5,))
    async with asyncio.timeout(60):
        message: bytes | str | None = b"\x01"
        while message == b"\x01":  # The empty message with which every conversation begins.
            message = await websocket.receive()
        assert isinstance(message, bytes)
        process = int(message[1:])
        await websocket.close()
        while is_alive(process):
            await asyncio.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


async def test_exec_wants_a_protocol_that_is_spoken(port: int) -> None:
    with pytest.raises(UpgradeRefused) as refused:
        await connect(f"ws://127.0.0.1:{port}/exec/default/web/c?output=1", subprotocols=("v9.channel.k8s.io",))
    assert refused.value.status == 400


async def test_port_forward_over_a_websocket(port: int) -> None:
    websocket = await connect(f"ws://127.0.0.1:{port}/portForward/default/web", subprotocols=(TUNNEL,))
    encoder, decoder = Encoder(), Decoder()
    common = {"port": str(port), "requestid": "0"}
    await websocket.send(encoder.encode(SynStream(1, {"streamtype": "error", **common}, fin=True)))
    await websocket.send(encoder.encode(SynStream(3, {"streamtype": "data", **common})))
    await websocket.send(encoder.encode(Data(3, b"GET /healthz HTTP/1.0\r\n\r\n")))
    found, ended = b"", False
    async with asyncio.timeout(60):
        while not ended:
            message = await websocket.receive()
            assert isinstance(message, bytes)
            for frame in decoder.feed(message):
                if isinstance(frame, Data) and frame.stream == 3:
                    found, ended = found + frame.data, frame.fin
    await websocket.close()
    assert found.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("protocol", "request_line", "answer"),
    [
        (V4, b"\x00GET /healthz HTTP/1.0\r\n\r\n", b"\x00HTTP/1.1 200 OK"),
        ("v4.base64.channel.k8s.io", "0R0VUIC9oZWFsdGh6IEhUVFAvMS4wDQoNCg==", "0SFRUUC8xLjEgMjAwIE9L"),
    ],
)
async def test_port_forward_on_channels(
    port: int, protocol: str, request_line: bytes | str, answer: bytes | str
) -> None:
    url = f"ws://127.0.0.1:{port}/portForward/default/web?port={port},1"
    websocket = await connect(url, subprotocols=(protocol,))
    await websocket.send(request_line)
    found: list[bytes | str] = []
    async with asyncio.timeout(60):
        while (message := await websocket.receive()) is not None:
            found.append(message)
    assert any(isinstance(each, type(answer)) and each.startswith(answer) for each in found)  # type: ignore[arg-type]
    if protocol == V4:
        assert b"\x00" + port.to_bytes(2, "little") in found
        assert b"\x01" + port.to_bytes(2, "little") in found
        assert any(b"\x03error forwarding port 1 to pod sandbox1" in each for each in found if isinstance(each, bytes))


ENDED = {"terminated": {"containerID": "containerd://id0", "exitCode": 1}}


@pytest.mark.parametrize(
    ("state", "last", "previous", "expected"),
    [
        (RUNNING, {}, False, "id1"),
        (RUNNING, ENDED, True, "id0"),
        (ENDED, {}, False, "id0"),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, ENDED, False, "id0"),
        ({"waiting": {"reason": "ContainerCreating"}}, {}, False, "is waiting to start: ContainerCreating"),
        ({"waiting": {"reason": "ErrImagePull"}}, {}, False, "is waiting to start: image can't be pulled"),
        (
            {"waiting": {"reason": "ImagePullBackOff"}},
            {},
            False,
            "is waiting to start: trying and failing to pull image",
        ),
        ({"terminated": {"exitCode": 1}}, {}, False, "is terminated"),
    ],
)
def test_which_log(state: dict[str, Any], last: dict[str, Any], previous: bool, expected: str) -> None:
    try:
        found = logged_container(make_pod(state, last), "c", previous)
    except NoLog as error:
        found = str(error).removeprefix('container "c" in pod "web" ')
    assert found == expected


def certificate(name: str, *groups: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), random.getrandbits(64) + 1)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(hours=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("shown", "path", "expected"),
    [
        (None, "/pods", (401, b"Unauthorized")),
        (certificate("admin", "system:masters"), "/pods", None),
        (certificate("kube-apiserver-kubelet-client", "kubeadm:cluster-admins"), "/pods", None),
        (
            certificate("system:node:n2", "system:nodes"),
            "/exec/default/web/c",
            (403, b"Forbidden (user=system:node:n2, verb=create, resource=nodes, subresource(s)=[proxy])\n"),
        ),
        (
            certificate("prometheus"),
            "/metrics",
            (403, b"Forbidden (user=prometheus, verb=create, resource=nodes, subresource(s)=[metrics])\n"),
        ),
    ],
)
async def test_who_may_call(shown: bytes | None, path: str, expected: tuple[int, bytes] | None) -> None:
    gate = Gate("n1", None, SystemClock())
    refused = await gate.refuse(Request("POST", path, {}, {}, b"", "", client_certificate=shown))
    assert (None if refused is None else (refused.status, refused.body)) == expected


NODE = NodeUsage(1_767_323_045_000_000_000, 1_767_000_000, 10**9, 1000, 600, 500, 100, 40, 10, 4)


def test_rates_come_from_two_samples() -> None:
    rates, second = Rates(), 10**9
    assert rates.take({"a": (0, 0)}) == {}
    assert rates.take({"a": (second // 2, second)}) == {}
    assert rates.take({"a": (2 * second, second), "b": (0, 0)}) == {"a": second // 2}
    assert rates.take({"a": (3 * second, 0)}) == {}


def test_summary() -> None:
    told = summary("n1", NODE, [make_pod(RUNNING)], [STATS], Rates())
    assert told["node"]["memory"]["availableBytes"] == 500
    container = told["pods"][0]["containers"][0]
    assert (container["name"], container["startTime"]) == ("c", "2026-01-02T03:04:05Z")
    assert container["cpu"] == {"time": "2026-01-02T03:04:05Z", "usageCoreNanoSeconds": 2_500_000_000}


def test_resource_metrics() -> None:
    lines = resource_metrics(NODE, [make_pod(RUNNING)], [STATS]).splitlines()
    where = 'container="c",namespace="default",pod="web"'
    assert f"container_cpu_usage_seconds_total{{{where}}} 2.5 1767323045000" in lines
    assert f"container_memory_working_set_bytes{{{where}}} 4096 1767323045000" in lines
    assert 'pod_memory_working_set_bytes{namespace="default",pod="web"} 4096 1767323045000' in lines


def test_this_machine(tmp_path: Path) -> None:
    usage = read_node_usage(tmp_path, 1.0)
    assert 0 < usage.working_set_bytes <= usage.usage_bytes < usage.memory_bytes
    assert usage.cpu_ns > 0
