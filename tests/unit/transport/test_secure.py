"""TLS without sockets: clients' records come in any portions and any order, and none sees anything of another."""

import asyncio
import gc
import random
import ssl
from pathlib import Path
from typing import Any

import pytest

from kybern.transport import Limits, Tls, TlsFiles
from kybern.transport.exchange import Request, Response
from kybern.transport.secure import Seal, Secure

from .certificates import SERVER, client_context, issue
from .conftest import eventually, get, running

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Plain(asyncio.Transport):
    """The socket's side: what is sent, and what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "what is written after the end is lost"
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self.closed or self.aborted


class Above(asyncio.Protocol):
    """What a connection hears."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.text = b""
        self.heard: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.heard.append("made")

    def data_received(self, data: bytes) -> None:
        assert data
        self.text += data

    def eof_received(self) -> bool:
        self.heard.append("eof")
        return True

    def pause_writing(self) -> None:
        self.heard.append("pause")

    def resume_writing(self) -> None:
        self.heard.append("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.heard.append("lost")


class Party:
    """A client and its connection on the server; bytes go between them when they are told to."""

    def __init__(self, seal: Seal, context: ssl.SSLContext) -> None:
        self.seal = seal
        self.plain, self.above = Plain(), Above()
        self.secure = Secure(seal, self.above)
        self.secure.connection_made(self.plain)
        self.coming, self.going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.coming, self.going, server_hostname="127.0.0.1")
        self.waiting = b""
        """Sent by the client, and not there yet."""

    def feed(self, count: int) -> None:
        """So many of the client's bytes arrive."""
        portion, self.waiting = self.waiting[:count], self.waiting[count:]
        self.secure.data_received(portion)
        assert not self.seal.incoming.pending
        assert not self.seal.outgoing.pending

    def shake(self) -> bool:
        """The client goes on with its handshake; whether that is done."""
        self._take()
        try:
            self.tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        self.waiting += self.going.read()
        return done

    def send(self, text: bytes) -> None:
        self.tls.write(text)
        self.waiting += self.going.read()

    def read(self) -> bytes:
        """All that the server has sent."""
        self._take()
        text = b""
        try:
            while piece := self.tls.read(1 << 20):
                text += piece
        except ssl.SSLWantReadError:
            pass
        return text

    def open(self) -> "Party":
        while not self.shake() or self.waiting:
            self.feed(len(self.waiting))
        return self

    def _take(self) -> None:
        self.coming.write(bytes(self.plain.sent))
        self.plain.sent.clear()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[TlsFiles, Path]:
    folder = tmp_path_factory.mktemp("pki")
    ca = issue("CA", ca=True)
    pair = issue("server", ca, usages=(SERVER,)).write(folder, "server")
    return TlsFiles(*pair), ca.write(folder, "ca")[0]


@pytest.fixture
async def seal(files: tuple[TlsFiles, Path]) -> Seal:
    return Seal(Tls(files[0]).context, asyncio.get_running_loop(), handshake_seconds=60, linger_seconds=60)


@pytest.fixture(params=VERSIONS)
def context(request: pytest.FixtureRequest, files: tuple[TlsFiles, Path]) -> ssl.SSLContext:
    context = client_context(files[1])
    context.minimum_version = context.maximum_version = request.param
    return context


@pytest.mark.parametrize("seed", range(20))
async def test_portions_of_many_clients_in_any_order(seal: Seal, context: ssl.SSLContext, seed: int) -> None:
    chance = random.Random(seed)
    parties = [Party(seal, context) for _ in range(4)]
    said = [chance.randbytes(chance.choice([1, 100, 40_000])) for _ in parties]
    for party in parties:
        party.shake()
    unsaid = dict(enumerate(said))
    while unsaid or any(party.waiting for party in parties):
        number = chance.randrange(len(parties))
        party = parties[number]
        party.feed(chance.choice([1, 5, 300, 5000, 100_000]))
        if number in unsaid and party.shake():
            party.send(unsaid.pop(number))
        if party.above.transport is not None:
            party.above.transport.write(b"%d" % number)
    for number, (party, text) in enumerate(zip(parties, said, strict=True)):
        assert party.above.text == text
        assert party.above.heard == ["made"]
        assert set(party.read()) == set(b"%d" % number)


async def test_a_request_that_comes_with_the_end_of_the_handshake(seal: Seal, context: ssl.SSLContext) -> None:
    party = Party(seal, context)
    while not party.shake():
        party.feed(len(party.waiting))
    if context.maximum_version == ssl.TLSVersion.TLSv1_3:  # Before, the client waits for the server's last word.
        assert party.above.heard == []
    party.send(b"hello")
    party.feed(len(party.waiting))
    assert (party.above.heard, party.above.text) == (["made"], b"hello")


@pytest.mark.parametrize("size", [1, 16 << 10, (16 << 10) + 1, 1_000_000])
async def test_answers_of_any_size_arrive_whole(seal: Seal, context: ssl.SSLContext, size: int) -> None:
    party = Party(seal, context).open()
    text = random.Random(size).randbytes(size)
    party.secure.write(text)
    party.secure.write(b"")
    party.secure.write(memoryview(text)[:7])
    assert party.read() == text + text[:7]


