"""Connections to a Pod's own loopback, from outside of its network namespace."""

import asyncio
import ctypes
import errno
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

import orjson

_CLONE_NEWNET: Final = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

CONNECT_SECONDS: Final = 10.0

LOOPBACKS: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
"""In the order in which they are tried."""


class NotConnected(Exception):
    """Nobody listens; the text is what a person is told."""


async def connect_to_pod(namespace: str, port: int) -> socket.socket:
    """A connected, non-blocking socket to a port of the namespace's loopback; "" is the namespace that the kubelet
    lives in. Raises NotConnected."""
    failures = []
    for family, address in LOOPBACKS:
        kind = "4" if family == socket.AF_INET else "6"
        try:
            return await _connect(namespace, family, address, port)
        except TimeoutError:
            reason = "i/o timeout"
        except OSError as error:
            # asyncio words the error itself; the number has upstream's words.
            reason = f"connect: {os.strerror(error.errno or errno.EIO).lower()}"
        where = f"[{address}]" if kind == "6" else address
        colon = ":" if kind == "4" else ""  # The second one has none in containerd's message.
        failures.append(f"IPv{kind}{colon} dial tcp{kind} {where}:{port}: {reason}")
    inside = f' inside namespace "{os.path.basename(namespace)}"' if namespace else ""
    raise NotConnected(f"failed to connect to localhost:{port}{inside}, {' '.join(failures)}")


async def _connect(namespace: str, family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # A socket belongs for ever to the namespace in which it was made: connecting can happen anywhere.
    opened = await _in_thread(lambda: _open_socket(namespace, family))
    opened.setblocking(False)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(opened, (address, port))
    except BaseException:
        opened.close()
        raise
    return opened


def _open_socket(namespace: str, family: socket.AddressFamily) -> socket.socket:
    """Runs in a thread that ends afterwards, and never goes back to the namespace that it came from."""
    if namespace:
        descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code), namespace)
        finally:
            os.close(descriptor)
    return socket.socket(family, socket.SOCK_STREAM)


async def _in_thread(work: Callable[[], socket.socket]) -> socket.socket:
    """In a thread of its own: one of a pool would carry the namespace to its next task."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[socket.socket] = loop.create_future()

    def settle(result: socket.socket | None, error: OSError | None) -> None:
        if done.cancelled():
            if result is not None:
                result.close()
        elif result is not None:
            done.set_result(result)
        else:
            done.set_exception(error or OSError(errno.EIO, os.strerror(errno.EIO)))

    def run() -> None:
        try:
            result, failure = work(), None
        except OSError as error:
            result, failure = None, error
        loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="network namespace", daemon=True).start()
    return await done


def namespace_of(info: str) -> str:
    """The path of a sandbox's network namespace in what the runtime tells of it (`info` of a verbose
    PodSandboxStatus: JSON with the OCI `runtimeSpec`); "" where the sandbox has the node's own."""
    try:
        told: Any = orjson.loads(info)
        spaces: Any = told["runtimeSpec"]["linux"]["namespaces"]
        network: Any = next((space for space in spaces if space["type"] == "network"), None)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    if network is None:
        return ""
    return str(network.get("path") or (f"/proc/{told['pid']}/ns/net" if told.get("pid") else ""))
