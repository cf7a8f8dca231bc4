"""/statusz and /flagz: since when the server runs, which paths it has for people who look after it, and its flags.

Plain text for people, and `config.k8s.io` objects for programs that ask for them by name (KEP-4827, KEP-4828).
"""

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from kybern import KUBERNETES_VERSION
from kybern.apiserver import negotiate, yaml
from kybern.apiserver.call import Call
from kybern.apiserver.negotiate import JSON, YAML
from kybern.base.clock import Clock, format_time
from kybern.base.errors import NotAcceptable
from kybern.transport.exchange import Response

_TEXT = "text/plain"
_GROUP = "config.k8s.io"
_VERSIONS = ("v1beta1", "v1alpha1")
_COMPONENT = "apiserver"
_WARNING = (
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for "
    "debugging purposes only."
)
_ACCEPTED = f"only the following media types are accepted: {JSON}, {YAML}, {_TEXT}"
_NO_DEBUGGING = frozenset(("/apis", "/api", "/openid", "/openapi", "/.well-known"))
"""First parts of paths that /statusz does not tell of: they are the API itself."""


class _Page(NamedTuple):
    kind: str
    fields: Callable[[], Mapping[str, Any]]
    """Of the object, besides its head."""
    lines: Callable[[], Iterable[str]]
    """Of the text, below its head."""


class Zpages:
    """The two pages, as far as their feature gates are on."""

    def __init__(self, clock: Clock, flags: Mapping[str, str], *, statusz: bool = True, flagz: bool = True) -> None:
        self._clock = clock
        self._started = clock.now()
        self._flags = dict(sorted(flags.items()))
        self._pages: dict[str, _Page] = {}
        self.listed: Callable[[], Sequence[str]] = lambda: ()
        """All paths of the server."""
        if flagz:
            self._pages["/flagz"] = _Page("Flagz", lambda: {"flags": self._flags}, self._flag_lines)
        if statusz:
            self._pages["/statusz"] = _Page("Statusz", self._status, self._status_lines)

    @property
    def paths(self) -> Iterable[str]:
        return self._pages

    def answer(self, call: Call) -> Response | None:
        """None: no such page. Raises NotAcceptable."""
        page = self._pages.get(call.request.path)
        if page is None:
            return None
        media, version = _asked(call.request.headers.get("accept", ""), page.kind)
        if media == _TEXT:
            lines = ["", f"{_COMPONENT} {page.kind.lower()}", _WARNING, *page.lines(), ""]
            return Response(200, "\n".join(lines).encode(), f"{_TEXT}; charset=utf-8")
        if version != _VERSIONS[0]:
            call.warnings.append(
                f"This version of the {page.kind.lower()} endpoint is deprecated. Please use a newer version."
            )
        head = {"kind": page.kind, "apiVersion": f"{_GROUP}/{version}", "metadata": {"name": _COMPONENT}}
        body = {**head, **page.fields()}
        encoded = yaml.dump(body) if media == YAML else orjson.dumps(body) + b"\n"
        return Response(200, encoded, f"{media};g={_GROUP};v={version};as={page.kind}")

    def _flag_lines(self) -> Iterable[str]:
        return (f"{name}: {value}" for name, value in self._flags.items())

    def _status(self) -> dict[str, Any]:
        number = KUBERNETES_VERSION.removeprefix("v")
        folders = {f"/{path.split('/')[1]}" for path in self.listed() if path != "/"}
        return {
            "startTime": format_time(self._started),
            "uptimeSeconds": int(self._clock.now() - self._started),
            "goVersion": f"Python {platform.python_version()}",
            "binaryVersion": number,
            "emulationVersion": ".".join(number.split(".")[:2]),
            "paths": sorted(folders - _NO_DEBUGGING),
        }

    def _status_lines(self) -> Iterable[str]:
        status = self._status()
        up = status["uptimeSeconds"]
        yield ""
        yield f"Started: {status['startTime']}"
        yield f"Up: {up // 3600} hr {up // 60 % 60:02} min {up % 60:02} sec"
        yield f"Go version: {status['goVersion']}"
        yield f"Binary version: {status['binaryVersion']}"
        yield f"Emulation version: {status['emulationVersion']}"
        yield f"Paths: {' '.join(status['paths'])}"


def _asked(accept: str, kind: str) -> tuple[str, str]:
    """(encoding, version of config.k8s.io) that a client takes; text has no version. Raises NotAcceptable."""
    if not accept.strip():
        return _TEXT, ""
    for media, parameters in negotiate.by_preference(accept):
        conversion = tuple(parameters.get(name) for name in ("g", "v", "as"))
        if conversion == (None, None, None):
            if media in (_TEXT, "text/*", "*/*"):
                return _TEXT, ""
        elif conversion in [(_GROUP, version, kind) for version in _VERSIONS]:
            if media in (JSON, "application/*", "*/*"):
                return JSON, parameters["v"]
            if media == YAML:
                return YAML, parameters["v"]
    raise NotAcceptable(_ACCEPTED)
