"""Lifecycle hooks: what runs after a container's start and before its end. Also the HTTP and TCP that probes use."""

import asyncio
import json
import os
import ssl
from collections.abc import Mapping, Sequence

from kybern.api.types.core_v1 import Container, HTTPGetAction, LifecycleHandler, Pod
from kybern.base.errors import KybernError
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.labels import format_pod

HOOK_TIMEOUT_SECONDS = 30.0
HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 10 * 1024
"""Bytes of an answer that are read (upstream's maxRespBodyLength)."""


class HookFailed(KybernError):
    """The hook said no, or could not be run."""


class ConnectFailed(KybernError):
    """No HTTP answer, or no connection; the text is for a person."""


async def run_hook(
    runtime: Runtime, handler: LifecycleHandler, pod: Pod, container: Container, id: str, pod_ip: str
) -> None:
    """Run one handler to its end. Raises HookFailed."""
    where = f'for Container "{container.name}" in Pod "{format_pod(pod)}" failed - error: '
    if handler.sleep is not None:
        await asyncio.sleep(handler.sleep.seconds)
    elif handler.exec is not None:
        await _run_exec(runtime, handler.exec.command, id, where)
    elif handler.http_get is not None:
        name = f"HTTP lifecycle hook ({handler.http_get.path}) {where}"
        status, _ = await _request(handler.http_get, container, pod_ip, name)
        if not 200 <= status < 400:
            raise HookFailed(f"{name}HTTP probe failed with statuscode: {status}")
    elif handler.tcp_socket is not None:
        try:
            await connect(handler.tcp_socket.host or pod_ip, port_of(handler.tcp_socket.port, container), 1.0)
        except ConnectFailed as error:
            raise HookFailed(str(error)) from error


async def _run_exec(runtime: Runtime, command: Sequence[str], id: str, where: str) -> None:
    name = f"Exec lifecycle hook ([{' '.join(command)}]) {where}"
    try:
        result = await runtime.exec_sync(id, command)
    except RuntimeFailed as error:
        raise HookFailed(f'{name}{error.rpc_text}, message: ""') from error
    if result.exit_code:
        stderr, output = (each.decode(errors="replace") for each in (result.stderr, result.stdout + result.stderr))
        words = f"command '{' '.join(command)}' exited with {result.exit_code}: {stderr}"
        raise HookFailed(f"{name}{words}, message: {json.dumps(output, ensure_ascii=False)}")


async def _request(action: HTTPGetAction, container: Container, pod_ip: str, name: str) -> tuple[int, bytes]:
    try:
        return await http_get(action, container, pod_ip, HOOK_TIMEOUT_SECONDS)
    except ConnectFailed as error:
        raise HookFailed(f"{name}{error}") from error


def port_of(port: int | str, container: Container) -> int:
    """A number, or a named port of the container. Raises ConnectFailed for a name that it has not."""
    if isinstance(port, int):
        return port
    if port.isdecimal():
        return int(port)
    for each in container.ports:
        if each.name == port:
            return each.container_port
    raise ConnectFailed(f"couldn't find port: {port} in container {container.name}")


async def connect(host: str, port: int, timeout_seconds: float) -> None:
    """Open a TCP connection and close it. Raises ConnectFailed."""
    try:
        async with asyncio.timeout(timeout_seconds):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError as error:
        raise ConnectFailed(f"dial tcp {host}:{port}: i/o timeout") from error
    except OSError as error:
        raise ConnectFailed(f"dial tcp {host}:{port}: connect: {_reason(error)}") from error
    writer.close()


async def http_get(
    action: HTTPGetAction, container: Container, pod_ip: str, timeout_seconds: float
) -> tuple[int, bytes]:
    """Status and the beginning of the body; no check of certificates, no redirects. Raises ConnectFailed."""
    host, port = action.host or pod_ip, port_of(action.port, container)
    scheme = (action.scheme or "HTTP").lower()
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    url = f"{scheme}://{host}:{port}{path}"
    context = None
    if scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
    headers |= {header.name: header.value for header in action.http_headers}
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=HEAD_LIMIT)
            try:
                return await _exchange(reader, writer, path, headers)
            finally:
                writer.close()
    except TimeoutError as error:
        text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        raise ConnectFailed(f'Get "{url}": {text}') from error
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ConnectFailed(f'Get "{url}": dial tcp {host}:{port}: connect: {_reason(error)}') from error


def _reason(error: Exception) -> str:
    """In the kernel's words, without asyncio's."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else str(error).lower()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1][:3])
    return status, await reader.read(BODY_LIMIT)
