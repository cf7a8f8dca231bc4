"""Logs, exec and watches through the API server over real sockets, to a node's server that knows one Pod."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kybern.base.clock import SystemClock
from kybern.kubelet.cri import Runtime
from kybern.kubelet.server.channels import V4, V5
from kybern.kubelet.server.exec import OciExecutor
from kybern.kubelet.server.routes import Routes
from kybern.transport import Server, Tls, TlsFiles
from kybern.transport.exchange import Answer, Handler, Request, Response
from kybern.transport.websocket_client import UpgradeRefused, connect
from tests.cluster.api_server import ADMIN, CORE, Api, api_server, config_map, pod
from tests.unit.kubelet.node_server import LOG, RUNTIME, Known, anyone
from tests.unit.transport.certificates import SERVER, issue

STARTING = "is waiting to start: ContainerCreating"


def routes(directory: Path) -> Routes:
    program = directory / "runtime"
    program.write_text(RUNTIME)
    program.chmod(0o755)
    (directory / "id1.log").write_text(LOG)
    return Routes(
        node_name="n1",
        containers=Known(directory),
        runtime=Runtime(str(directory / "none.sock")),
        executor=OciExecutor(str(program)),
        clock=SystemClock(),
        directory=directory,
        refuse=anyone,
    )


class Cluster:
    """An API server on a port, and Pods on a node whose server is reached over TLS."""

    def __init__(self, api: Api, port: int) -> None:
        self.api = api
        self.port = port

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.port}{CORE}{path}"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    certificate, key = issue("n1", usages=(SERVER,)).write(tmp_path, "n1")
    node = Server(routes(tmp_path).handle, tls=Tls(TlsFiles(certificate, key)), clock=SystemClock())
    await node.start([("127.0.0.1", 0)])
    async with api_server() as api:
        front = Server(as_admin(api))
        await front.start([("127.0.0.1", 0)])
        await register(api, "n1", node.addresses[0][1])
        await register(api, "dead", 1)
        for name, where in (("web", "n1"), ("other", "n1"), ("far", "dead"), ("new", "")):
            spec = {"nodeName": where} if where else {}
            await api.create(f"{CORE}/pods", pod(name, **spec))
        yield Cluster(api, front.addresses[0][1])
        await front.stop(1.0)
    await node.stop(1.0)


def as_admin(api: Api) -> Handler:
    def handle(request: Request) -> Any:
        request.context["user"] = ADMIN
        return api.server(request)

    return handle


async def register(api: Api, name: str, port: int) -> None:
    await api.create("/api/v1/nodes", {"metadata": {"name": name}})
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    assert (await api.patch(f"/api/v1/nodes/{name}/status", {"status": status})).status == 200


async def log(cluster: Cluster, name: str, **query: str) -> tuple[int, str]:
    answer = await cluster.api.raw("GET", f"{CORE}/pods/{name}/log", **query)
    return answer.status, await text_of(answer)


async def text_of(answer: Answer) -> str:
    pieces = getattr(answer, "pieces", None)
    if pieces is None:
        body = answer.body  # type: ignore[union-attr]
        return (body if isinstance(body, bytes) else b"".join(body)).decode()
    return b"".join([piece async for piece in pieces]).decode()


async def refusal(cluster: Cluster, name: str, **query: str) -> tuple[int, str, str]:
    """Code, reason and message."""
    code, text = await log(cluster, name, **query)
    told = json.loads(text)
    return code, told.get("reason", ""), told["message"]


async def test_logs(cluster: Cluster) -> None:
    assert await log(cluster, "web") == (200, "one\ntwo\nthree\n")
    assert await log(cluster, "web", tailLines="1", container="c") == (200, "three\n")
    assert await log(cluster, "web", limitBytes="5") == (200, "one\nt")
    assert await log(cluster, "new") == (204, "")


async def test_logs_that_are_refused(cluster: Cluster) -> None:
    both = "at most one of `sinceTime` or `sinceSeconds` may be specified"
    assert await refusal(cluster, "web", tailLines="-1") == (
        422,
        "Invalid",
        'PodLogOptions "web" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    )
    assert await refusal(cluster, "web", sinceSeconds="5", sinceTime="2020-01-01T00:00:00Z") == (
        422,
        "Invalid",
        f'PodLogOptions "web" is invalid: : Forbidden: {both}',
    )
    assert (await refusal(cluster, "web", tailLines="x"))[:2] == (400, "BadRequest")
    assert await refusal(cluster, "web", container="x") == (400, "BadRequest", "container x is not valid for pod web")
    assert await refusal(cluster, "web", previous="true") == (
        400,
        "BadRequest",
        'previous terminated container "c" in pod "web" not found',
    )
    assert await refusal(cluster, "other") == (
        404,
        "NotFound",
        "the server could not find the requested resource ( pods/log other)",
    )
    code, reason, message = await refusal(cluster, "far")
    assert (code, reason) == (500, "")
    assert message.endswith('/containerLogs/default/far/c": dial tcp 127.0.0.1:1: connect: connection refused')


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("", [b"", b"one\ntwo\nthree\n"]),
        ("binary.k8s.io", [b"", b"one\ntwo\nthree\n"]),
        ("base64.binary.k8s.io", [b"", "b25lCnR3bwp0aHJlZQo="]),
    ],
)
async def test_logs_over_a_websocket(cluster: Cluster, protocol: str, expected: list[bytes | str]) -> None:
    offered = (protocol,) if protocol else ()
    websocket = await connect(cluster.url("/pods/web/log"), subprotocols=offered)
    assert await everything(websocket) == expected


async def everything(websocket: Any) -> list[bytes | str]:
    found = []
    async with asyncio.timeout(60):
        while (message := await websocket.receive()) is not None:
            found.append(message)
    return found


async def test_a_watch_over_a_websocket(cluster: Cluster) -> None:
    websocket = await connect(cluster.url("/configmaps?watch=true"))
    await cluster.api.create(f"{CORE}/configmaps", config_map("a"))
    await cluster.api.create(f"{CORE}/configmaps", config_map("b"))
    async with asyncio.timeout(60):
        events = [json.loads(await websocket.receive()) for _ in range(2)]  # type: ignore[arg-type]
    await websocket.close()
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("ADDED", "a"),
        ("ADDED", "b"),
    ]


EXEC = "/exec?command=echo&command=hi&stdout=true"


async def test_exec(cluster: Cluster) -> None:
    found = await everything(await connect(cluster.url("/pods/web" + EXEC), subprotocols=(V4,)))
    assert found[:2] == [b"\x01", b"\x01hi\n"]
    assert b'"Success"' in found[2]  # type: ignore[operator]


async def test_clients_of_version_5_are_told_on_the_channel_for_errors(cluster: Cluster) -> None:
    for name, words in (
        ("other", "unable to upgrade connection: pod does not exist"),
        (
            "far",
            'error sending request: Post "https://127.0.0.1:1/exec/default/far/c?output=1&command=echo&command=hi": '
            "dial tcp 127.0.0.1:1: connect: connection refused",
        ),
    ):
        found = await everything(await connect(cluster.url(f"/pods/{name}{EXEC}"), subprotocols=(V5,)))
        assert isinstance(found[0], bytes)
        told = json.loads(found[0][1:])
        assert (found[0][:1], told["reason"], told["message"]) == (
            b"\x03",
            "InternalError",
            f"Internal error occurred: {words}",
        )


async def test_others_are_refused_as_the_node_refuses(cluster: Cluster) -> None:
    with pytest.raises(UpgradeRefused) as refused:
        await connect(cluster.url("/pods/other" + EXEC), subprotocols=(V4,))
    assert (refused.value.status, refused.value.body) == (404, b"pod does not exist")
    plain = await cluster.api("GET", f"{CORE}/pods/web/exec", command="x", stdout="1")
    assert (plain.status, plain.message) == (400, "Upgrade request required")
    nowhere = await cluster.api("GET", f"{CORE}/pods/new/exec", command="x", stdout="1")
    assert (nowhere.status, nowhere.message) == (400, "pod new does not have a host assigned")


async def test_pages_behind_the_proxy_lead_back_through_it(cluster: Cluster) -> None:
    def page(request: Request) -> Answer:
        if request.path == "/old":
            return Response(302, b"", "text/plain", headers=(("Location", "/new"),))
        return Response(200, b'<a href="/rewriteme">test</a>', "text/html; charset=utf-8")

    backend = Server(page)
    await backend.start([("127.0.0.1", 0)])
    port = backend.addresses[0][1]
    try:
        own = f"/api/v1/nodes/n1:{port}/proxy"
        answer = await cluster.api.raw("GET", f"{own}/")
        assert await text_of(answer) == f'<a href="{own}/rewriteme">test</a>'
        moved = await cluster.api.raw("GET", f"{own}/old")
        assert (moved.status, dict(moved.headers)["Location"]) == (302, f"{own}/new")
        bare = await cluster.api.raw("GET", own)
        assert (bare.status, dict(bare.headers)["Location"]) == (301, f"{own}/")
    finally:
        await backend.stop(1.0)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method_goes_through_the_proxy(cluster: Cluster, method: str) -> None:
    def echo(request: Request) -> Answer:
        return Response(200, f"{request.method} {request.path} {request.body.decode()}".encode(), "text/plain")

    backend = Server(echo)
    await backend.start([("127.0.0.1", 0)])
    own = f"/api/v1/nodes/n1:{backend.addresses[0][1]}/proxy"
    sent = b"body" if method in ("POST", "PUT", "PATCH") else b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", cluster.port)
        length = f"Content-Length: {len(sent)}\r\n" if sent else ""
        writer.write(f"{method} {own}/a/b HTTP/1.1\r\nHost: x\r\n{length}Connection: close\r\n\r\n".encode() + sent)
        async with asyncio.timeout(60):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 200")
        assert (f"{method} /a/b {sent.decode()}".encode() in body) == (method != "HEAD")
    finally:
        await backend.stop(1.0)
