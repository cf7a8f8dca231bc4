"""ComponentStatuses: what `kubectl get componentstatuses` shows of the controllers, the scheduler and the store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kybern.apiserver.endpoints import component_statuses
from kybern.apiserver.pki import ensure_pki
from kybern.storage.backend import StoreUnavailable
from kybern.transport import Server, Tls, TlsFiles
from kybern.transport.exchange import Request, Response

from .api_server import Api, api_server

PATH = "/api/v1/componentstatuses"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
STORE = {"type": "Healthy", "status": "True", "message": "ok"}


@asynccontextmanager
async def component(directory: Path, status: int, body: str, *, is_plain: bool = False) -> AsyncIterator[int]:
    """Something that serves on a port of its own, with a certificate that nobody vouches for, or with none."""
    pki = ensure_pki(directory / "pki", ["example.com"], "")

    def handle(request: Request) -> Response:
        assert request.path == "/healthz"
        return Response(status, body.encode(), "text/plain")

    tls = None if is_plain else Tls(TlsFiles(pki.certificate("apiserver"), pki.key("apiserver")))
    server = Server(handle, tls=tls)
    await server.start([("127.0.0.1", 0)])
    try:
        yield server.addresses[0][1]
    finally:
        await server.stop(1.0)


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """With a controller-manager that is well and a scheduler that is not; port 1 has nobody."""
    async with component(tmp_path, 200, "ok") as port, api_server() as api:
        monkeypatch.setattr(component_statuses, "PORTS", {"controller-manager": port, "scheduler": 1})
        yield api


async def test_each_is_asked_how_it_is(api: Api) -> None:
    told = await api("GET", PATH)
    refused = 'Get "https://127.0.0.1:1/healthz": dial tcp 127.0.0.1:1: connect: connection refused'
    assert told.body == {
        "kind": "ComponentStatusList",
        "apiVersion": "v1",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": "controller-manager"},
                "conditions": [{"type": "Healthy", "status": "True", "message": "ok"}],
            },
            {
                "metadata": {"name": "scheduler"},
                "conditions": [{"type": "Healthy", "status": "False", "message": refused}],
            },
            {"metadata": {"name": "etcd-0"}, "conditions": [STORE]},
        ],
    }
    assert told.warnings == ["v1 ComponentStatus is deprecated in v1.19+"]


async def test_one_by_its_name(api: Api) -> None:
    told = await api("GET", f"{PATH}/etcd-0")
    assert told.body == {
        "kind": "ComponentStatus",
        "apiVersion": "v1",
        "metadata": {"name": "etcd-0"},
        "conditions": [STORE],
    }
    missing = await api("GET", f"{PATH}/nosuch")
    assert (missing.status, missing.message) == (404, 'componentstatus "nosuch" not found')
    assert missing.body["details"] == {"name": "nosuch", "kind": "componentstatus"}
    assert missing.warnings == ["v1 ComponentStatus is deprecated in v1.19+"]


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ({"fieldSelector": "metadata.name=scheduler"}, ["scheduler"]),
        ({"fieldSelector": "metadata.name!=scheduler"}, ["controller-manager", "etcd-0"]),
        ({"labelSelector": "a=b"}, []),
        ({"labelSelector": "!a"}, ["controller-manager", "scheduler", "etcd-0"]),
        ({"limit": "1"}, ["controller-manager", "scheduler", "etcd-0"]),
    ],
)
async def test_selectors_filter(api: Api, selectors: dict[str, str], expected: list[str]) -> None:
    told = await api("GET", PATH, None, None, **selectors)
    assert [each["metadata"]["name"] for each in told.body["items"]] == expected


async def test_other_fields_are_refused_and_so_are_other_verbs(api: Api) -> None:
    told = await api("GET", PATH, fieldSelector="foo=bar")
    assert (told.status, told.message) == (
        400,
        '"foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
    )
    for method in ("POST", "DELETE"):
        assert (await api(method, PATH, {})).status == 405


async def test_as_kubectl_prints_it(api: Api) -> None:
    told = (await api("GET", PATH, headers=TABLE)).body
    assert [column["name"] for column in told["columnDefinitions"]] == ["Name", "Status", "Message", "Error"]
    assert [row["cells"][:2] for row in told["rows"]] == [
        ["controller-manager", "Healthy"],
        ["scheduler", "Unhealthy"],
        ["etcd-0", "Healthy"],
    ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (500, {"type": "Healthy", "status": "False", "message": "HTTP probe failed with statuscode: 500"}),
        (204, {"type": "Healthy", "status": "True", "message": ""}),
    ],
)
async def test_an_answer_that_is_none_of_a_healthy_one(
    code: int, expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with component(tmp_path, code, "broken" if code == 500 else "") as port, api_server() as api:
        monkeypatch.setattr(component_statuses, "PORTS", {"scheduler": port})
        told = await api("GET", f"{PATH}/scheduler")
        assert told.body["conditions"] == [{key: value for key, value in expected.items() if value}]


async def test_a_port_where_something_else_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with component(tmp_path, 200, "ok", is_plain=True) as port, api_server() as api:
        monkeypatch.setattr(component_statuses, "PORTS", {"scheduler": port})
        (condition,) = (await api("GET", f"{PATH}/scheduler")).body["conditions"]
        words = f'Get "https://127.0.0.1:{port}/healthz": http: server gave HTTP response to HTTPS client'
        assert (condition["status"], condition["message"]) == ("False", words)


async def test_a_store_that_does_not_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(api.server.surroundings.backend, "range", fail)
    told = await api("GET", f"{PATH}/etcd-0")
    assert told.body["conditions"] == [{"type": "Healthy", "status": "False", "error": "the disk is gone"}]
