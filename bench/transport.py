"""The bare transport: what one request costs before anything knows of Kubernetes.

    python bench/transport.py [--seconds 3] [--plain]

A server process answers from memory; client processes on loopback keep it busy. Counted is the CPU time of the server's
process (user and system), so the figures hold on a machine that is shared.
"""

import argparse
import asyncio
import multiprocessing
import os
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from kybern.transport import Server, Tls, TlsFiles
from kybern.transport.exchange import Request, Response, Stream

BODY = os.urandom(1200).hex().encode()
CONNECTIONS = 16
WATCHERS = 1000
EVENTS = 40
ROUNDS = 5


def make_certificate(folder: Path) -> TlsFiles:
    """A server certificate for 127.0.0.1 that signs itself."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = TlsFiles(folder / "crt", folder / "key", folder / "crt")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def serve(files: TlsFiles | None, port: "multiprocessing.Queue[int]") -> None:
    """The server's process."""
    answer = Response(200, BODY)
    wake: list[asyncio.Event] = [asyncio.Event()]
    event = b'{"type":"MODIFIED","object":' + BODY[:1000] + b"}\n"

    async def pieces() -> "asyncio.AsyncIterator[bytes]":  # type: ignore[name-defined]
        for _ in range(EVENTS):
            await wake[0].wait()
            yield event

    def handle(request: Request) -> Response | Stream | Awaitable[Response]:
        if request.method == "POST":
            return create(request)
        if request.path == "/watch":
            return Stream(pieces())
        if request.path == "/emit":
            previous, wake[0] = wake[0], asyncio.Event()
            previous.set()
        return answer

    async def create(request: Request) -> Response:
        return Response(201, request.body)

    async def main() -> None:
        server = Server(handle, tls=Tls(files) if files else None)
        await server.start([("127.0.0.1", 0)])
        port.put(server.addresses[0][1])
        await asyncio.Event().wait()

    uvloop.run(main())


class Client:
    """One keep-alive connection that counts answers by their length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int, tls: ssl.SSLContext | None) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls))

    async def ask(self, request: bytes) -> None:
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        await self.reader.readexactly(length)


def head(method: str, path: str, more: str = "") -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:6443\r\nUser-Agent: kubectl/v1.36.3 (linux/amd64)\r\n"
        f"Accept: application/json\r\nAuthorization: Bearer {'t' * 40}\r\nAccept-Encoding: gzip\r\n{more}\r\n"
    ).encode()


GET = head("GET", "/api/v1/namespaces/default/pods/web-0")
POST = head("POST", "/api/v1/namespaces/default/pods", f"Content-Length: {len(BODY)}\r\n") + BODY


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


async def requests(port: int, tls: ssl.SSLContext | None, pid: int, request: bytes, seconds: float) -> float:
    """Requests per CPU-second."""
    clients = [await Client.connect(port, tls) for _ in range(CONNECTIONS)]
    count = 0
    end = time.monotonic() + seconds
    before = cpu_seconds(pid)

    async def work(client: Client) -> None:
        nonlocal count
        while time.monotonic() < end:
            await client.ask(request)
            count += 1

    await asyncio.gather(*(work(client) for client in clients))
    spent = cpu_seconds(pid) - before
    for client in clients:
        client.writer.close()
    return count / spent


async def watches(port: int, tls: ssl.SSLContext | None, pid: int) -> tuple[float, float]:
    """CPU µs for one event to one watcher, and KiB for one watcher."""
    memory = pss_bytes(pid)
    clients = []
    for _ in range(WATCHERS):
        client = await Client.connect(port, tls)
        client.writer.write(head("GET", "/watch"))
        await client.reader.readuntil(b"\r\n\r\n")
        clients.append(client)
    memory = pss_bytes(pid) - memory
    control = await Client.connect(port, tls)
    before = cpu_seconds(pid)
    for _ in range(EVENTS):
        await control.ask(head("GET", "/emit"))
        for client in clients:
            await client.reader.readuntil(b"}\n\r\n")
    spent = cpu_seconds(pid) - before
    for client in clients:
        client.writer.close()
    return spent / (EVENTS * WATCHERS) * 1e6, memory / WATCHERS / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=1.5, help="for each of the rounds")
    parser.add_argument("--plain", action="store_true", help="without TLS")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = None if args.plain else make_certificate(Path(folder))
        tls = ssl.create_default_context(cafile=files.certificate) if files else None
        spawn = multiprocessing.get_context("spawn")
        where: multiprocessing.Queue[int] = spawn.Queue()
        process = spawn.Process(target=serve, args=(files, where), daemon=True)
        process.start()
        port, pid = where.get(timeout=20), process.pid or 0
        run: Callable[..., float] = lambda request: uvloop.run(requests(port, tls, pid, request, args.seconds))  # noqa: E731
        rounds = [(run(GET), run(POST)) for _ in range(ROUNDS)]
        gets, posts = zip(*rounds, strict=True)
        print(f"GET   {statistics.median(gets):8.0f} per CPU-second ({min(gets):.0f} to {max(gets):.0f})")
        print(
            f"POST  {statistics.median(posts):8.0f} per CPU-second ({min(posts):.0f} to {max(posts):.0f}), with a task"
        )
        cost, memory = uvloop.run(watches(port, tls, pid))
        print(f"watch {cost:8.1f} µs for one event to one of {WATCHERS} watchers; {memory:.1f} KiB a watcher")
        process.terminate()


if __name__ == "__main__":
    main()
