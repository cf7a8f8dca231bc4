"""Paths that are no resources: discovery, OpenAPI, health, version, metrics, keys of the token issuer."""

import hashlib
import platform
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import orjson

from kybern import KUBERNETES_VERSION
from kybern.api import discovery, openapi
from kybern.api.resource import Resource
from kybern.api.validation.field import quote
from kybern.apiserver import answer, negotiate, yaml
from kybern.apiserver.call import Call
from kybern.apiserver.custom.publishing import Publisher
from kybern.apiserver.metrics.metrics import Metrics
from kybern.apiserver.negotiate import JSON
from kybern.apiserver.status import method_not_allowed, no_such_path
from kybern.metrics.family import render
from kybern.serving.health import TEXT, Health
from kybern.transport.exchange import Request, Response

_OPENAPI_V3 = "/openapi/v3"
_KEYS_KEPT_SECONDS = 3600
"""How long whoever checks tokens may keep the issuer's documents."""
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ROUTED_GROUP = "apiregistration.k8s.io"
"""Upstream's aggregator tells of the other groups itself, and of this one through its router."""


class Document(NamedTuple):
    """Of a path: its one encoding, and what makes it."""

    media: str
    make: Callable[[], Any]


class Pages(Protocol):
    """Pages for people who look after the server."""

    @property
    def paths(self) -> Iterable[str]:
        """Those that are listed."""
        ...

    def answer(self, call: Call) -> Response | Awaitable[Response] | None:
        """None: no such page. Raises NotAcceptable."""
        ...


