"""Requests in: what is understood and how, and what is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kybern.transport import Limits
from kybern.transport.exchange import Request, Response
from kybern.transport.target import BadTarget, parse_target

from .conftest import PATIENCE_SECONDS, SMALL, Answer, Rig, get, post, running

TOO_LARGE = "Request entity too large: limit is 1000"


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query", "raw_query"),
    [
        ("/", "/", "/", {}, ""),
        ("/a%20b/c%2Fd", "/a b/c/d", "/a%20b/c%2Fd", {}, ""),
        ("/%E2%82%AC", "/€", "/%E2%82%AC", {}, ""),
        ("/caf%E9", "/caf\ufffd", "/caf%E9", {}, ""),
        ("/a+b", "/a+b", "/a+b", {}, ""),
        ("/?a=1&b=2&a=3", "/", "/", {"a": ("1", "3"), "b": ("2",)}, "a=1&b=2&a=3"),
        ("/?watch&x=", "/", "/", {"watch": ("",), "x": ("",)}, "watch&x="),
        ("/?q=a%20b+c%3D", "/", "/", {"q": ("a b c=",)}, "q=a%20b+c%3D"),
        ("/?a=%zz&b=1", "/", "/", {"b": ("1",)}, "a=%zz&b=1"),
        ("/?a=1;b=2&c=3", "/", "/", {"c": ("3",)}, "a=1;b=2&c=3"),
        ("/?x=a=b", "/", "/", {"x": ("a=b",)}, "x=a=b"),
        ("/x?y?z", "/x", "/x", {"y?z": ("",)}, "y?z"),
        ("http://other:1/p?q=1", "/p", "/p", {"q": ("1",)}, "q=1"),
        ("HTTPS://other", "/", "/", {}, ""),
        ("http://other?q=1", "/", "/", {"q": ("1",)}, "q=1"),
        ("//double/slash", "//double/slash", "//double/slash", {}, ""),
    ],
)
def test_targets(target: str, path: str, raw_path: str, query: dict[str, Any], raw_query: str) -> None:
    parsed = parse_target(target.encode())
    assert (parsed.path, parsed.raw_path, dict(parsed.query), parsed.raw_query) == (path, raw_path, query, raw_query)


@pytest.mark.parametrize("target", ["/%", "/%2", "/%zz", "", "x", "ftp://a/b", "http:///x"])
def test_bad_targets(target: str) -> None:
    with pytest.raises(BadTarget):
        parse_target(target.encode())


async def test_a_request_comes_whole() -> None:
    async with running() as rig:
        await rig.ask(post(b"body", "X-A: 1", "x-a: 2", "Accept: */*", path="/p%41?q=1"))
        seen = rig.seen[0]
        assert (seen.method, seen.path, seen.raw_path, seen.raw_query, seen.body) == (
            "POST", "/pA", "/p%41", "q=1", b"body",
        )  # fmt: skip
        assert seen.headers == {"host": "test", "content-length": "4", "x-a": "1, 2", "accept": "*/*"}
        assert [seen.values(name) for name in ("x-a", "accept", "x-b")] == [["1", "2"], ("*/*",), ()]
        assert seen.parameter("q") == "1"
        assert seen.peer.startswith("127.0.0.1:")
        assert seen.client_certificate is None


async def test_the_authority_of_an_absolute_target_is_the_host() -> None:
    async with running() as rig:
        await rig.ask(b"GET http://other:1/p HTTP/1.1\r\nHost: test\r\n\r\n")
        assert rig.seen[0].headers["host"] == "other:1"


@pytest.mark.parametrize("cut", [1, 7, 50, 1000])
async def test_bytes_may_come_in_any_portions(cut: int) -> None:
    data = post(b"x" * 300, path="/a") + get("/b") + post(b"y" * 20, path="/c")
    async with running() as rig:
        wire = await rig.wire()
        for start in range(0, len(data), cut):
            wire.send(data[start : start + cut])
            await asyncio.sleep(0)
        bodies = [(await wire.answer()).body for _ in range(3)]
        assert bodies == [b"POST /a 300", b"GET /b 0", b"POST /c 20"]


async def test_chunked_bodies() -> None:
    async with running() as rig:
        wire = await rig.wire()
        wire.send(
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\nA\r\n0123456789\r\n"
        )
        wire.send(b"0\r\nTrailer: t\r\n\r\n" + get("/next"))
        assert (await wire.answer()).body == b"POST /x 13"
        assert (await wire.answer()).body == b"GET /next 0"
        assert rig.seen[0].body == b"abc0123456789"
        assert "trailer" not in rig.seen[1].headers


CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
HOSTILE = {
    "no request": ("junk\r\n\r\n", 400),
    "TLS on a plain port": ("\x16\x03\x01\x02\x00\x01", 400),
    "unknown method": ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no host": ("GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "bad escape": ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "space in target": ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "bare line feeds": ("GET / HTTP/1.1\nHost: a\n\n", 400),
    "bare carriage return": ("GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n", 400),
    "space before colon": ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "folded header": ("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", 400),
    "NUL in header": ("GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n", 400),
    "HTTP/2": ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "HTTP/2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "tunnel": ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "length and coding": (CHUNKED.replace("Transfer", "Content-Length: 5\r\nTransfer") + "0\r\n\r\n", 400),
    "coding and length": (CHUNKED.replace("chunked", "chunked\r\nContent-Length: 5") + "0\r\n\r\n", 400),
    "two lengths": ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "one length twice": ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400),
    "list of lengths": ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab", 400),
    "signed length": ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab", 400),
    "huge length": ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
    "coding of HTTP/1.0": (CHUNKED.replace("1.1", "1.0") + "0\r\n\r\n", 400),
    "unknown coding": (CHUNKED.replace("chunked", "xchunked") + "0\r\n\r\n", 501),
    "coding on coding": (CHUNKED.replace("chunked", "gzip, chunked") + "0\r\n\r\n", 501),
    "coding twice": (CHUNKED.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n") + "0\r\n\r\n", 400),
    "obscured coding": (CHUNKED.replace("chunked", "chunked, identity") + "0\r\n\r\n", 400),
    "chunk size with prefix": (CHUNKED + "0x3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size overflow": (CHUNKED + "fffffffffffffffff\r\nabc", 400),
    "negative chunk": (CHUNKED + "-1\r\nabc", 400),
    "chunk with bare line feed": (CHUNKED + "3\nabc\n0\n\n", 400),
    "chunk longer than said": (CHUNKED + "3\r\nabcd\r\n0\r\n\r\n", 400),
    "upgrade with body": (
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\nabc",
        400,
    ),
    "unknown expectation": ("POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 3\r\n\r\nabc", 417),
    "too many headers": ("GET / HTTP/1.1\r\nHost: a\r\n" + "A: b\r\n" * 20 + "\r\n", 431),
    "too long a header": ("GET / HTTP/1.1\r\nHost: a\r\nA: " + "b" * 3000, 431),
    "too long a target": ("GET /" + "b" * 3000, 431),
    "endless chunk extension": (CHUNKED + "3;" + "e" * 9000, 431),
    "endless trailer": (CHUNKED + "0\r\nT: " + "e" * 9000, 431),
    "too long a body": ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
    "too long a chunked body": (CHUNKED + "3e8\r\n" + "x" * 1000 + "\r\n1\r\nx\r\n", 413),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_refused(name: str) -> None:
    data, status = HOSTILE[name]
    async with running(limits=SMALL) as rig:
        wire = await rig.wire()
        wire.send(data.encode("latin-1"))
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        wire.send(get("/smuggled"))
        assert await wire.ended() == b"", "nothing after a refusal is answered"
        assert rig.seen == []


async def test_requests_before_a_malformed_one_are_answered() -> None:
    async with running() as rig:
        wire = await rig.wire()
        wire.send(get("/1") + get("/2") + b"\0\0\0")
        assert [(await wire.answer()).status for _ in range(3)] == [200, 200, 400]


async def test_the_hook_words_refusals() -> None:
    async with running(limits=SMALL, refuse=lambda status, message: Response(status, message.encode())) as rig:
        answer = await rig.ask(post(b"x" * 1001))
        assert (answer.status, answer.body.decode()) == (413, TOO_LARGE)
        assert answer.headers["content-type"] == "application/json"


async def test_the_default_limit_has_upstreams_words() -> None:
    async with running() as rig:
        answer = await rig.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n")
        assert answer.body == b"413 Request entity too large: limit is 3145728\n"
        assert (await rig.ask(post(b"x" * 3145728))).body == b"POST / 3145728"


async def test_a_client_that_sends_too_much_can_read_why() -> None:
    async with running() as rig:
        wire = await rig.wire()
        wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n")
        for _ in range(128):
            wire.send(b"x" * 65536)
            await wire.writer.drain()
        assert (await wire.answer()).status == 413


async def test_a_client_that_waits_to_send_its_body_is_told_to() -> None:
    async with running() as rig:
        wire = await rig.wire()
        wire.send(post(b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 3"))
        assert (await wire.answer()).status == 100
        wire.send(b"abc")
        assert (await wire.answer()).body == b"POST / 3"
        wire.send(post(b"abc", "Expect: 100-continue"))
        assert (await wire.answer()).body == b"POST / 3", "the body is there already"


async def test_a_client_that_waits_behind_another_answer_is_told_in_its_turn() -> None:
    go = asyncio.Event()

    async def slow(request: Request) -> Response:
        await go.wait()
        return Response(200, request.body)

    async with running(slow) as rig:
        wire = await rig.wire()
        wire.send(get("/first"))
        wire.send(post(b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 3"))
        while len(rig.seen) < 1:
            await asyncio.sleep(0)
        go.set()
        statuses = [(await wire.answer()).status, (await wire.answer()).status]
        assert statuses == [200, 100]


async def test_an_unwanted_body_is_refused_before_it_is_sent() -> None:
    async with running(limits=SMALL) as rig:
        data = post(b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 3000")
        assert (await rig.ask(data)).status == 413


@pytest.mark.parametrize(
    ("data", "limits", "status"),
    [
        (b"", Limits(idle_seconds=0.25), 0),
        (b"GET / HTTP/1.1\r\nHo", Limits(head_seconds=0.2, linger_seconds=0.1), 408),
        (post(b"abc")[:-1], Limits(body_seconds=0.3, linger_seconds=0.1), 408),
    ],
)
async def test_who_sends_nothing_is_not_waited_for(data: bytes, limits: Limits, status: int) -> None:
    async with running(limits=limits) as rig:
        wire = await rig.wire()
        wire.send(data)
        got: Answer | None = await wire.answer() if status else None
        assert (got.status if got else 0) == status
        assert await wire.ended() == b""


async def test_who_asks_nothing_more_is_not_waited_for() -> None:
    async def once(rig: Rig) -> bool:
        wire = await rig.wire()
        wire.send(get())
        return b"200 OK" in await wire.ended()

    async with running(limits=Limits(idle_seconds=0.25)) as rig:
        await until_quick_enough(lambda: once(rig))


async def test_a_slow_head_ends_at_its_deadline() -> None:
    async with running(limits=Limits(head_seconds=0.2)) as rig:
        wire = await rig.wire()
        reading = asyncio.create_task(wire.answer())
        wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        while not reading.done():
            wire.send(b"x")
            await asyncio.sleep(0.02)
        assert (await reading).status == 408


async def test_a_busy_keep_alive_connection_outlives_the_idle_time() -> None:
    async def ten_in_twice_the_time(rig: Rig) -> bool:
        wire = await rig.wire()
        for _ in range(10):
            wire.send(get())
            if (await wire.answer()).status != 200:
                return False
            await asyncio.sleep(0.06)
        return True

    async with running(limits=Limits(idle_seconds=0.3)) as rig:
        await until_quick_enough(lambda: ten_in_twice_the_time(rig))


async def until_quick_enough(attempt: Callable[[], Awaitable[bool]]) -> None:
    """Try until it goes well: a machine that stands still for a moment makes a client idle that is not."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                if await attempt():
                    return
            except (OSError, asyncio.IncompleteReadError):
                continue
