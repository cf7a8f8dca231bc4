"""APIs that another server serves, behind this one's door."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from kybern.apiserver.aggregation import passing
from kybern.apiserver.pki import Pki, ensure_pki
from kybern.apiserver.user import authenticated
from kybern.base.errors import ServiceUnavailable
from kybern.transport import Server, Tls, TlsFiles
from kybern.transport.exchange import Request, Response, Stream
from tests.cluster.api_server import Api, api_server

SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
METRICS = "/apis/metrics.example.com/v1"
RESOURCES = [
    {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
]


class Extension:
    """Another API server; what it is asked is kept."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.code = 200

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        if request.path == METRICS:
            body = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": METRICS[6:], "resources": RESOURCES}
            return Response(self.code, orjson.dumps(body))
        return Response(200, orjson.dumps({"kind": "PodMetricsList", "path": request.path, "query": request.raw_query}))

    async def last(self, path: str) -> Request:
        return [each for each in self.asked if each.path == path][-1]


@asynccontextmanager
async def aggregating(folder: Path) -> AsyncIterator[tuple[Api, Extension, Any]]:
    """An API server, another one, and the APIService that would make it known."""
    pki = ensure_pki(folder / "own", ["127.0.0.1"], "")
    theirs = ensure_pki(folder / "theirs", ["extension.default.svc"], "")
    extension = Extension()
    files = TlsFiles(theirs.certificate("apiserver"), theirs.key("apiserver"), pki.certificate("front-proxy-ca"))
    server = Server(extension, tls=Tls(files))
    await server.start([("127.0.0.1", 0)])
    port = server.addresses[0][1]
    options = {
        "proxy_client_cert_file": pki.certificate("front-proxy-client"),
        "proxy_client_key_file": pki.key("front-proxy-client"),
    }
    try:
        async with api_server(**options) as api:
            spec = {"type": "ExternalName", "externalName": "localhost"}
            await api.create("/api/v1/namespaces/default/services", {"metadata": {"name": "extension"}, "spec": spec})
            yield api, extension, _api_service(theirs, port)
    finally:
        await server.stop(1.0)


def _api_service(pki: Pki, port: int) -> Any:
    return {
        "metadata": {"name": "v1.metrics.example.com"},
        "spec": {
            "group": "metrics.example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": base64.b64encode(pki.authority.read_bytes()).decode(),
            "service": {"name": "extension", "namespace": "default", "port": port},
        },
    }


