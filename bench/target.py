"""An API server that is measured, and how it is asked: Kybern's own, started for it, or any other by its kubeconfig.

The client certificate of the kubeconfig needs the rights of an administrator. With its own server the user is one that
RBAC decides about, no superuser. Everything is made in the namespace `bench-api`.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

NAMESPACE = "bench-api"
CONNECTIONS = 16
TICKS = os.sysconf("SC_CLK_TCK")
JSON = "application/json"

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


def proportional_megabytes(pid: int) -> float:
    """PSS of a process: what it shares counts in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


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


def flags(description: str | None) -> argparse.ArgumentParser:
    """A parser with the flags that name the server."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, help="of another API server (default: one is started)")
    parser.add_argument("--user", default="", help="of the kubeconfig, if not the context's")
    parser.add_argument(
        "--pids", default="", help="that server's processes, its store's with them, with commas between"
    )
    return parser


@contextmanager
def chosen(args: argparse.Namespace, *flags: str) -> Iterator[Target]:
    """The server that the flags name, or one of its own over an empty store, with more flags."""
    if args.kubeconfig is not None:
        yield named(args)
        return
    with data_directory() as folder, own_server(folder, *flags) as target:
        yield target


def named(args: argparse.Namespace) -> Target:
    """The server of the kubeconfig."""
    return read_kubeconfig(args.kubeconfig, [int(pid) for pid in args.pids.split(",") if pid], args.user)


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
def own_server(folder: Path, *flags: str) -> Iterator[Target]:
    """`kybern apiserver` on a free port, over the store in a directory."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "kybern", "apiserver", "--data-dir", str(folder), "--bind-address", "127.0.0.1"]
    process = subprocess.Popen([*command, "--secure-port", str(port), *flags], start_new_session=True)
    try:
        begun = time.monotonic()
        _wait_ready(port)
        print(f"{'ready after start':32} {time.monotonic() - begun:9.2f} s")
        kubeconfig = folder / "pki" / "admin.kubeconfig"
        target = read_kubeconfig(kubeconfig, [process.pid])
        yield target
        print(f"{'memory (proportional) at the end':32} {proportional_megabytes(process.pid):9.0f} MB")
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
