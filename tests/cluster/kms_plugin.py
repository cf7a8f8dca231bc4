"""A KMS v2 plugin for tests: a program of its own behind a Unix socket, whose mood is in a file that tests write.

`python kms_plugin.py SOCKET MOOD`; MOOD holds JSON: `key` (id of the key that seals), `healthz`, `version`, `lost`
(ids of keys that open nothing any more). Each call is a line of `MOOD.calls`.
"""

import asyncio
import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kybern.api.protobuf.declared import declare_messages

MESSAGES = declare_messages(
    """
StatusRequest:
StatusResponse: version=1/string healthz=2/string key_id=3/string
DecryptRequest: ciphertext=1/bytes uid=2/string key_id=3/string annotations=4/bytesmap
DecryptResponse: plaintext=1/bytes
EncryptRequest: plaintext=1/bytes uid=2/string
EncryptResponse: ciphertext=1/bytes key_id=2/string annotations=3/bytesmap
""",
    "v2",
)
ANNOTATION = "turn.kms.example.com"
HEALTHY = {"key": "one", "healthz": "ok", "version": "v2", "lost": []}


def _pad(key: str, data: bytes) -> bytes:
    """Stands for a cipher: what a key does to bytes, and undoes."""
    stream = hashlib.shake_256(key.encode()).digest(len(data))
    return bytes(a ^ b for a, b in zip(data, stream, strict=True))


class Kms:
    """What the plugin answers."""

    def __init__(self, mood: Path) -> None:
        self._path = mood

    def _mood(self, call: str) -> dict[str, Any]:
        with self._path.with_suffix(".calls").open("a") as calls:
            calls.write(call + "\n")
        mood: dict[str, Any] = json.loads(self._path.read_text())
        return mood

    def status(self, request: Any, context: Any) -> Any:
        mood = self._mood("Status")
        return MESSAGES["StatusResponse"](version=mood["version"], healthz=mood["healthz"], key_id=mood["key"])

    def encrypt(self, request: Any, context: Any) -> Any:
        key = self._mood("Encrypt")["key"]
        sealed = base64.b64encode(_pad(key, request.plaintext))
        return MESSAGES["EncryptResponse"](ciphertext=sealed, key_id=key, annotations={ANNOTATION: b"1"})

    def decrypt(self, request: Any, context: Any) -> Any:
        import grpc

        mood = self._mood("Decrypt")
        if request.key_id in mood["lost"] or not request.annotations:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no key {request.key_id}")
        return MESSAGES["DecryptResponse"](plaintext=_pad(request.key_id, base64.b64decode(request.ciphertext)))


def serve(socket: str, mood: Path) -> None:
    """Until killed."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    kms = Kms(mood)
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            method,
            request_deserializer=MESSAGES[f"{name}Request"].FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        for name, method in (("Status", kms.status), ("Encrypt", kms.encrypt), ("Decrypt", kms.decrypt))
    }
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v2.KeyManagementService", handlers),))
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


class KmsPlugin:
    """The plugin as a test sees it."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "kms.sock"
        self._mood = folder / "kms.json"
        self._process: asyncio.subprocess.Process | None = None
        self.set()

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"

    @property
    def calls(self) -> list[str]:
        """Names of the calls so far."""
        path = self._mood.with_suffix(".calls")
        return path.read_text().split() if path.exists() else []

    def set(self, **mood: Any) -> None:
        self._mood.write_text(json.dumps(HEALTHY | mood))

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, str(self.socket), str(self._mood), stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            assert await self._process.stdout.readline() == b"ready\n"

    async def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)


@asynccontextmanager
async def kms_plugin(folder: Path) -> AsyncIterator[KmsPlugin]:
    plugin = KmsPlugin(folder)
    await plugin.start()
    try:
        yield plugin
    finally:
        await plugin.stop()


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
