"""What an API server costs: GET, create, LIST, and one event to a thousand watchers, in CPU seconds of its processes.

    python bench/api.py                                     starts `kybern apiserver` (SQLite, TLS, RBAC) and measures it
    python bench/api.py --kubeconfig FILE --pids 1234,1240  any API server; its processes (with the store's) are named

The client certificate of the kubeconfig needs the rights of an administrator. Everything is made in the namespace
`bench-api`, which is deleted at the end. Counted is CPU time (user and system) of the server's processes, so that the
figures hold on a shared machine. With its own server the user is one that RBAC decides about, no superuser.
"""

import argparse
import asyncio
import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

NAMESPACE = "bench-api"
CONNECTIONS = 16
LIST_PODS = 5000
GETS = 10_000
APPLIES = 3000
TICKS = os.sysconf("SC_CLK_TCK")
JSON, APPLY = "application/json", "application/apply-patch+yaml"

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "bench-", "labels": {"app": "bench", "tier": "backend"}},
    "spec": {
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": "api",
                "image": "example.com/api-server:v1.4.2",
                "ports": [{"containerPort": 8080, "name": "http"}],
                "env": [{"name": "MODE", "value": "bench"}],
                "resources": {
                    "requests": {"cpu": "250m", "memory": "256Mi"},
                    "limits": {"cpu": "500m", "memory": "512Mi"},
                },
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
            }
        ],
    },
}


@dataclass
class Target:
    """An API server and who asks it."""

    host: str
    port: int
    tls: ssl.SSLContext
    pids: list[int]
    kubeconfig: Path | None = None
    token: str = ""

    def cpu_seconds(self) -> float:
        return sum(cpu_seconds_of(pid) for pid in self.pids)


def cpu_seconds_of(pid: int) -> float:
    """Of one process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def read_kubeconfig(path: Path, pids: list[int], user: str = "") -> Target:
    """Client certificates, in the file or inlined, or a token."""
    import yaml

    config = yaml.safe_load(path.read_text())
    context = next(c["context"] for c in config["contexts"] if c["name"] == config["current-context"])
    cluster = next(c["cluster"] for c in config["clusters"] if c["name"] == context["cluster"])
    identity = next(u["user"] for u in config["users"] if u["name"] == (user or context["user"]))
    tls = _trust(cluster)
    url = urlsplit(cluster["server"])
    if "token" in identity:
        return Target(url.hostname or "127.0.0.1", url.port or 443, tls, pids, path, identity["token"])
    with tempfile.TemporaryDirectory() as folder:
        for name in ("client-certificate", "client-key"):
            (Path(folder) / name).write_bytes(_data(identity, name))
        tls.load_cert_chain(Path(folder) / "client-certificate", Path(folder) / "client-key")
    return Target(url.hostname or "127.0.0.1", url.port or 443, tls, pids, path)


def _trust(cluster: dict[str, Any]) -> ssl.SSLContext:
    if cluster.get("insecure-skip-tls-verify"):
        return ssl._create_unverified_context()
    tls = ssl.create_default_context(cadata=_data(cluster, "certificate-authority").decode())
    tls.check_hostname = False
    return tls


def _data(holder: dict[str, str], name: str) -> bytes:
    if f"{name}-data" in holder:
        return base64.b64decode(holder[f"{name}-data"])
    return Path(holder[name]).read_bytes()


class Connection:
    """One keep-alive connection; answers are read whole."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self.reader = reader
        self.writer = writer
        self._authorization = f"Authorization: Bearer {token}\r\n" if token else ""

    @classmethod
    async def open(cls, target: Target) -> "Connection":
        limit = 1 << 24
        reader, writer = await asyncio.open_connection(target.host, target.port, ssl=target.tls, limit=limit)
        return cls(reader, writer, target.token)

    async def ask(self, method: str, path: str, body: bytes = b"", media: str = JSON) -> tuple[int, bytes]:
        self.send(method, path, body, media)
        status, length = await self.head()
        if length is not None:
            return status, await self.reader.readexactly(length)
        return status, await self.chunks()

    def send(self, method: str, path: str, body: bytes = b"", media: str = JSON) -> None:
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n{self._authorization}"
        if body:
            head += f"Content-Type: {media}\r\nContent-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)

    async def head(self) -> tuple[int, int | None]:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), None)
        return int(lines[0].split()[1]), length

    async def chunks(self) -> bytes:
        pieces = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            pieces.append((await self.reader.readexactly(size + 2))[:-2])
        await self.reader.readexactly(2)
        return b"".join(pieces)


