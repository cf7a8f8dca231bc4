"""Links of what answers behind a proxy, led back through it: redirections and the links of HTML pages.

Source: k8s.io/apimachinery/pkg/util/proxy/transport.go.
"""

import gzip
import html
import posixpath
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from kybern.transport.exchange import Answer, Stream

PAGE_BYTES: Final = 8 << 20
"""A longer page goes through as it is."""

_ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "a": ("href",),
    "applet": ("codebase",),
    "area": ("href",),
    "audio": ("src",),
    "base": ("href",),
    "blockquote": ("cite",),
    "body": ("background",),
    "button": ("formaction",),
    "command": ("icon",),
    "del": ("cite",),
    "embed": ("src",),
    "form": ("action",),
    "frame": ("longdesc", "src"),
    "head": ("profile",),
    "html": ("manifest",),
    "iframe": ("longdesc", "src"),
    "img": ("longdesc", "src", "usemap"),
    "input": ("src", "usemap", "formaction"),
    "ins": ("cite",),
    "link": ("href",),
    "object": ("classid", "codebase", "data", "usemap"),
    "q": ("cite",),
    "script": ("src",),
    "source": ("src",),
    "track": ("src",),
    "video": ("poster", "src"),
}
"""By the element: where HTML has links."""

_TAG: Final = re.compile(r"""<([a-zA-Z]+)((?:\s+[^\s<>="'/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s<>"']+))?)+)(?=\s*/?>)""")
_ATTRIBUTE: Final = re.compile(r"""(\s)([^\s<>="'/]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s<>"']+)""")


@dataclass(frozen=True, slots=True)
class Rewriter:
    """Of one request."""

    prefix: str
    """The path of the proxy itself: `/api/v1/namespaces/NS/services/NAME/proxy`."""
    backend: str
    """Where the request goes, `host:port`."""
    host: str
    """What the client called this server."""

    def led_back(self, answer: Answer) -> Answer:
        """The answer with its redirection or its page led back; others, and upgrades, as they are."""
        if not isinstance(answer, Stream):
            return answer
        headers = {name.lower(): value for name, value in answer.headers}
        if headers.get("location"):
            answer.headers = [
                (name, self.url(value) if name.lower() == "location" else value) for name, value in answer.headers
            ]
        elif answer.content_type.partition(";")[0].strip() == "text/html":
            encoding = headers.get("content-encoding", "")
            if encoding in ("", "gzip"):
                answer.pieces = self.pieces(answer.pieces, encoding)
        return answer

    def url(self, link: str) -> str:
        """A link as the client must follow it; those to elsewhere and relative ones stay."""
        try:
            parts = urlsplit(link)
        except ValueError:
            return link
        if parts.netloc not in ("", self.backend, self.host) or not parts.path.startswith("/"):
            return link
        scheme, netloc = (parts.scheme, parts.netloc) if parts.netloc == self.host else ("", "")
        path = parts.path
        if not path.startswith(self.prefix):
            path = posixpath.normpath(f"{self.prefix}/{path}") + ("/" if path.endswith("/") else "")
        return urlunsplit((scheme, netloc, path, parts.query, parts.fragment))

    def page(self, text: str) -> str:
        """HTML with its links led back."""
        return _TAG.sub(self._tag, text)

    def _tag(self, tag: re.Match[str]) -> str:
        links = _ATTRIBUTES.get(tag[1].lower())
        if links is None:
            return tag[0]

        def attribute(found: re.Match[str]) -> str:
            if found[2].lower() not in links:
                return found[0]
            link = html.unescape(found[4].strip("\"'"))
            return f'{found[1]}{found[2]}{found[3]}"{html.escape(self.url(link))}"'

        return f"<{tag[1]}{_ATTRIBUTE.sub(attribute, tag[2])}"

    async def pieces(self, pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
        """A page on its way; `encoding` is its Content-Encoding."""
        page = b""
        async for piece in pieces:
            page += piece
            if len(page) > PAGE_BYTES:
                yield page
                async for rest in pieces:
                    yield rest
                return
        yield self._body(page, encoding)

    def _body(self, page: bytes, encoding: str) -> bytes:
        try:
            plain = gzip.decompress(page) if encoding == "gzip" else page
        except (OSError, EOFError):
            return page
        # Bytes that are no text come back as they were.
        led = self.page(plain.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return gzip.compress(led, compresslevel=1) if encoding == "gzip" else led
