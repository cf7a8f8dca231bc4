"""Other people's names: real resolvers on loopback answer, refuse or stay silent."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dnslib
import pytest

from kybern.dns import forwarder as forwarding
from kybern.dns import wire
from kybern.dns.forwarder import Forwarder
from kybern.dns.responder import Forward

PATIENCE_SECONDS = 60.0


class Resolver(asyncio.DatagramProtocol):
    """Answers every question with one address, or not at all."""

    def __init__(self, address: str = "") -> None:
        self.address = address
        self.asked = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, client: tuple[str, int]) -> None:
        self.asked += 1
        if self.address:
            reply = dnslib.DNSRecord.parse(data).reply()
            reply.add_answer(dnslib.RR("www.example.com", rdata=dnslib.A(self.address), ttl=60))
            self.transport.sendto(bytes(reply.pack()), client)


@asynccontextmanager
async def serving(resolver: Resolver) -> AsyncIterator[tuple[str, int]]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: resolver, ("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")
    finally:
        transport.close()


class Times:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def question(name: str = "www.example.com") -> Forward:
    message = bytes(dnslib.DNSRecord.question(name).pack())
    return Forward(wire.parse_query(message), message)


async def ask(forwarder: Forwarder, name: str = "www.example.com") -> tuple[str, list[str]]:
    """Code and addresses."""
    parsed = dnslib.DNSRecord.parse(await forwarder.resolve(question(name)))
    return dnslib.RCODE[parsed.header.rcode], [str(each.rdata) for each in parsed.rr]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "ATTEMPT_SECONDS", 0.2)


async def test_the_next_resolver_is_asked_when_one_is_silent() -> None:
    silent, good = Resolver(), Resolver("192.0.2.7")
    async with serving(silent) as first, serving(good) as second, asyncio.timeout(PATIENCE_SECONDS):
        times = Times()
        forwarder = Forwarder([first, second], random.Random(1), times)
        while (found := await ask(forwarder)) == ("SERVFAIL", []):
            times.now += forwarding.SILENCE_SECONDS + 1  # This machine stood still while the good one answered.
        assert found == ("NOERROR", ["192.0.2.7"])


async def test_no_way_out_is_said_at_once_after_the_first_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Resolver()
    async with serving(silent) as address, asyncio.timeout(PATIENCE_SECONDS):
        times = Times()
        forwarder = Forwarder([address], random.Random(1), times)
        assert await ask(forwarder) == ("SERVFAIL", [])
        monkeypatch.setattr(forwarding, "ATTEMPT_SECONDS", 1000)
        assert await ask(forwarder, "other.example.com") == ("SERVFAIL", [])
        while not silent.asked:
            await asyncio.sleep(0)
        assert silent.asked == 1


async def test_a_resolver_that_was_silent_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver()
    async with serving(resolver) as address:
        times = Times()
        forwarder = Forwarder([address], random.Random(1), times)
        assert await ask(forwarder) == ("SERVFAIL", [])
        resolver.address = "192.0.2.7"
        monkeypatch.setattr(forwarding, "ATTEMPT_SECONDS", PATIENCE_SECONDS)
        times.now += forwarding.SILENCE_SECONDS + 1
        assert await ask(forwarder) == ("NOERROR", ["192.0.2.7"])


async def test_without_resolvers_every_answer_is_a_failure() -> None:
    assert await ask(Forwarder([], random.Random(1), Times())) == ("SERVFAIL", [])
