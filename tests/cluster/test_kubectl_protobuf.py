"""What kubectl's create commands send in protobuf is stored as the same object sent in JSON would be."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.cluster.server_over_tls import serving
from tests.tools import kubectl

TIMEOUT_SECONDS = 60
COMMANDS = (
    "configmap c --from-literal=a=b",
    "secret generic s --from-literal=a=b",
    "service clusterip web --tcp=80:8080",
    "serviceaccount sa",
    "deployment web --image=nginx --replicas=2 --port=80",
    "job j --image=busybox -- true",
    "cronjob cj --image=busybox --schedule=*/5_*_*_*_*",
    "quota q --hard=cpu=1,memory=1Gi",
    "role r --verb=get --resource=pods",
    "ingress i --rule=a.example/=web:80",
    "poddisruptionbudget p --selector=a=b --min-available=1",
)
OWN_METADATA = ("resourceVersion", "creationTimestamp", "namespace", "managedFields")


class Kubectl:
    def __init__(self, kubeconfig: Path, home: Path, version: str) -> None:
        self._before = [str(kubectl(version)), "--kubeconfig", str(kubeconfig)]
        self._home = home

    async def __call__(self, *arguments: str, body: bytes = b"") -> bytes:
        """What it prints. It must succeed."""
        code, out, error = await self.run(*arguments, body=body)
        assert code == 0, (arguments, error)
        return out

    async def run(self, *arguments: str, body: bytes = b"") -> tuple[int | None, bytes, bytes]:
        """(code, what it prints, its complaints)."""
        pipe = subprocess.PIPE
        program = await asyncio.create_subprocess_exec(
            *self._before,
            *arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={"HOME": str(self._home), "PATH": os.defpath},
        )
        async with asyncio.timeout(TIMEOUT_SECONDS):
            out, error = await program.communicate(body)
        return program.returncode, out, error


@asynccontextmanager
async def served(directory: Path, version: str = "1.36") -> AsyncIterator[Kubectl]:
    """A server over TLS on a free port, and a kubectl that knows it."""
    async with serving(directory) as kubeconfig:
        yield Kubectl(kubeconfig, directory, version)


def comparable(text: bytes) -> Any:
    """An object without what is its own alone; a Job's labels hold its uid."""
    uid = json.loads(text)["metadata"]["uid"]
    obj = json.loads(text.decode().replace(uid, "uid"))
    for name in OWN_METADATA:
        obj["metadata"].pop(name, None)
    for name in ("clusterIP", "clusterIPs"):
        obj.get("spec", {}).pop(name, None)
    return obj


async def created(run_kubectl: Kubectl, command: str) -> None:
    arguments = [word.replace("_", " ") for word in command.split()]
    kind, name = arguments[0], arguments[2] if arguments[1] in ("generic", "clusterip") else arguments[1]
    planned = await run_kubectl("create", *arguments_with(arguments, "--dry-run=client", "-o", "json"))
    await run_kubectl("create", *arguments_with(arguments, "-n", "protobuf"))
    await run_kubectl("create", "-n", "json", "-f", "-", body=planned)
    one, other = [await run_kubectl("get", kind, name, "-n", each, "-o", "json") for each in ("protobuf", "json")]
    assert comparable(one) == comparable(other)


def arguments_with(arguments: list[str], *more: str) -> list[str]:
    """Flags stand before the command of a container."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:end], *more, *arguments[end:]]


async def test_protobuf_is_stored_as_json_is(tmp_path: Path) -> None:
    async with served(tmp_path) as run_kubectl:
        for namespace in ("protobuf", "json"):
            await run_kubectl("create", "namespace", namespace)
        for command in COMMANDS:
            await created(run_kubectl, command)


async def test_a_list_is_applied_with_its_items_validated(tmp_path: Path) -> None:
    """kubectl looks a List up in the OpenAPI v2 document, which it reads in protobuf only."""
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"k": "v"}}
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": [item]}).encode()
    async with served(tmp_path) as run_kubectl:
        assert await run_kubectl("apply", "-f", "-", body=body) == b"configmap/x created\n"
        assert b"k: v" in await run_kubectl("get", "configmap", "x", "-o", "yaml")
