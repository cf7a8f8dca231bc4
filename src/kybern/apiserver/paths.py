"""Paths that are no resources: discovery, OpenAPI, health, version, metrics, keys of the token issuer."""

import hashlib
import platform
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson

from kybern import KUBERNETES_VERSION
from kybern.api import discovery, openapi
from kybern.api.resource import Resource
from kybern.apiserver import answer, negotiate
from kybern.apiserver.call import Call
from kybern.apiserver.custom.publishing import Publisher
from kybern.apiserver.health import TEXT, Health
from kybern.apiserver.metrics.metrics import Metrics
from kybern.apiserver.negotiate import JSON
from kybern.apiserver.status import method_not_allowed, no_such_path
from kybern.transport.exchange import Response

AGGREGATED = "as=APIGroupDiscoveryList"
_READS = ("GET", "HEAD")
_OPENAPI_V3 = "/openapi/v3"


class Paths:
    """Documents are made once, when first asked for."""

    def __init__(
        self,
        resources: Sequence[Resource],
        own: Callable[[], Sequence[Resource]],
        health: Health,
        metrics: Metrics,
        address: str,
        more: Mapping[str, Callable[[], Any]],
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
        """Raises NotFound, MethodNotAllowed."""
        request = call.request
        if self._changes != self._custom.changes or self._told_own != self._own():
            self._changes, self._told_own = self._custom.changes, self._own()
            self._current = {}
            self._resources = [*self._documented, *self._told_own, *self._custom.rows]
        path = request.path.rstrip("/") or "/"
        if request.method not in _READS:
            if call.info.is_resource:
                return Response(404, b"404 page not found\n", TEXT)
            raise method_not_allowed()
        health = self._health.answer(request)
        if health is not None:
            return health
        match path:
            case "/":
                return answer.document(call, {"paths": self._listed})
            case "/version":
                return answer.document(call, self._version)
            case "/metrics":
                return Response(200, self._metrics.render(), "text/plain; version=0.0.4; charset=utf-8")
            case "/api" | "/apis":
                return self._roots(call, path)
        if path in self._more:
            return answer.document(call, self._more[path]())
        if path.startswith("/openapi/"):
            return self._openapi(call, path)
        return self._group(call, path)

    @property
    def _listed(self) -> list[str]:
        groups = {f"/apis/{row.group}" for row in self._resources if row.group}
        versions = {f"/apis/{row.api_version}" for row in self._resources if row.group}
        fixed = {"/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", _OPENAPI_V3, "/readyz"}
        return sorted(groups | versions | fixed | {"/version", "/", *self._more})

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

    def _roots(self, call: Call, path: str) -> Response:
        if AGGREGATED in call.request.headers.get("accept", ""):
            body = self._now(f"{path} aggregated", lambda: self._aggregated(path))
            return _tagged(call, body, discovery.AGGREGATED_V2)
        if path == "/api":
            return answer.document(call, discovery.api_versions(self._address))
        return self._document(call, path, lambda: discovery.api_group_list(self._resources, self._elsewhere()))

    def _aggregated(self, path: str) -> Any:
        return discovery.aggregated(self._resources, self._elsewhere(), core=path == "/api")

    def _group(self, call: Call, path: str) -> Response:
        parts = path.strip("/").split("/")
        groups = {row.group for row in self._resources} | {each.group for each in self._elsewhere()}
        if parts == ["api", "v1"]:
            return self._document(call, path, lambda: discovery.api_resource_list(self._resources, "", "v1"))
        if parts[0] == "apis" and len(parts) in (2, 3) and parts[1] in groups:
            if len(parts) == 2:
                return self._document(
                    call, path, lambda: discovery.api_group(self._resources, parts[1], self._elsewhere())
                )
            return self._document(call, path, lambda: discovery.api_resource_list(self._resources, parts[1], parts[2]))
        if parts[0] == "api" and len(parts) > 1:
            raise no_such_path()
        return Response(404, b"404 page not found\n", TEXT)

    def _document(self, call: Call, path: str, make: Callable[[], Any]) -> Response:
        shape = negotiate.shape_of(call.request.headers.get("accept", ""))
        body = self._now(path, make)
        if body == b"null":
            raise no_such_path()
        if shape is negotiate.PLAIN and not negotiate.wants_pretty(call.request):
            return Response(200, body)
        return answer.encoded(call, orjson.loads(body), shape.media)

    def _openapi(self, call: Call, path: str) -> Response | Awaitable[Response]:
        version = f"v{KUBERNETES_VERSION.removeprefix('v')}"
        if path == "/openapi/v2":
            return self._openapi_v2(call, path, version)
        if path == _OPENAPI_V3:
            return self._document(call, path, lambda: self._v3_index(version))
        name = path.removeprefix(_OPENAPI_V3 + "/")
        custom = self._now(path, lambda: self._custom.v3(name, version))
        body = custom if custom != b"null" else self._once(path, lambda: openapi.v3(self._documented, name, version))
        if body == b"null":
            return Response(404, b"404 page not found\n", TEXT)
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


def _tagged(call: Call, body: bytes, media: str) -> Response:
    """An answer that clients keep: one that has this very document is told just that."""
    tag = f'"{hashlib.sha512(body).hexdigest().upper()}"'
    headers = [("Etag", tag), ("Vary", "Accept")]
    if call.request.headers.get("if-none-match") == tag:
        return Response(304, b"", media, headers)
    return Response(200, body, media, headers)


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
