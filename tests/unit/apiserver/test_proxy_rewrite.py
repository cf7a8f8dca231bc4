"""Links behind a proxy lead back through it."""

import gzip
from collections.abc import AsyncIterator

import pytest

from kybern.apiserver.proxy import rewrite
from kybern.apiserver.proxy.rewrite import Rewriter

PREFIX = "/api/v1/namespaces/ns/services/web:80/proxy"
REWRITER = Rewriter(PREFIX, "10.0.0.7:8080", "api.example:6443")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/rewriteme", f"{PREFIX}/rewriteme"),
        ("/", f"{PREFIX}/"),
        ("/a/b/?q=1#top", f"{PREFIX}/a/b/?q=1#top"),
        ("relative/page", "relative/page"),
        ("?q=1", "?q=1"),
        ("http://10.0.0.7:8080/kube", f"{PREFIX}/kube"),
        ("https://api.example:6443/kube", f"https://api.example:6443{PREFIX}/kube"),
        ("http://elsewhere.example/kube", "http://elsewhere.example/kube"),
        (f"{PREFIX}/already", f"{PREFIX}/already"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_links(link: str, expected: str) -> None:
    assert REWRITER.url(link) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<a href="/rewriteme">test</a>', f'<a href="{PREFIX}/rewriteme">test</a>'),
        ("<A class=x HREF='/a?b=1&amp;c=2' >", f'<A class=x HREF="{PREFIX}/a?b=1&amp;c=2" >'),
        ("<img src=/i.png alt='/not a link'/>", f"<img src=\"{PREFIX}/i.png\" alt='/not a link'/>"),
        ('<a title="/x" href="other">', '<a title="/x" href="other">'),
        ('<p href="/x">1 < 2 && "/y" </p>', '<p href="/x">1 < 2 && "/y" </p>'),
        ('<script src="/s.js"></script>', f'<script src="{PREFIX}/s.js"></script>'),
        ('<link href="/c.css"><video poster="/p">', f'<link href="{PREFIX}/c.css"><video poster="{PREFIX}/p">'),
    ],
)  # fmt: skip
def test_pages(page: str, expected: str) -> None:
    assert REWRITER.page(page) == expected


async def carried(*pieces: bytes, encoding: str = "") -> bytes:
    async def source() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return b"".join([piece async for piece in REWRITER.pieces(source(), encoding)])


async def test_pages_on_their_way(monkeypatch: pytest.MonkeyPatch) -> None:
    led = f'<a href="{PREFIX}/x">\xe9'.encode("latin-1")
    assert await carried(b"<a hr", b'ef="/x">\xe9') == led
    assert gzip.decompress(await carried(gzip.compress(b'<a href="/x">\xe9'), encoding="gzip")) == led
    assert await carried(b"no gzip", encoding="gzip") == b"no gzip"
    monkeypatch.setattr(rewrite, "PAGE_BYTES", 8)
    assert await carried(b'<a href="/x">', b"<p>", b"</p>") == b'<a href="/x"><p></p>'
