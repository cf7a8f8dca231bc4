"""Paths that are no resources: discovery, OpenAPI, health, version, metrics, keys of the token issuer."""

import platform
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson

from kybern import KUBERNETES_VERSION
from kybern.api import discovery, openapi
from kybern.api.resource import Resource
from kybern.apiserver import answer, negotiate
from kybern.apiserver.call import Call
from kybern.apiserver.health import TEXT, Health
from kybern.apiserver.metrics import Metrics
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
        own: Sequence[Resource],
        health: Health,
        metrics: Metrics,
        address: str,
        more: Mapping[str, Callable[[], Any]],
    ) -> None:
        self._documented = resources
        self._resources = [*resources, *own]
        """With Kybern's own resources, which have no place in upstream's definitions."""
        self._health = health
        self._metrics = metrics
        self._address = address
        self._more = more
        """Further paths that answer a JSON document: the token issuer's."""
        self._made: dict[str, bytes] = {}

    def answer(self, call: Call) -> Response:
        """Raises NotFound, MethodNotAllowed."""
        request = call.request
        path = request.path.rstrip("/") or "/"
        if request.method not in _READS:
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

    @cached_property
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
            body = self._once(f"{path} aggregated", lambda: discovery.aggregated(self._resources, core=path == "/api"))
            return Response(200, body, discovery.AGGREGATED_V2)
        if path == "/api":
            return answer.document(call, discovery.api_versions(self._address))
        return self._document(call, path, lambda: discovery.api_group_list(self._resources))

    def _group(self, call: Call, path: str) -> Response:
        parts = path.strip("/").split("/")
        groups = {row.group for row in self._resources}
        if parts == ["api", "v1"]:
            return self._document(call, path, lambda: discovery.api_resource_list(self._resources, "", "v1"))
        if parts[0] == "apis" and len(parts) in (2, 3) and parts[1] in groups:
            if len(parts) == 2:
                return self._document(call, path, lambda: discovery.api_group(self._resources, parts[1]))
            return self._document(call, path, lambda: discovery.api_resource_list(self._resources, parts[1], parts[2]))
        if parts[0] == "api" and len(parts) > 1:
            raise no_such_path()
        return Response(404, b"404 page not found\n", TEXT)

    def _document(self, call: Call, path: str, make: Callable[[], Any]) -> Response:
        shape = negotiate.shape_of(call.request.headers.get("accept", ""))
        body = self._once(path, make)
        if body == b"null":
            raise no_such_path()
        if shape is negotiate.PLAIN and not negotiate.wants_pretty(call.request):
            return Response(200, body)
        return answer.encoded(call, orjson.loads(body), shape.media)

    def _openapi(self, call: Call, path: str) -> Response:
        version = f"v{KUBERNETES_VERSION.removeprefix('v')}"
        if path == "/openapi/v2":
            if openapi.V2_PROTOBUF_ASKED in call.request.headers.get("accept", ""):
                body = self._once(path + " protobuf", lambda: openapi.v2_protobuf(self._documented, version))
                return Response(200, body, openapi.V2_PROTOBUF)
            return Response(200, self._once(path, lambda: openapi.v2(self._documented, version)))
        if path == _OPENAPI_V3:
            return self._document(call, path, lambda: openapi.v3_index(self._documented, version))
        name = path.removeprefix(_OPENAPI_V3 + "/")
        body = self._once(path, lambda: openapi.v3(self._documented, name, version))
        if body == b"null":
            return Response(404, b"404 page not found\n", TEXT)
        headers = (("Cache-Control", "public, immutable"),) if "hash" in call.request.query else ()
        return Response(200, body, headers=headers)

    def _once(self, name: str, make: Callable[[], Any]) -> bytes:
        body = self._made.get(name)
        if body is None:
            made = make()
            body = self._made[name] = made if isinstance(made, bytes) else orjson.dumps(made)
        return body


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
