"""What CustomResourceDefinitions cost: 500 of them with schemas of real size, installed, and at the next start.

Starts `kybern apiserver` in a folder of its own and measures it from outside: time until all are established, memory
(PSS), the time from the process's start to readiness with all of them stored, and the documents that clients ask for.
"""

import argparse
import json
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from target import cpu_seconds_of, proportional_megabytes

PORT = 17543
BASE = f"https://127.0.0.1:{PORT}"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def schema(size: int) -> dict[str, Any]:
    """About `size` fields, nested as an operator's are."""
    leaf = {
        "type": "object",
        "description": "A part of what is wanted, with a sentence or two about what it means for those who read it.",
        "properties": {
            **{
                f"field{n}": {"type": "string", "description": "What it is good for, told at some length."}
                for n in range(8)
            },
            "size": {"type": "integer", "minimum": 0, "default": 1},
        },
    }
    parts = {f"part{n}": leaf for n in range(max(1, size // 10))}
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": parts}, "status": leaf}}


def definition(number: int, fields: int) -> dict[str, Any]:
    names = {"kind": f"Thing{number}", "plural": f"things{number}"}
    group = f"group{number % 50}.example.com"
    version = {
        "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema(fields)},
    }  # fmt: skip
    spec = {"group": group, "names": names, "scope": "Namespaced", "versions": [version]}
    metadata = {"name": f"{names['plural']}.{group}"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }


class Server:
    """One process under measurement."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._context = ssl._create_unverified_context()

    def start(self) -> float:
        """Seconds until it is ready."""
        begun = time.monotonic()
        command = [sys.executable, "-m", "kybern", "apiserver", "--data-dir", self.folder / "data"]
        command += ["--bind-address", "127.0.0.1", "--secure-port", str(PORT)]
        command += ["--tls-cert-file", self.folder / "c.pem", "--tls-private-key-file", self.folder / "k.pem"]
        command += ["--token-auth-file", self.folder / "tokens.csv"]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        while True:
            try:
                self.call("GET", "/readyz")
                return time.monotonic() - begun
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("the server does not start")
                time.sleep(0.01)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait()

    def call(self, method: str, path: str, body: Any = None, accept: str = "application/json") -> bytes:
        headers = {"Authorization": "Bearer tok", "Content-Type": "application/json", "Accept": accept}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(BASE + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=self._context, timeout=120) as answer:
            found: bytes = answer.read()
            return found

    @property
    def cpu_seconds(self) -> float:
        assert self.process is not None
        return cpu_seconds_of(self.process.pid)

    @property
    def memory_mib(self) -> float:
        assert self.process is not None
        return proportional_megabytes(self.process.pid)


def prepare(folder: Path) -> None:
    (folder / "tokens.csv").write_text('tok,admin,admin,"system:masters"\n')
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    names = ["-keyout", str(folder / "k.pem"), "-out", str(folder / "c.pem")]
    subprocess.run([*command.split(), *names], check=True, stderr=subprocess.DEVNULL)


def measured(server: Server, what: str, act: Callable[[], object]) -> None:
    """Print wall and CPU time of something."""
    begun, cpu = time.monotonic(), server.cpu_seconds
    act()
    print(f"{what}: {time.monotonic() - begun:.2f} s, {server.cpu_seconds - cpu:.2f} s of CPU")


def until_established(server: Server, count: int) -> None:
    while True:
        items = json.loads(server.call("GET", DEFINITIONS))["items"]
        done = sum(
            any(
                each["type"] == "Established" and each["status"] == "True"
                for each in item["status"]["conditions"] or ()
            )
            for item in items
        )
        if done >= count:
            return
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--fields", type=int, default=150)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        server = Server(folder)
        bodies = [definition(number, options.fields) for number in range(options.count)]
        print(f"{options.count} definitions of {len(json.dumps(bodies[0])) // 1024} KiB")
        print(f"start, none stored: {server.start():.2f} s, {server.memory_mib:.0f} MiB")
        measured(server, "creating them", lambda: [server.call("POST", DEFINITIONS, body) for body in bodies])
        measured(server, "until all are established", lambda: until_established(server, options.count))
        print(f"memory with all: {server.memory_mib:.0f} MiB")
        server.stop()
        print(f"start, all stored: {server.start():.2f} s, {server.memory_mib:.0f} MiB")
        discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        measured(server, "aggregated discovery, first", lambda: server.call("GET", "/apis", accept=discovery))
        measured(server, "openapi/v3 index, first", lambda: server.call("GET", "/openapi/v3"))
        measured(
            server, "one openapi/v3 document", lambda: server.call("GET", "/openapi/v3/apis/group1.example.com/v1")
        )
        measured(server, "openapi/v2, first", lambda: server.call("GET", "/openapi/v2"))
        print(f"memory after the documents: {server.memory_mib:.0f} MiB")
        server.stop()


if __name__ == "__main__":
    main()
