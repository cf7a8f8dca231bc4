"""Datagram flows that the kernel still sends to endpoints that are gone, or past endpoints that have come.

TCP ends by itself when an endpoint dies; a UDP client that keeps its port would be sent to a dead address for as long
as it sends. So such flows are deleted from the kernel's table of connections, and the next packet is looked at anew.
Speaks ctnetlink over a socket of its own (linux/netfilter/nfnetlink_conntrack.h); belongs to the network namespace of
the thread that opens it. A reader of one message knows nothing of the next.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from kybern.proxy.endpoints import Address

NETLINK_NETFILTER = 12
CONNTRACK = 1 << 8
GET, DELETE = CONNTRACK | 1, CONNTRACK | 2
REQUEST, ACKNOWLEDGE, DUMP = 0x1, 0x4, 0x300
ERROR, DONE = 2, 3
TUPLE_ORIGINAL, TUPLE_REPLY, ID, ZONE = 1, 2, 12, 18
TUPLE_IP, TUPLE_PROTOCOL = 1, 2
IP_SOURCE, IP_DESTINATION = 1, 2
PROTOCOL_NUMBER, SOURCE_PORT, DESTINATION_PORT = 1, 2, 3
TYPE_MASK = 0x3FFF
"""Without the bits that say how an attribute is encoded."""
RECEIVE_BYTES = 1 << 16
RECEIVE_SECONDS = 5.0
HEADER = struct.Struct("=IHHII")
FAMILY = struct.pack("=BBH", socket.AF_INET, 0, 0)
ATTRIBUTE = struct.Struct("=HH")
ERRNO = struct.Struct("=i")


@dataclass(frozen=True)
class Flow:
    """One datagram flow that the kernel remembers."""

    to: Address
    """Where its client sends."""
    answered_by: Address
    """Who answers, and so where the kernel sends."""
    key: bytes
    """What names it to the kernel."""


def stale(serving: Mapping[Address, frozenset[Address]]) -> Callable[[Flow], bool]:
    """Which flows to a frontend (of any address where it has none) are answered by none of those who serve there."""

    def is_stale(flow: Flow) -> bool:
        return any(
            frontend in serving and flow.answered_by not in serving[frontend]
            for frontend in (flow.to, ("", flow.to[1]))
        )

    return is_stale


def clean_flows(is_stale: Callable[[Flow], bool]) -> int:
    """Delete the UDP flows that are stale; how many. Raises OSError where the kernel has no such table, or no right."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
        kernel.settimeout(RECEIVE_SECONDS)
        stale = [flow for flow in _flows(kernel) if is_stale(flow)]
        for flow in stale:
            _request(kernel, DELETE, REQUEST | ACKNOWLEDGE, flow.key)
            with contextlib.suppress(FileNotFoundError):  # It ended by itself meanwhile.
                for _ in _answers(kernel):
                    pass
    return len(stale)


def _flows(kernel: socket.socket) -> list[Flow]:
    _request(kernel, GET, REQUEST | DUMP, b"")
    return [flow for message in _answers(kernel) if (flow := parse_flow(message)) is not None]


def _request(kernel: socket.socket, type: int, flags: int, attributes: bytes) -> None:
    body = FAMILY + attributes
    kernel.send(HEADER.pack(HEADER.size + len(body), type, flags, 0, 0) + body)


def _answers(kernel: socket.socket) -> Iterator[bytes]:
    """The bodies of all messages up to the end of the answer. Raises the kernel's OSError."""
    while True:
        data = kernel.recv(RECEIVE_BYTES)
        at = 0
        while at + HEADER.size <= len(data):
            length, type, *_ = HEADER.unpack_from(data, at)
            if type == DONE:
                return
            if type == ERROR:
                number = -ERRNO.unpack_from(data, at + HEADER.size)[0]
                if number:
                    raise OSError(number, os.strerror(number))
                return
            yield data[at + HEADER.size : at + length]
            at += (length + 3) & ~3


def parse_flow(message: bytes) -> Flow | None:
    """One entry of the table; None for one that is no UDP over IPv4."""
    found = dict(_attributes(message[len(FAMILY) :]))
    original, reply = _tuple(found.get(TUPLE_ORIGINAL, b"")), _tuple(found.get(TUPLE_REPLY, b""))
    if original is None or reply is None:
        return None
    key = b"".join(_attribute(type, found[type]) for type in (TUPLE_ORIGINAL, ID, ZONE) if type in found)
    return Flow(original[1], reply[0], key)


def _tuple(data: bytes) -> tuple[Address, Address] | None:
    """Source and destination."""
    parts = dict(_attributes(data))
    addresses, ports = dict(_attributes(parts.get(TUPLE_IP, b""))), dict(_attributes(parts.get(TUPLE_PROTOCOL, b"")))
    if ports.get(PROTOCOL_NUMBER) != bytes([socket.IPPROTO_UDP]) or IP_SOURCE not in addresses:
        return None
    source = socket.inet_ntoa(addresses[IP_SOURCE]), int.from_bytes(ports[SOURCE_PORT], "big")
    return source, (socket.inet_ntoa(addresses[IP_DESTINATION]), int.from_bytes(ports[DESTINATION_PORT], "big"))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + ATTRIBUTE.size <= len(data):
        length, type = ATTRIBUTE.unpack_from(data, at)
        if length < ATTRIBUTE.size:
            return
        yield type & TYPE_MASK, data[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def _attribute(type: int, value: bytes) -> bytes:
    nested = 0x8000 if type == TUPLE_ORIGINAL else 0
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), type | nested) + value + bytes(-len(value) % 4)