class Paths:
    """Documents are made once, when first asked for."""

    def __init__(
        self,
        resources: Sequence[Resource],
        own: Callable[[], Sequence[Resource]],
        health: Health,
        pages: Sequence[Pages],
        metrics: Metrics,
        address: str,
        more: Mapping[str, Document],
        custom: Publisher,
        elsewhere: Callable[[], Sequence[discovery.Elsewhere]],
    ) -> None:
        self._documented = resources
        self._own = own
        """Kybern's own resources, which have no place in upstream's definitions."""
        self._told_own: Sequence[Resource] = ()
        self._custom = custom
        self._resources: Sequence[Resource] = resources
        """With Kybern's own and the custom resources that there are now."""
        self._health = health
        self._pages = pages
        self._metrics = metrics
        self._address = address
        self._more = more
        """Further paths that answer a JSON document: the token issuer's."""
        self._made: dict[str, bytes] = {}
        """Documents that never change."""
        self._current: dict[str, bytes] = {}
        """Documents that change with the custom resources."""
        self._changes = 0
        self._elsewhere = elsewhere
        """Versions that other servers serve."""

    def forget(self) -> None:
        """What others serve has changed."""
        self._current = {}

    def answer(self, call: Call) -> Response | Awaitable[Response]:
        """Raises NotFound, MethodNotAllowed, NotAcceptable."""
        if self._changes != self._custom.changes or self._told_own != self._own():
            self._changes, self._told_own = self._custom.changes, self._own()
            self._current = {}
            self._resources = [*self._documented, *self._told_own, *self._custom.rows]
        return self._plain(call) or self._routed(call)

    def _plain(self, call: Call) -> Response | Awaitable[Response] | None:
        """What upstream serves beside its router: whatever the method is, it is a GET."""
        path = call.request.path
        if path == "/":
            return _indented({"paths": self.listed})
        if path == "/metrics":
            return Response(200, self._metrics.render(), _METRICS_TYPE)
        if path == "/metrics/slis":
            return Response(200, render(self._health.families()), _METRICS_TYPE)
        if path in ("/openapi/v2", _OPENAPI_V3) or path.startswith(_OPENAPI_V3 + "/"):
            return self._openapi(call, path)
        path = path.rstrip("/")
        if path == "/apis":
            return self._groups(call, path, routed=False)
        parts = path.split("/")
        if parts[:2] == ["", "apis"] and len(parts) == 3 and parts[2] != _ROUTED_GROUP and self._has(parts[2]):
            return self._group(call, path, parts[2], routed=False)
        if parts[:2] == ["", "apis"] and len(parts) == 4 and self._is_custom(*parts[2:]):
            return self._version_of(call, path, *parts[2:], routed=False)
        told = (page.answer(call) for page in self._pages)
        return next((answer for answer in told if answer is not None), None) or self._health.answer(call.request)

    def _routed(self, call: Call) -> Response:
        request = call.request
        path = request.path.rstrip("/")
        if path.endswith(("/watch", "/proxy")) and path.startswith(("/api/", "/apis/")):
            return _no_request_info(request)
        parts = path.split("/")[1:] or [""]
        is_group = parts == ["apis", _ROUTED_GROUP]
        is_version = parts == ["api", "v1"] or (parts[0] == "apis" and len(parts) == 3 and self._serves(*parts[1:]))
        if not (is_version or is_group or path == "/api" or path == "/version" or path in self._more):
            if parts[0] == "api" or (parts[0] == "apis" and len(parts) > 2 and self._is_built_in(parts[1])):
                raise no_such_path()
            return Response(404, b"404 page not found\n", TEXT)
        if request.method != "GET":
            raise method_not_allowed()
        if path == "/api":
            return self._groups(call, path, routed=True)
        if is_group:
            return self._group(call, path, parts[1], routed=True)
        if is_version:
            group, version = ("", "v1") if parts[0] == "api" else (parts[1], parts[2])
            return self._version_of(call, path, group, version, routed=True)
        accept = request.headers.get("accept", "")
        if path not in self._more:
            negotiate.require_media(accept, JSON)
            return _indented(self._version)
        media, make = self._more[path]
        negotiate.require_media(accept, media)
        headers = [("Cache-Control", f"public, max-age={_KEYS_KEPT_SECONDS}")]
        return Response(200, orjson.dumps(make()), media, headers)

    def _is_built_in(self, group: str) -> bool:
        return any(row.group == group and not row.is_custom for row in self._resources)

    def _has(self, group: str) -> bool:
        return any(row.group == group for row in self._resources) or any(
            each.group == group for each in self._elsewhere()
        )

    def _serves(self, group: str, version: str) -> bool:
        return any((row.group, row.version) == (group, version) for row in self._resources)

    @property
    def listed(self) -> list[str]:
        """Every path that is told of at `/`."""
        groups = {f"/apis/{row.group}" for row in self._resources if row.group}
        versions = {f"/apis/{row.api_version}" for row in self._resources if row.group}
        pages = [path for each in self._pages for path in each.paths]
        fixed = {
            "/api",
            "/api/v1",
            "/apis",
            "/apis/",
            "/metrics",
            "/metrics/slis",
            "/openapi/v2",
            _OPENAPI_V3,
            f"{_OPENAPI_V3}/",
        }
        return sorted(groups | versions | fixed | {"/version", *self._more, *self._health.paths, *pages})

    @cached_property
    def _version(self) -> dict[str, str]:
        number = KUBERNETES_VERSION.removeprefix("v")
        major, minor = number.split(".")[:2]
        return {
            "major": major,
            "minor": minor,
            "emulationMajor": major,
            "emulationMinor": minor,
            "minCompatibilityMajor": major,
            "minCompatibilityMinor": str(int(minor) - 1),
            "gitVersion": f"v{number}",
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "",
            "compiler": f"Python {platform.python_version()}",
            "platform": f"linux/{_ARCHITECTURES.get(platform.machine(), platform.machine())}",
        }

    def _groups(self, call: Call, path: str, *, routed: bool) -> Response:
        accept = call.request.headers.get("accept", "")
        has_aggregated = call.request.path != "/apis/"  # Upstream has it without the slash only.
        media, aggregated = negotiate.discovery_media(accept, routed=routed, aggregated=has_aggregated)
        if aggregated:
            made = lambda: discovery.aggregated(self._resources, self._elsewhere(), core=path == "/api")  # noqa: E731
            body = self._now(f"{path} aggregated", made)
            if media != JSON:
                body = yaml.dump(orjson.loads(body))
            answered = _tagged(call, body, discovery.AGGREGATED_V2.replace(JSON, media))
            answered.headers = [*answered.headers, ("Cache-Control", "public")]
            return answered
        if path == "/api":
            return answer.encoded(call, discovery.api_versions(self._address), media)
        made = lambda: discovery.api_group_list(self._resources, self._elsewhere())  # noqa: E731
        return self._document(call, path, made, routed=routed)

    def _is_custom(self, group: str, version: str) -> bool:
        return any((row.group, row.version) == (group, version) for row in self._custom.rows)

    def _version_of(self, call: Call, path: str, group: str, version: str, *, routed: bool) -> Response:
        made = lambda: discovery.api_resource_list(self._resources, group, version)  # noqa: E731
        return self._document(call, path, made, routed=routed)

    def _group(self, call: Call, path: str, group: str, *, routed: bool) -> Response:
        made = lambda: discovery.api_group(self._resources, group, self._elsewhere())  # noqa: E731
        return self._document(call, path, made, routed=routed)

    def _document(self, call: Call, path: str, make: Callable[[], Any], *, routed: bool) -> Response:
        media, _ = negotiate.discovery_media(call.request.headers.get("accept", ""), routed=routed)
        body = self._now(path, make)
        if media == JSON and not negotiate.wants_pretty(call.request):
            return Response(200, body)
        return answer.encoded(call, orjson.loads(body), media)

    def _openapi(self, call: Call, path: str) -> Response | Awaitable[Response]:
        version = f"v{KUBERNETES_VERSION.removeprefix('v')}"
        if path == "/openapi/v2":
            return self._openapi_v2(call, path, version)
        if path == _OPENAPI_V3:
            return answer.encoded(call, orjson.loads(self._now(path, lambda: self._v3_index(version))), JSON)
        if not negotiate.takes(call.request.headers.get("accept", ""), JSON):
            return Response(406, b"", "")
        name = path.removeprefix(_OPENAPI_V3 + "/")
        custom = self._now(path, lambda: self._custom.v3(name))
        body = custom if custom != b"null" else self._once(path, lambda: openapi.v3(self._documented, name, version))
        if body == b"null":
            return Response(404, b"", "")
        answered = _tagged(call, body, JSON)
        if "hash" in call.request.query:
            answered.headers = [*answered.headers, ("Cache-Control", "public, immutable")]
        return answered

    def _v3_index(self, version: str) -> Any:
        paths = openapi.v3_index(self._documented, version)["paths"]
        for path, state in self._custom.index(version).items():
            paths[path] = {"serverRelativeURL": f"{_OPENAPI_V3}/{path}?hash={state}"}
        return {"paths": dict(sorted(paths.items()))}

    def _openapi_v2(self, call: Call, path: str, version: str) -> Response | Awaitable[Response]:
        if not negotiate.takes(call.request.headers.get("accept", ""), JSON, openapi.V2_PROTOBUF_ASKED):
            return Response(406, b"", "")
        protobuf = openapi.V2_PROTOBUF_ASKED in call.request.headers.get("accept", "")
        media, name = (openapi.V2_PROTOBUF, path + " protobuf") if protobuf else (JSON, path)
        known = self._current.get(name)
        if known is not None:
            return _tagged(call, known, media)
        builtin = self._once(path, lambda: openapi.v2(self._documented, version))
        if self._custom.rows:
            return self._merged_v2(call, builtin, name, media)
        if protobuf:
            builtin = self._once(name, lambda: openapi.in_protobuf(builtin))
        return _tagged(call, builtin, media)

    async def _merged_v2(self, call: Call, builtin: bytes, name: str, media: str) -> Response:
        changes, current = self._changes, self._current
        body = await self._custom.v2(builtin)
        if media != JSON:
            body = openapi.in_protobuf(body)
        if changes == self._custom.changes:
            current[name] = body
        return _tagged(call, body, media)

    def _now(self, name: str, make: Callable[[], Any]) -> bytes:
        """A document as the custom resources have it now."""
        body = self._current.get(name)
        if body is None:
            made = make()
            body = self._current[name] = made if isinstance(made, bytes) else orjson.dumps(made)
        return body

    def _once(self, name: str, make: Callable[[], Any]) -> bytes:
        body = self._made.get(name)
        if body is None:
            made = make()
            body = self._made[name] = made if isinstance(made, bytes) else orjson.dumps(made)
        return body


def _indented(body: Any) -> Response:
    """What upstream writes past all encoders."""
    return Response(200, orjson.dumps(body, option=orjson.OPT_INDENT_2))


def _no_request_info(request: Request) -> Response:
    """A path that says how something is asked for, and not what: upstream gives up before any stage."""
    target = f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path
    fault = f"unable to determine kind and namespace from url, {target}"
    words = f"Internal Server Error: {quote(target)}: failed to create RequestInfo: {fault}\n"
    return Response(500, words.encode(), TEXT)


def _tagged(call: Call, body: bytes, media: str) -> Response:
    """An answer that clients keep: one that has this very document is told just that."""
    tag = f'"{hashlib.sha512(body).hexdigest().upper()}"'
    headers = [("Etag", tag), ("Vary", "Accept")]
    if call.request.headers.get("if-none-match") == tag:
        return Response(304, b"", media, headers)
    return Response(200, body, media, headers)


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