async def test_a_broken_record_ends_its_own_connection_alone(seal: Seal, context: ssl.SSLContext) -> None:
    good, bad = Party(seal, context).open(), Party(seal, context).open()
    good.send(b"whole")
    good.feed(9)
    bad.send(b"broken")
    bad.waiting = bad.waiting[:-1] + bytes([bad.waiting[-1] ^ 1]) + b"and more"
    bad.feed(1000)
    assert bad.plain.closed
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
        bad.read()
    bad.secure.write(b"lost")
    bad.secure.data_received(b"lost")
    bad.secure.connection_lost(None)
    assert (bad.above.heard, bad.above.text) == (["made", "lost"], b"")
    good.feed(1000)
    assert good.above.text == b"whole"
    good.secure.write(b"answer")
    assert good.read() == b"answer"


NO_TLS = {
    "a request": (get(), b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"),
    "a method that Go knows no better": (b"PATCH / HTTP/1.1\r\n\r\n", b""),
    "a record of no known kind": (b"\x63\x03\x03\x00\x05hello", b"\x15"),
    "an alert in place of a greeting": (b"\x15\x03\x03\x00\x02\x02\x28", b"\x15"),
}


@pytest.mark.parametrize("name", NO_TLS)
async def test_who_speaks_no_tls_is_told_so_and_nobody_above_hears_of_it(seal: Seal, name: str) -> None:
    sent, told = NO_TLS[name]
    plain, above = Plain(), Above()
    secure = Secure(seal, above)
    secure.connection_made(plain)
    secure.data_received(sent)
    assert plain.closed
    assert plain.sent[: len(told) or None] == told
    secure.connection_lost(None)
    assert above.heard == []


async def test_the_clients_goodbye_is_answered(seal: Seal, context: ssl.SSLContext) -> None:
    party = Party(seal, context).open()
    party.send(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        party.tls.unwrap()
    party.waiting += party.going.read()
    party.feed(1000)
    assert (party.above.heard, party.above.text) == (["made", "eof"], b"last words")
    assert party.plain.closed
    party._take()
    party.tls.unwrap()
    party.secure.connection_lost(None)
    assert party.above.heard == ["made", "eof", "lost"]


async def test_the_servers_goodbye_follows_what_was_written(seal: Seal, context: ssl.SSLContext) -> None:
    party = Party(seal, context).open()
    party.secure.write(b"the end")
    party.secure.close()
    party.secure.close()
    party.secure.write(b"too late")
    assert party.secure.is_closing()
    assert not party.plain.closed, "the client may still be sending"
    party.send(b"nobody listens")
    party.feed(1000)
    assert (party.read(), party.above.text) == (b"the end", b"")
    party.tls.unwrap()
    assert not party.secure.eof_received(), "and so the socket is closed"


async def test_a_client_that_stays_after_the_goodbye_is_left(files: tuple[TlsFiles, Path]) -> None:
    seal = Seal(Tls(files[0]).context, asyncio.get_running_loop(), handshake_seconds=60, linger_seconds=0.01)
    party = Party(seal, client_context(files[1])).open()
    party.secure.close()
    await eventually(lambda: party.plain.closed)


async def test_who_does_not_keep_up_is_heard_above(seal: Seal, context: ssl.SSLContext) -> None:
    party = Party(seal, context)
    party.secure.resume_writing()
    party.open()
    party.secure.pause_writing()
    party.secure.resume_writing()
    party.secure.close()
    party.secure.pause_writing()
    assert party.above.heard == ["made", "pause", "resume"]


@pytest.mark.parametrize("portion", [0, 1, 60])
async def test_a_handshake_that_takes_too_long_is_ended(files: tuple[TlsFiles, Path], portion: int) -> None:
    seal = Seal(Tls(files[0]).context, asyncio.get_running_loop(), handshake_seconds=0.01, linger_seconds=60)
    party = Party(seal, client_context(files[1]))
    party.shake()
    if portion:
        party.feed(portion)
    await eventually(lambda: party.plain.aborted)
    party.secure.connection_lost(None)
    assert party.above.heard == []


async def test_a_client_that_leaves_in_the_handshake(files: tuple[TlsFiles, Path]) -> None:
    async with running(tls=Tls(files[0]), limits=Limits(handshake_seconds=0.05)) as rig:
        for hello in (b"", b"\x16\x03\x01"):
            wire = await rig.wire()
            wire.send(hello)
            assert await wire.ended() == b""
        leaver = await rig.wire()
        leaver.send(b"\x16\x03\x01")
        leaver.close()
        await rig.serves(ssl=client_context(files[1]))


async def test_over_sockets_an_answer_arrives_whole_before_the_end(files: tuple[TlsFiles, Path]) -> None:
    def last(request: Request) -> Response:
        return Response(200, b"x" * 200_000, close=True)

    async with running(last, tls=Tls(files[0])) as rig:
        wire = await rig.wire(ssl=client_context(files[1]))
        wire.send(get() * 3)
        assert len((await wire.answer()).body) == 200_000
        assert await wire.ended() == b""
        await eventually(lambda: rig.server.connections == 0)


async def test_a_connection_that_is_gone_leaves_nothing_to_the_collector_of_garbage(
    files: tuple[TlsFiles, Path],
) -> None:
    gc.collect()
    gc.freeze()  # What is there already is not looked through.
    async with running(tls=Tls(files[0])) as rig:
        wire = await rig.wire(ssl=client_context(files[1]))
        wire.send(get())
        await wire.answer()
        assert _secure() == 1
        gc.disable()
        try:
            wire.close()
            await eventually(lambda: not _secure())
        finally:
            gc.enable()


def _secure() -> int:
    return sum(isinstance(each, Secure) for each in gc.get_objects())
