"""URLs, by the rules of Go's net/url."""

from __future__ import annotations

import re
from typing import Any

from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.values import Opaque

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*", re.ASCII)
_ESCAPE = re.compile(r"%(?:[0-9A-Fa-f]{2})?", re.ASCII)
_PORT = re.compile(r"(?::[0-9]*)?", re.ASCII)
_BAD_HOST = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"%\u0080-\U0010ffff]")
_PATH_PLAIN = re.compile(r"[A-Za-z0-9\-_.~$&+,/:;=@!'()*\[\]%]*", re.ASCII)
_PATH_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~$&+,/:;=@")


class Url(Opaque):
    """A parsed URL; `text` is what it was parsed from."""

    __slots__ = ("host", "path", "query", "raw_path", "scheme", "text")

    type_name = "kubernetes.URL"

    def __init__(self, text: str) -> None:
        self.text = text
        self.scheme, self.host, self.raw_path, self.query = _parse(text)
        self.path = _unescape(self.raw_path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[str, str, str, str]:
        return self.scheme, self.host, self.escaped_path(), self.query

    def hostname(self) -> str:
        if self.host.startswith("["):
            return self.host[1:].partition("]")[0]
        return self.host.rpartition(":")[0] if ":" in self.host else self.host

    def port(self) -> str:
        rest = self.host.partition("]")[2] if self.host.startswith("[") else self.host
        return rest.rpartition(":")[2] if ":" in rest else ""

    def escaped_path(self) -> str:
        if _PATH_PLAIN.fullmatch(self.raw_path):
            return self.raw_path
        if self.path == "*":
            return "*"
        return "".join(
            chr(b) if chr(b) in _PATH_SAFE else f"%{b:02X}" for b in self.path.encode("utf-8", "surrogatepass")
        )

    def queries(self) -> dict[str, list[str]]:
        """Keys and values; what is badly written is left out."""
        found: dict[str, list[str]] = {}
        for part in self.query.split("&"):
            if not part or ";" in part:
                continue
            key, _, value = part.partition("=")
            try:
                key, value = (_unescape(_checked(word).replace("+", " ")) for word in (key, value))
            except ValueError:
                continue
            found.setdefault(key, []).append(value)
        return found


def parse_error(text: str) -> str | None:
    """Go's message for what is no absolute URL or path; None if it is one."""
    try:
        _parse(text)
    except ValueError as error:
        return f'parse "{text}": {error}'
    return None


def _parse(text: str) -> tuple[str, str, str, str]:
    """Scheme, host with port, path and query. Raises ValueError with Go's reason."""
    if any(ord(c) < 0x20 or c == "\x7f" for c in text):
        raise ValueError("net/url: invalid control character in URL")
    if text == "":
        raise ValueError("empty url")
    if text == "*":
        return "", "", "*", ""
    scheme, rest = _split_scheme(text)
    rest, _, query = rest.partition("?")
    if not rest.startswith("/"):
        if scheme:
            return scheme, "", "", query  # An opaque one, like mailto:x.
        raise ValueError("invalid URI for request")
    host = ""
    if (scheme or not rest.startswith("///")) and rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        host = _host(authority)
    return scheme, host, _checked(rest), query


def _split_scheme(text: str) -> tuple[str, str]:
    before, colon, after = text.partition(":")
    if colon and before == "":
        raise ValueError("missing protocol scheme")
    if colon and _SCHEME.fullmatch(before):
        return before.lower(), after
    return "", text


def _host(authority: str) -> str:
    user, at, host = authority.rpartition("@")
    if at:
        if re.search(r"[^A-Za-z0-9\-._:~!$&'()*+,;=%@]", user):
            raise ValueError("net/url: invalid userinfo")
        _checked(user)
    if host.startswith("["):
        end = host.rfind("]")
        if end < 0:
            raise ValueError("missing ']' in host")
        port = host[end + 1 :]
    else:
        port = host[host.rindex(":") :] if ":" in host else ""
    if not _PORT.fullmatch(port):
        raise ValueError(f'invalid port "{port}" after host')
    bad = _BAD_HOST.search(host)
    if bad:
        raise ValueError(f'invalid character "{bad[0]}" in host name')
    return _unescape(_checked(host))


def _checked(text: str) -> str:
    """Raises ValueError where a percent sign escapes nothing."""
    for match in _ESCAPE.finditer(text):
        if len(match[0]) == 1:
            raise ValueError(f'invalid URL escape "{text[match.start() : match.start() + 3]}"')
    return text


def _unescape(text: str) -> str:
    if "%" not in text:
        return text
    data = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes((int(m[1], 16),)), text.encode("utf-8", "surrogatepass"))
    return data.decode("utf-8", "replace")


def to_url(text: str) -> Url:
    error = parse_error(text)
    if error:
        raise EvaluationError(f"URL parse error during conversion from string: {error}")
    url = text.partition("#")[0]
    return Url(url or text)


def is_url(text: str) -> bool:
    return parse_error(text) is None


def _attribute(name: str) -> Any:
    return lambda url: getattr(url, name)


OVERLOADS: list[Overload] = [
    overload("string_to_url", "url", "(string) -> kubernetes.URL", to_url),
    overload("url_get_scheme", "getScheme", "kubernetes.URL.() -> string", _attribute("scheme")),
    overload("url_get_host", "getHost", "kubernetes.URL.() -> string", _attribute("host")),
    overload("url_get_hostname", "getHostname", "kubernetes.URL.() -> string", Url.hostname),
    overload("url_get_port", "getPort", "kubernetes.URL.() -> string", Url.port),
    overload("url_get_escaped_path", "getEscapedPath", "kubernetes.URL.() -> string", Url.escaped_path),
    overload("url_get_query", "getQuery", "kubernetes.URL.() -> map<string, list<string>>", Url.queries),
    overload("is_url_string", "isURL", "(string) -> bool", is_url),
]
