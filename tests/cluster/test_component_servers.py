"""The controllers' and the scheduler's own servers, as processes: health for all, the rest for whom the cluster lets."""

import asyncio
import json
import os
import socket
import ssl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.free_ports import free_ports

from .server_over_tls import serving

WAIT_SECONDS = 120
PROGRAMS = {
    "controller-manager": ("kube-controller-manager", "kubecontrollermanager.config.k8s.io", "job-controller"),
    "scheduler": ("kube-scheduler", "componentconfig", "leaderElection"),
}
"""Upstream's name, the key of its configuration, and one of its health checks."""


class Asked:
    """A component's server, asked as an administrator or as nobody."""

    def __init__(self, port: int, pki: Path) -> None:
        self._port = port
        self._pki = pki

    async def get(self, path: str, *, as_admin: bool = False, token: str = "") -> tuple[int, str]:
        """(status, body). Raises OSError while nobody listens."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if as_admin:
            context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=context)
        shown = f"Authorization: Bearer {token}\r\n" if token else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n{shown}Connection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split(" ", 2)[1]), body

    async def until(self, path: str, needle: str, *, as_admin: bool = False) -> str:
        """Ask until the answer holds something; the answer."""
        while True:
            try:
                _, body = await self.get(path, as_admin=as_admin)
            except OSError:
                body = ""
            if needle in body:
                return body
            await asyncio.sleep(0.1)


@asynccontextmanager
async def program(name: str, kubeconfig: Path, port: int, *flags: str) -> AsyncIterator[Process]:
    same = str(kubeconfig)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kybern", name, "--kubeconfig", same),
        *("--bind-address", "127.0.0.1", "--secure-port", str(port)),
        *("--authentication-kubeconfig", same, "--authorization-kubeconfig", same),
        *flags,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_component_tells_how_it_is(name: str, tmp_path: Path) -> None:
    upstream, configuration, check = PROGRAMS[name]
    (port,) = free_ports(1)
    async with asyncio.timeout(WAIT_SECONDS), serving(tmp_path) as kubeconfig, program(name, kubeconfig, port):
        asked = Asked(port, tmp_path / "pki")
        verbose = await asked.until("/healthz?verbose", f"[+]{check} ok")
        assert verbose.endswith("healthz check passed\n")
        assert await asked.get("/healthz") == (200, "ok")
        if name == "scheduler":
            assert "[+]sched-handler-sync ok\nreadyz check passed" in await asked.until("/readyz?verbose", "passed")
            assert await asked.get("/livez?verbose") == (200, "[+]ping ok\nlivez check passed\n")
        else:
            assert (await asked.get("/livez", as_admin=True))[0] == 404, "as upstream's"
        code, body = await asked.get("/metrics")
        assert (code, json.loads(body)["message"]) == (
            403,
            'forbidden: User "system:anonymous" cannot get path "/metrics"',
        )
        assert (await asked.get("/healthz", token="nonsense"))[0] == 401
        metrics = await asked.until("/metrics", f'leader_election_master_status{{name="{upstream}"}} 1', as_admin=True)
        for needle in ("process_resident_memory_bytes ", 'rest_client_requests_total{code="201",', "kubernetes_build_"):
            assert needle in metrics
        told: dict[str, Any] = json.loads((await asked.get("/configz", as_admin=True))[1])
        assert list(told) == [configuration]
        assert await asked.get("/nosuch", as_admin=True) == (404, "404 page not found\n")


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_port_that_is_taken_ends_it(name: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with (
            asyncio.timeout(WAIT_SECONDS),
            serving(tmp_path) as kubeconfig,
            program(name, kubeconfig, port) as process,
        ):
            _, words = await process.communicate()
    where = f"127.0.0.1:{port}"
    assert words.decode().splitlines()[-1] == (
        f"kybern {name}: error: failed to create listener: failed to listen on {where}: listen tcp {where}: bind: "
        "address already in use"
    )
    assert process.returncode == 1


async def test_a_controller_that_is_not_built_is_told_and_keeps_nobody_from_working(tmp_path: Path) -> None:
    names = "--controllers=attachdetach,serviceaccount"
    (port,) = free_ports(1)
    async with (
        asyncio.timeout(WAIT_SECONDS),
        serving(tmp_path) as kubeconfig,
        program("controller-manager", kubeconfig, port, names, "--leader-elect=false") as process,
    ):
        asked = Asked(port, tmp_path / "pki")
        verbose = await asked.until("/healthz?verbose", "controller ok")
        assert verbose == "[+]serviceaccount-controller ok\nhealthz check passed\n"
        process.terminate()
        _, words = await process.communicate()
    assert b"persistentvolume-attach-detach-controller is not built: nobody does its work" in words
    assert process.returncode == os.EX_OK
