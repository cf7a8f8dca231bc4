"""A webhook over HTTPS in this process: it remembers what it was asked and answers what a test wants."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kybern.apiserver.status import refuse
from kybern.base.clock import SystemClock
from kybern.transport import Server, Tls, TlsFiles
from kybern.transport.exchange import Request, Response

SERVICE = "hook.default.svc"
Reply = Callable[[dict[str, Any]], dict[str, Any] | bytes | Awaitable[dict[str, Any]]]
"""The request of a review -> its response (or the whole body)."""


class WebhookServer:
    """Answers every path alike."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.code = 200
        self.port = 0
        self.bundle = ""

    def __call__(self, request: Request) -> Awaitable[Response]:
        return self._answer(request)

    async def _answer(self, request: Request) -> Response:
        review = orjson.loads(request.body)
        self.requests.append(review["request"])
        self.paths.append(f"{request.path}?{request.raw_query}")
        answer: Any = self.reply(review["request"])
        if isinstance(answer, Awaitable):
            answer = await answer
        if isinstance(answer, bytes):
            return Response(self.code, answer)
        response = {"uid": review["request"]["uid"], **answer}
        body = {"kind": "AdmissionReview", "apiVersion": review["apiVersion"], "response": response}
        return Response(self.code, orjson.dumps(body))

    @property
    def by_url(self) -> dict[str, Any]:
        """A clientConfig."""
        return {"url": f"https://127.0.0.1:{self.port}/hook", "caBundle": self.bundle}


@asynccontextmanager
async def webhook_server(reply: Reply, folder: Path) -> AsyncIterator[WebhookServer]:
    hook = WebhookServer(reply)
    files = _certificate(folder)
    hook.bundle = b64encode(files.certificate.read_bytes()).decode()
    server = Server(hook, tls=Tls(files), clock=SystemClock(), refuse=refuse)
    await server.start([("127.0.0.1", 0)])
    hook.port = server.addresses[0][1]
    try:
        yield hook
    finally:
        await server.stop()


def _certificate(folder: Path) -> TlsFiles:
    """Self-signed, for the loopback address and the name of a Service."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVICE)])
    now = datetime.now(UTC)
    names = [x509.DNSName(SERVICE), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, key_path = folder / "hook.crt", folder / "hook.key"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return TlsFiles(path, key_path, None)


def patching(*operations: dict[str, Any]) -> dict[str, Any]:
    """A response that allows and changes."""
    return {"allowed": True, "patchType": "JSONPatch", "patch": b64encode(orjson.dumps(list(operations))).decode()}
