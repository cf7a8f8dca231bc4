"""What clients get that ask for protobuf: the same objects, lists, events and errors as in JSON."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kybern.api import protobuf
from kybern.apiserver.binary import SLICE
from kybern.transport.exchange import Stream
from tests.cluster.api_server import CORE, TIMEOUT_SECONDS, Api, api_server, config_map, pod
from tests.cluster.custom_resources import WIDGETS, definition, established, widget
from tests.cluster.test_conversion_webhooks import V1, V2, converted, install
from tests.cluster.test_conversion_webhooks import widget as converted_widget
from tests.cluster.webhook_server import webhook_server

PROTOBUF = protobuf.MEDIA_TYPE
BOTH = f"{PROTOBUF},application/json"
METADATA = f"{PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = f"{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TABLE = "as=Table;g=meta.k8s.io;v=v1"


async def _ask(api: Api, method: str, path: str, accept: str, body: Any = None, **query: str) -> tuple[int, str, Any]:
    """(code, media type, the object as a dict) of an answer."""
    answer = await api.raw(method, path, body, {"accept": accept}, **query)
    data = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    return answer.status, answer.content_type, _decoded(data) if answer.content_type == PROTOBUF else data


def _decoded(data: bytes) -> Any:
    return protobuf.decode(data, "v1")[2]


def _settled(value: Any) -> Any:
    """Without what protobuf does not tell from nothing."""
    if isinstance(value, dict):
        settled = {key: _settled(each) for key, each in value.items()}
        return {key: each for key, each in settled.items() if each not in ({}, [], None)}
    return [_settled(each) for each in value] if isinstance(value, list) else value


class Events:
    """The frames of a watch."""

    def __init__(self, stream: Stream) -> None:
        assert stream.content_type == f"{PROTOBUF};stream=watch"
        self._pieces = stream.pieces
        self._data = b""

    async def next(self) -> tuple[str, Any]:
        """(type, object)."""
        while len(self._data) < 4 or len(self._data) < 4 + int.from_bytes(self._data[:4], "big"):
            self._data += await anext(self._pieces)
        end = 4 + int.from_bytes(self._data[:4], "big")
        frame, self._data = self._data[4:end], self._data[end:]
        size = frame[1]
        return frame[2 : 2 + size].decode(), _decoded(frame[frame.index(b"k8s\0") :])


async def _watch(api: Api, path: str, accept: str = PROTOBUF, **query: str) -> Events:
    stream = await api.raw("GET", path, None, {"accept": accept}, watch="1", **query)
    assert isinstance(stream, Stream)
    return Events(stream)


async def test_an_object_a_list_and_their_metadata() -> None:
    async with api_server() as api:
        created = await _ask(api, "POST", f"{CORE}/pods", BOTH, pod("web", labels={"app": "web"}))
        assert created[:2] == (201, PROTOBUF)
        plain = await api.get(f"{CORE}/pods/web")
        assert _settled(created[2]) == _settled(plain)
        for _ in range(2):
            assert _settled((await _ask(api, "GET", f"{CORE}/pods/web", PROTOBUF))[2]) == _settled(plain)
        found = (await _ask(api, "GET", f"{CORE}/pods/web", METADATA))[2]
        assert found == {
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": plain["metadata"]
        }  # fmt: skip
        await api.create(f"{CORE}/pods", pod("api"))
        listed = (await _ask(api, "GET", f"{CORE}/pods", PROTOBUF))[2]
        assert _settled(listed) == _settled(await api.get(f"{CORE}/pods"))
        metadata = (await _ask(api, "GET", f"{CORE}/pods", METADATA_LIST))[2]
        assert metadata["kind"] == "PartialObjectMetadataList"
        assert [each["metadata"]["name"] for each in metadata["items"]] == ["api", "web"]


async def test_others_have_their_turn_while_a_long_list_is_encoded() -> None:
    async with api_server() as api:
        names = [f"c{number:03}" for number in range(3 * SLICE)]
        for name in names:
            await api.create(f"{CORE}/configmaps", config_map(name))
        listing = asyncio.ensure_future(_ask(api, "GET", f"{CORE}/configmaps", PROTOBUF))
        await asyncio.sleep(0)
        await api.get(f"{CORE}/configmaps/c000")
        assert not listing.done()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert [each["metadata"]["name"] for each in (await listing)[2]["items"]] == names
        answer = await _ask(api, "GET", f"{CORE}/configmaps", PROTOBUF, limit="200")
        assert len(answer[2]["items"]) == 200


async def test_updates_and_patches() -> None:
    async with api_server() as api:
        made = await api.create(f"{CORE}/configmaps", config_map("c", a="1"))
        body = protobuf.encode({**made, "data": {"a": "2"}})
        answer = await api.raw("PUT", f"{CORE}/configmaps/c", body, {"accept": PROTOBUF, "content-type": PROTOBUF})
        assert protobuf.decode(answer.body)[2]["data"] == {"a": "2"}
        headers = {"accept": PROTOBUF, "content-type": "application/merge-patch+json"}
        answer = await api.raw("PATCH", f"{CORE}/configmaps/c", {"data": {"b": "3"}}, headers)
        assert protobuf.decode(answer.body)[2]["data"] == {"a": "2", "b": "3"}
        gone = await _ask(api, "DELETE", f"{CORE}/configmaps/c", PROTOBUF)
        assert (gone[2]["kind"], gone[2]["status"]) == ("Status", "Success")


async def test_errors() -> None:
    async with api_server() as api:
        for accept in (PROTOBUF, BOTH):
            status, media, error = await _ask(api, "GET", f"{CORE}/pods/none", accept)
            assert (status, media, error["reason"]) == (404, PROTOBUF, "NotFound")
            assert error["message"] == 'pods "none" not found'
        status, media, _ = await _ask(api, "GET", f"{CORE}/pods/none", METADATA)
        assert (status, media) == (404, "application/json"), "of another shape: told in JSON"
        status, media, _ = await _ask(api, "GET", f"{CORE}/pods", f"{PROTOBUF};{TABLE}")
        assert (status, media) == (406, "application/json"), "there is no Table in protobuf"
        status, media, _ = await _ask(api, "GET", f"{CORE}/pods", f"{PROTOBUF};{TABLE},application/json;{TABLE}")
        assert (status, media) == (200, "application/json")


async def test_events() -> None:
    async with api_server() as api:
        await api.create(f"{CORE}/configmaps", config_map("a"))
        events = await _watch(
            api, f"{CORE}/configmaps", sendInitialEvents="true", resourceVersionMatch="NotOlderThan",
            allowWatchBookmarks="true",
        )  # fmt: skip
        metadata = await _watch(api, f"{CORE}/configmaps", METADATA, resourceVersion="1")
        kind, obj = await events.next()
        assert (kind, obj["kind"], obj["metadata"]["name"]) == ("ADDED", "ConfigMap", "a")
        kind, obj = await events.next()
        assert (kind, obj["metadata"]["annotations"]) == ("BOOKMARK", {"k8s.io/initial-events-end": "true"})
        assert (await metadata.next())[1]["metadata"]["name"] == "a"
        made = await api.create(f"{CORE}/configmaps", config_map("b", key="value"))
        assert _settled((await events.next())[1]) == _settled(made)
        kind, obj = await metadata.next()
        assert (kind, obj["kind"]) == ("ADDED", "PartialObjectMetadata")
        assert obj["metadata"] == made["metadata"]
        await api("DELETE", f"{CORE}/configmaps/b")
        kind, obj = await events.next()
        assert (kind, obj["data"]) == ("DELETED", {"key": "value"})
        assert int(obj["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


async def test_a_watch_that_fails_says_so_in_a_frame() -> None:
    async with api_server() as api:
        kind, error = await (await _watch(api, f"{CORE}/pods", resourceVersion="1000000")).next()
        assert (kind, error["kind"], error["reason"]) == ("ERROR", "Status", "Timeout")


async def test_custom_resources_show_their_metadata_only() -> None:
    async with api_server() as api:
        await established(api, definition())
        path = WIDGETS
        created = await api.create(path, widget("a"))
        assert (await _ask(api, "GET", f"{path}/a", BOTH))[1] == "application/json"
        status, media, error = await _ask(api, "GET", f"{path}/a", PROTOBUF)
        assert (status, media, error["reason"]) == (406, PROTOBUF, "NotAcceptable")
        assert (await _ask(api, "GET", f"{path}/a", METADATA))[2]["metadata"] == created["metadata"]
        assert len((await _ask(api, "GET", path, METADATA_LIST))[2]["items"]) == 1
        kind, obj = await (await _watch(api, path, METADATA)).next()
        assert (kind, obj["metadata"]) == ("ADDED", created["metadata"])


async def test_metadata_of_custom_resources_that_a_webhook_converts(tmp_path: Path) -> None:
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        await install(api, hook)
        events = await _watch(api, V2, METADATA)
        stored = await api.create(V1, converted_widget("a", "v1", size=1))
        kind, obj = await events.next()
        assert (kind, obj["kind"], obj["metadata"]["uid"]) == (
            "ADDED",
            "PartialObjectMetadata",
            stored["metadata"]["uid"],
        )
        listed = await _ask(api, "GET", V2, METADATA_LIST)
        assert [each["metadata"]["name"] for each in listed[2]["items"]] == ["a"]
        assert (await _ask(api, "GET", f"{V2}/a", METADATA))[2]["metadata"]["uid"] == stored["metadata"]["uid"]


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1"])
async def test_what_there_is(path: str) -> None:
    async with api_server() as api:
        status, media, found = await _ask(api, "GET", path, BOTH)
        assert (status, media) == (200, PROTOBUF)
        plain = await api.get(path)
        assert found["kind"] == plain["kind"]
        assert found.get("versions") == plain.get("versions")
        assert len(found.get("resources", [])) == len(plain.get("resources", []))


async def test_what_has_no_protobuf() -> None:
    async with api_server() as api:
        assert (await _ask(api, "GET", "/version", PROTOBUF))[0] == 406
        assert (await _ask(api, "GET", "/version", BOTH))[:2] == (200, "application/json")
        assert (await _ask(api, "GET", "/", PROTOBUF))[:2] == (200, "application/json")


async def test_bodies_that_are_no_protobuf() -> None:
    why = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    async with api_server() as api:
        sent = {"content-type": PROTOBUF}
        created = await api("POST", f"{CORE}/configmaps", b'{"kind":"ConfigMap"}', sent)
        shown = f'the object provided is unrecognized (must be of type ConfigMap): {why} ({{"kind":"ConfigMap"}})'
        assert (created.status, created.message) == (400, shown)
        deleted = await api("DELETE", f"{CORE}/configmaps/a", b"{}", sent)
        assert (deleted.status, deleted.message) == (400, why)
