"""One entry of the kernel's table, read from bytes; and which flows are stale."""

import socket
import struct

import pytest

from kybern.proxy.conntrack import Flow, parse_flow, stale
from kybern.proxy.endpoints import Address

CLIENT: Address = ("10.244.0.9", 40000)
VIP: Address = ("10.96.0.5", 53)
POD: Address = ("10.244.0.2", 5353)
OTHER: Address = ("10.244.0.3", 5353)


def attribute(type: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), type) + value + bytes(-len(value) % 4)


def ends(source: Address, to: Address, protocol: int = socket.IPPROTO_UDP) -> bytes:
    addresses = attribute(1, socket.inet_aton(source[0])) + attribute(2, socket.inet_aton(to[0]))
    ports = attribute(2, struct.pack(">H", source[1])) + attribute(3, struct.pack(">H", to[1]))
    return attribute(0x8001, addresses) + attribute(0x8002, attribute(1, bytes([protocol])) + ports)


def test_an_entry() -> None:
    original, reply, number = attribute(0x8001, ends(CLIENT, VIP)), attribute(0x8002, ends(POD, CLIENT)), b"\0\0\0\7"
    message = struct.pack("=BBH", 2, 0, 0) + original + reply + attribute(3, b"\0\0\0\1") + attribute(12, number)
    assert parse_flow(message) == Flow(VIP, POD, original + attribute(12, number))


def test_what_is_no_datagram_is_passed_over() -> None:
    tcp = attribute(0x8001, ends(CLIENT, VIP, socket.IPPROTO_TCP)) + attribute(0x8002, ends(POD, CLIENT, 6))
    assert parse_flow(struct.pack("=BBH", 2, 0, 0) + tcp) is None
    assert parse_flow(b"") is None


@pytest.mark.parametrize(
    ("to", "answered_by", "expected"),
    [
        (VIP, POD, False),
        (VIP, OTHER, True),
        (VIP, VIP, True),
        ((VIP[0], 54), OTHER, False),
        (("192.0.2.1", 30053), POD, False),
        (("192.0.2.1", 30053), (POD[0], 5354), True),
    ],
)
def test_stale(to: Address, answered_by: Address, expected: bool) -> None:
    is_stale = stale({VIP: frozenset({POD}), ("", 30053): frozenset({POD})})
    assert is_stale(Flow(to, answered_by, b"")) is expected
