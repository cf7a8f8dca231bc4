"""Encodings and shapes of what is read: JSON, YAML, Tables, metadata only; and what is refused."""

from typing import Any

import orjson
import pytest
import yaml

from kybern.transport.exchange import Response
from tests.cluster.api_server import CORE, Api, api_server, config_map

MAPS = f"{CORE}/configmaps"
JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
ALL = f"only the following media types are accepted: {JSON}, {YAML}, {PROTOBUF}"
MADE = f"406: Not Acceptable\n\nAvailable representations: {JSON}, {YAML}, {PROTOBUF}"
STREAMS = f"only the following media types are accepted: {JSON};stream=watch, {PROTOBUF};stream=watch"
MADE_STREAMS = f"{MADE}, {JSON};stream=watch, {PROTOBUF};stream=watch"
ACCEPTED_BODIES = (
    f"the body of the request was in an unknown format - accepted media types include: {JSON}, {YAML}, {PROTOBUF}"
)


NOT_SO = (
    "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)",
    "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)",
)


def as_(kind: str, version: str = "v1", media: str = JSON) -> str:
    return f"{media};as={kind};v={version};g=meta.k8s.io"


async def read(api: Api, path: str, accept: str, **query: str) -> tuple[Response, Any]:
    answer = await api.raw("GET", path, None, {"accept": accept}, **query)
    assert isinstance(answer, Response)
    data = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    return answer, yaml.safe_load(data) if answer.content_type == YAML else orjson.loads(data)


SHAPES = [
    # Accept, of one object: (content type, kind, apiVersion), of a list
    (JSON, (JSON, "ConfigMap", "v1"), (JSON, "ConfigMapList", "v1")),
    (f"{JSON},{PROTOBUF}", (JSON, "ConfigMap", "v1"), (JSON, "ConfigMapList", "v1")),
    (f"{as_('Table', media=PROTOBUF)},{JSON}", (JSON, "ConfigMap", "v1"), (JSON, "ConfigMapList", "v1")),
    (YAML, (YAML, "ConfigMap", "v1"), (YAML, "ConfigMapList", "v1")),
    (f"*/*, {YAML}", (YAML, "ConfigMap", "v1"), (YAML, "ConfigMapList", "v1")),
    (f"{YAML};q=0.1, {JSON};q=0.2", (JSON, "ConfigMap", "v1"), (JSON, "ConfigMapList", "v1")),
    (as_("Table"), (JSON, "Table", "meta.k8s.io/v1"), (JSON, "Table", "meta.k8s.io/v1")),
    (as_("Table", media=YAML), (YAML, "Table", "meta.k8s.io/v1"), (YAML, "Table", "meta.k8s.io/v1")),
    (as_("Table", "v1beta1"), (JSON, "Table", "meta.k8s.io/v1beta1"), (JSON, "Table", "meta.k8s.io/v1beta1")),
    (f"{as_('Table', 'v9')}, {JSON}", (JSON, "ConfigMap", "v1"), (JSON, "ConfigMapList", "v1")),
    (f"{JSON};stream=other, {YAML}", (YAML, "ConfigMap", "v1"), (YAML, "ConfigMapList", "v1")),
    (
        f"{as_('PartialObjectMetadata', media=YAML)}, {as_('PartialObjectMetadataList')}",
        (YAML, "PartialObjectMetadata", "meta.k8s.io/v1"),
        None,
    ),
    (as_("PartialObjectMetadataList"), None, (JSON, "PartialObjectMetadataList", "meta.k8s.io/v1")),
    (as_("PartialObjectMetadata"), (JSON, "PartialObjectMetadata", "meta.k8s.io/v1"), None),
]


@pytest.mark.parametrize(("accept", "one", "many"), SHAPES, ids=[case[0] for case in SHAPES])
async def test_shapes(accept: str, one: tuple[str, str, str] | None, many: tuple[str, str, str] | None) -> None:
    async with api_server() as api:
        made = await api.create(MAPS, config_map("a", x="1"))
        for path, expected in ((f"{MAPS}/a", one), (MAPS, many)):
            answer, body = await read(api, path, accept)
            if expected is None:
                assert (answer.status, body["reason"]) == (406, "NotAcceptable")
                assert body["message"] in NOT_SO
                continue
            assert (answer.content_type, body["kind"], body["apiVersion"]) == expected
            items = body["rows"] if body["kind"] == "Table" else body.get("items", [body])
            metadata = [each.get("object", each)["metadata"] for each in items]
            assert made["metadata"] in metadata
            assert body["metadata"]["resourceVersion"]


REFUSED = [
    ("text/html", MADE, MADE_STREAMS),
    ("application/xml;q=0.9, image/*", MADE, MADE_STREAMS),
    (as_("Table", "v9"), ALL, ALL),
    (as_("Table", media=PROTOBUF), ALL, ALL),
    (as_("Nothing"), ALL, ALL),
    (f"{JSON};sv=v9", ALL, ALL),
]


@pytest.mark.parametrize(("accept", "one", "many"), REFUSED, ids=[case[0] for case in REFUSED])
async def test_what_cannot_be_had(accept: str, one: str, many: str) -> None:
    async with api_server() as api:
        for path, query, message in ((MAPS, {}, many), (f"{CORE}", {}, one), (MAPS, {"watch": "1"}, many)):
            answer, body = await read(api, path, accept, **query)
            assert (answer.status, body["reason"], body["message"]) == (406, "NotAcceptable", message)
        answer, body = await read(api, MAPS, YAML, watch="1")
        assert (answer.status, body["message"]) == (406, STREAMS)


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "application/json-patch+json", "x"])
async def test_bodies_that_are_not_read(media: str) -> None:
    async with api_server() as api:
        answer = await api("POST", MAPS, b"{}", {"content-type": media})
        assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")
        assert answer.message == ACCEPTED_BODIES


PRETTY = [
    ({"pretty": "true"}, {}, True),
    ({"pretty": "1"}, {}, True),
    ({"pretty": "yes"}, {}, False),
    ({"pretty": "false"}, {"user-agent": "curl/8.0"}, False),
    ({"pretty": ""}, {"user-agent": "curl/8.0"}, True),
    ({}, {"user-agent": "curl/8.0"}, True),
    ({}, {"accept": f"{JSON};pretty=1"}, True),
    ({}, {}, False),
]


@pytest.mark.parametrize(("query", "headers", "expected"), PRETTY)
async def test_pretty(query: dict[str, str], headers: dict[str, str], expected: bool) -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("a"))
        for path in (MAPS, f"{MAPS}/a", f"{MAPS}/none", CORE, "/api/v1"):
            answer = await api.raw("GET", path, None, headers, **query)
            data = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
            assert (b'\n  "kind": ' in data) == expected, path


async def test_failures_are_encoded_as_answers_are() -> None:
    async with api_server() as api:
        answer, body = await read(api, f"{MAPS}/none", YAML)
        assert (answer.status, answer.content_type, body["kind"]) == (404, YAML, "Status")
        assert body["message"] == 'configmaps "none" not found'