async def _available(api: Api, name: str, status: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            answer = await api("GET", f"{SERVICES}/{name}")
            status_of = answer.body.get("status") if answer.status == 200 else None
            told = (status_of or {}).get("conditions") or [{}]
            if told[0].get("status") == status:
                return told[0]
            await asyncio.sleep(0.01)


async def _listed(api: Api, path: str, name: str, wanted: bool, accept: str = "application/json") -> Any:
    async with asyncio.timeout(60):
        while (name in str(found := (await api("GET", path, None, {"accept": accept})).body)) is not wanted:
            await asyncio.sleep(0.01)
        return found


async def test_a_request_is_passed_on_with_the_users_name(tmp_path: Path) -> None:
    async with aggregating(tmp_path) as (api, extension, api_service):
        await api.create(SERVICES, api_service)
        told = await _available(api, "v1.metrics.example.com", "True")
        assert (told["reason"], told["message"]) == ("Passed", "all checks passed")
        jane = authenticated("jane", ("system:masters", "team"), "uid-1", {"scope/x": ("a", "b")})
        path = f"{METRICS}/namespaces/default/pods"
        stream = await api.as_user(jane).raw(
            "GET", path, None, {"authorization": "Bearer secret", "x-remote-user": "root", "cookie": "c"}
        )
        assert isinstance(stream, Stream)
        assert orjson.loads(b"".join([piece async for piece in stream.pieces]))["path"] == path
        asked = await extension.last(path)
        assert asked.headers["x-remote-user"] == "jane"
        assert asked.headers["x-remote-uid"] == "uid-1"
        assert "team" in asked.headers["x-remote-group"]
        assert "authorization" not in asked.headers
        assert "cookie" not in asked.headers
        assert asked.headers["x-remote-extra-scope%2fx"]


async def test_nobody_is_passed_on_without_the_right(tmp_path: Path) -> None:
    async with aggregating(tmp_path) as (api, extension, api_service):
        await api.create(SERVICES, api_service)
        await _available(api, "v1.metrics.example.com", "True")
        path = f"{METRICS}/namespaces/default/pods"
        answer = await api.as_user(authenticated("jane", ()))("GET", path)
        assert answer.status == 403
        assert 'cannot list resource "pods" in API group "metrics.example.com"' in answer.message
        assert not [each for each in extension.asked if each.path == path]


async def test_discovery_is_merged_and_taken_apart_again(tmp_path: Path) -> None:
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    async with aggregating(tmp_path) as (api, _, api_service):
        await api.create(SERVICES, api_service)
        groups = await _listed(api, "/apis", "metrics.example.com", True)
        group = next(each for each in groups["groups"] if each["name"] == "metrics.example.com")
        assert group["preferredVersion"] == {"groupVersion": "metrics.example.com/v1", "version": "v1"}
        merged = await _listed(api, "/apis", "PodMetrics", True, aggregated)
        item = next(each for each in merged["items"] if each["metadata"]["name"] == "metrics.example.com")
        (resource,) = item["versions"][0]["resources"]
        assert (resource["resource"], resource["scope"]) == ("pods", "Namespaced")
        assert resource["responseKind"]["kind"] == "PodMetrics"
        one = await api("GET", "/apis/metrics.example.com")
        assert (one.status, one.body["name"]) == (200, "metrics.example.com")
        await api("DELETE", f"{SERVICES}/v1.metrics.example.com")
        await _listed(api, "/apis", "metrics.example.com", False)
        assert (await api("GET", "/apis/metrics.example.com")).status == 404


async def test_what_cannot_be_reached_is_told(tmp_path: Path) -> None:
    async with aggregating(tmp_path) as (api, extension, api_service):
        extension.code = 500
        await api.create(SERVICES, api_service)
        told = await _available(api, "v1.metrics.example.com", "False")
        assert told["reason"] == "FailedDiscoveryCheck"
        assert "bad status from https://" in told["message"]
        answer = await api("GET", f"{METRICS}/pods")
        assert (answer.status, answer.body) == (503, "service unavailable\n")
        api_service["metadata"]["name"] = "v2.metrics.example.com"
        api_service["spec"] |= {"version": "v2", "service": {**api_service["spec"]["service"], "name": "absent"}}
        await api.create(SERVICES, api_service)
        told = await _available(api, "v2.metrics.example.com", "False")
        assert (told["reason"], told["message"]) == ("ServiceNotFound", 'service/absent in "default" is not present')


async def test_an_impostor_is_not_believed(tmp_path: Path) -> None:
    async with aggregating(tmp_path) as (api, extension, api_service):
        other = ensure_pki(tmp_path / "other", ["extension.default.svc"], "")
        api_service["spec"]["caBundle"] = base64.b64encode(other.authority.read_bytes()).decode()
        await api.create(SERVICES, api_service)
        told = await _available(api, "v1.metrics.example.com", "False")
        assert told["reason"] == "FailedDiscoveryCheck"
        assert not extension.asked


async def test_groups_served_here_have_their_api_services() -> None:
    async with api_server() as api:
        told = await _available(api, "v1.apps", "True")
        assert (told["reason"], told["message"]) == ("Local", "Local APIServices are always available")
        for name in ("v1.", "v2.autoscaling", "v1.batch"):
            await _available(api, name, "True")
        listed = await api.get(SERVICES)
        assert all(
            each["metadata"]["labels"] == {"kube-aggregator.kubernetes.io/automanaged": "onstart"}
            for each in listed["items"]
        )


async def test_what_becomes_available_is_in_discovery_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients look for a resource as soon as its first request is answered."""
    monkeypatch.setattr("kybern.apiserver.aggregation.discovery.LOOK_SECONDS", 60.0)
    async with aggregating(tmp_path) as (api, _, api_service):
        await api.create(SERVICES, api_service)
        await _available(api, "v1.metrics.example.com", "True")
        await _listed(
            api, "/apis", "PodMetrics", True, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        )


async def test_a_server_that_goes_away_is_told_in_plain_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with aggregating(tmp_path) as (api, _, api_service):
        await api.create(SERVICES, api_service)
        await _available(api, "v1.metrics.example.com", "True")

        async def gone(*given: object, **more: object) -> None:
            raise ServiceUnavailable("error trying to reach service: EOF")

        monkeypatch.setattr(passing, "pass_on", gone)
        answer = await api("GET", f"{METRICS}/pods")
        assert (answer.status, answer.body) == (503, "error trying to reach service: EOF\n")
