"""A node, Pods and an outsider as network namespaces, for tests that send real packets."""

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
NODE, OUTSIDER = "kbtHnode", "kbtHout"
NODE_ADDRESS, OUTSIDER_ADDRESS = "192.168.77.1", "192.168.77.2"
PODS = {"kbtHp1": "10.244.0.11", "kbtHp2": "10.244.0.12", "kbtHp3": "10.244.0.13"}
EXTERNAL = "203.0.113.7"
SECONDS = 60.0
"""For an answer that has to come."""


def within(namespace: str, function: Callable[[], T]) -> T:
    """Run a function on a thread inside a network namespace; sockets that it makes stay there."""
    result: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with open(f"/run/netns/{namespace}") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            result.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return result[0]


@contextmanager
def world() -> Iterator[None]:
    """Builds it, and takes every trace of it away."""
    names = [NODE, OUTSIDER, *PODS]
    try:
        for name in names:
            run(f"ip netns add {name}")
            run(f"ip -n {name} link set lo up")
        run(f"ip -n {NODE} link add br0 type bridge")
        run(f"ip -n {NODE} link add svc0 type bridge")
        run(f"ip link add kbtHv0 netns {NODE} type veth peer name eth0 netns {OUTSIDER}")
        for step in (
            "addr add 10.244.0.1/24 dev br0",
            f"addr add {NODE_ADDRESS}/24 dev kbtHv0",
            *(f"link set {link} up" for link in ("br0", "svc0", "kbtHv0")),
            f"route add 10.96.0.0/16 dev svc0 src {NODE_ADDRESS}",
            f"route add default via {OUTSIDER_ADDRESS}",
        ):
            run(f"ip -n {NODE} {step}")
        for step in (
            f"addr add {OUTSIDER_ADDRESS}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {NODE_ADDRESS}",
        ):
            run(f"ip -n {OUTSIDER} {step}")
        for number, (name, address) in enumerate(PODS.items()):
            run(f"ip link add v{number} netns {NODE} type veth peer name eth0 netns {name}")
            run(f"ip -n {NODE} link set v{number} master br0 up")
            run(f"ip -n {NODE} link set v{number} type bridge_slave hairpin on")
            run(f"ip -n {name} addr add {address}/24 dev eth0")
            run(f"ip -n {name} link set eth0 up")
            run(f"ip -n {name} route add default via 10.244.0.1")
        for switch in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"):
            run(f"nsenter --net=/run/netns/{NODE} sh -c 'echo 1 > /proc/sys/{switch}'")
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        if os.path.isdir("/run/netns") and not os.listdir("/run/netns"):
            subprocess.run(["umount", "/run/netns"], capture_output=True, check=False)


def run(command: str) -> None:
    """A command of the machine; raises with what it said."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


@contextmanager
def servers(port: int, kind: socket.SocketKind, namespaces: tuple[str, ...] = tuple(PODS)) -> Iterator[None]:
    """In each Pod a server that answers with its namespace and the client's address."""
    with ExitStack() as stack:
        for name in namespaces:
            stack.enter_context(_server(name, port, kind))
        yield


@contextmanager
def _server(name: str, port: int, kind: socket.SocketKind) -> Iterator[None]:
    def listen() -> socket.socket:
        made = socket.socket(socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            made.listen(64)
        return made

    listener = within(name, listen)
    listener.settimeout(0.1)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                if kind == socket.SOCK_STREAM:
                    client, address = listener.accept()
                    with client:
                        client.sendall(f"{name} {address[0]}".encode())
                else:
                    _, address = listener.recvfrom(100)
                    listener.sendto(f"{name} {address[0]}".encode(), address)
            except TimeoutError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        listener.close()


def ask(namespace: str, address: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> tuple[str, str]:
    """Connect from a namespace: who answered, and as whom it saw us. Raises OSError."""

    def go() -> tuple[str, str]:
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(SECONDS)
            client.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                client.send(b"?")
            name, source = client.recv(100).decode().split()
            return name, source

    return within(namespace, go)