async def measure(
    target: Target, name: str, count: int, work: Callable[[Connection, int], Awaitable[None]], connections: int
) -> float:
    """`count` times `work`, spread over connections; how many per CPU second."""
    opened = [await Connection.open(target) for _ in range(connections)]
    remaining = iter(range(count))

    async def worker(connection: Connection) -> None:
        for index in remaining:
            await work(connection, index)

    before, begun = target.cpu_seconds(), time.monotonic()
    await asyncio.gather(*(worker(each) for each in opened))
    used, wall = target.cpu_seconds() - before, time.monotonic() - begun
    for each in opened:
        each.writer.close()
    print(f"{name:32} {count / used:9,.0f} /CPU-s   {count / wall:9,.0f} /s   {used / count * 1e6:9,.0f} µs CPU each")
    return count / used


async def run(target: Target, pods: int) -> None:
    """All measurements, one after the other."""
    first = await Connection.open(target)
    base = f"/api/v1/namespaces/{NAMESPACE}"
    await prepare(first)
    body = json.dumps(POD).encode()

    async def create(connection: Connection, index: int) -> None:
        status, answer = await connection.ask("POST", f"{base}/pods", body)
        assert status == 201, answer[:300]

    await measure(target, "create a Pod (durable)", pods, create, 64)
    _status, listing = await first.ask("GET", f"{base}/pods?limit=1")
    pod = json.loads(listing)["items"][0]["metadata"]["name"]

    async def get(connection: Connection, index: int) -> None:
        status, _ = await connection.ask("GET", f"{base}/pods/{pod}")
        assert status == 200

    await measure(target, "GET one Pod", GETS, get, CONNECTIONS)
    first = await Connection.open(target)  # The other may have been idle for longer than a server bears.
    await _apply(target, first, f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")

    async def list_all(connection: Connection, index: int) -> None:
        status, answer = await connection.ask("GET", f"{base}/pods")
        assert status == 200
        assert answer

    await measure(target, f"LIST {pods} Pods", 20, list_all, 2)
    from fan_out import fan_out

    await fan_out(target)
    await first.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


async def _apply(target: Target, first: Connection, path: str) -> None:
    """Server-side apply of what is there already, by its manager: nothing is written."""
    labels = {"app": "bench"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": POD["spec"]["containers"]}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    config = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "applied"}, "spec": spec}
    body, path = json.dumps(config).encode(), f"{path}/applied?fieldManager=bench"
    status, answer = await first.ask("PATCH", path, body, APPLY)
    assert status == 201, answer[:300]

    async def apply(connection: Connection, index: int) -> None:
        status, again = await connection.ask("PATCH", path, body, APPLY)
        assert status == 200
        assert again == answer

    await measure(target, "apply an unchanged Deployment", APPLIES, apply, CONNECTIONS)


async def prepare(connection: Connection) -> None:
    """The namespace, with what Pods need in it."""
    base = f"/api/v1/namespaces/{NAMESPACE}"
    await connection.ask("POST", "/api/v1/namespaces", json.dumps({"metadata": {"name": NAMESPACE}}).encode())
    await connection.ask("POST", f"{base}/serviceaccounts", b'{"metadata":{"name":"default"}}')
    for _ in range(100):
        status, _ = await connection.ask("GET", f"{base}/serviceaccounts/default")
        if status == 200:
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("the namespace has no ServiceAccount default")


@contextmanager
def data_directory() -> Iterator[Path]:
    """A fresh one."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def own_server(folder: Path) -> Iterator[Target]:
    """`kybern apiserver` on a free port, over the store in a directory."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "kybern", "apiserver", "--data-dir", str(folder), "--bind-address", "127.0.0.1"]
    process = subprocess.Popen([*command, "--secure-port", str(port)], start_new_session=True)
    try:
        begun = time.monotonic()
        _wait_ready(port)
        print(f"{'ready after start':32} {time.monotonic() - begun:9.2f} s")
        kubeconfig = folder / "pki" / "admin.kubeconfig"
        target = read_kubeconfig(kubeconfig, [process.pid])
        yield target
        rss = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        pss = next(int(line.split()[1]) for line in rss.splitlines() if line.startswith("Pss:"))
        print(f"{'memory (proportional) at the end':32} {pss / 1024:9.0f} MB")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait_ready(port: int) -> None:
    context = ssl._create_unverified_context()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as raw, context.wrap_socket(raw) as secure:
                secure.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if b" 200 " in secure.recv(100):
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise RuntimeError("the API server is not ready after a minute")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--user", default="", help="of the kubeconfig, if not the context's")
    parser.add_argument("--pids", default="", help="the server's processes, with commas")
    parser.add_argument("--pods", type=int, default=LIST_PODS)
    args = parser.parse_args()
    if args.kubeconfig is not None:
        pids = [int(pid) for pid in args.pids.split(",")]
        uvloop.run(run(read_kubeconfig(args.kubeconfig, pids, args.user), args.pods))
        return
    with data_directory() as folder, own_server(folder) as target:
        uvloop.run(run(target, args.pods))


if __name__ == "__main__":
    main()
