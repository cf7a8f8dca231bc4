"""Custom resources whose versions differ: a webhook converts between them, over HTTPS."""

import asyncio
from pathlib import Path
from typing import Any

import orjson

from kybern.api.discovery import storage_version_hash
from tests.cluster.api_server import Api, api_server
from tests.cluster.custom_resources import DEFINITIONS, TABLE, definition, established
from tests.cluster.webhook_server import WebhookServer, webhook_server

V1 = "/apis/example.com/v1/namespaces/default/widgets"
V2 = V1.replace("/v1/", "/v2/")


def converted(request: dict[str, Any]) -> bytes:
    """v1 has spec.size, v2 calls it spec.large."""
    objects = []
    for obj in request["objects"]:
        spec = obj.get("spec") or {}
        old, new = ("size", "large") if request["desiredAPIVersion"].endswith("v2") else ("large", "size")
        objects.append({**obj, "apiVersion": request["desiredAPIVersion"], "spec": {new: spec[old]}})
    response = {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects}
    review = {"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1", "response": response}
    return orjson.dumps(review)


def version(name: str, field: str, *, storage: bool) -> dict[str, Any]:
    spec = {"type": "object", "properties": {field: {"type": "integer"}}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    columns = [{"name": field, "type": "integer", "jsonPath": f".spec.{field}"}]
    return {
        "name": name, "served": True, "storage": storage, "schema": schema, "additionalPrinterColumns": columns,
    }  # fmt: skip


async def install(api: Api, hook: WebhookServer) -> None:
    conversion = {
        "strategy": "Webhook",
        "webhook": {"clientConfig": hook.by_url, "conversionReviewVersions": ["v1"]},
    }
    versions = [version("v1", "size", storage=True), version("v2", "large", storage=False)]
    await established(api, definition(versions=versions, conversion=conversion))


def widget(name: str, api_version: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": f"example.com/{api_version}", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


async def test_objects_are_converted_on_every_way(tmp_path: Path) -> None:
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        await install(api, hook)
        made = await api.create(V2, widget("a", "v2", large=1))
        assert made["spec"] == {"large": 1}
        assert (await api.get(f"{V1}/a"))["spec"] == {"size": 1}
        await api.create(V1, widget("b", "v1", size=2))
        listed = await api.get(V2)
        assert [each["spec"] for each in listed["items"]] == [{"large": 1}, {"large": 2}]
        table = (await api("GET", V2, None, TABLE)).body
        assert [row["cells"] for row in table["rows"]] == [["a", 1], ["b", 2]]
        changed = await api.patch(f"{V2}/b", {"spec": {"large": 3}})
        assert changed.body["spec"] == {"large": 3}
        assert (await api.get(f"{V1}/b"))["spec"] == {"size": 3}
        assert (await api("DELETE", f"{V2}/b")).status == 200


async def test_a_watch_is_converted_on_its_way_out(tmp_path: Path) -> None:
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        await install(api, hook)
        watch, tables = await api.watch(V2), await api.watch(V2, TABLE)
        await api.create(V1, widget("a", "v1", size=1))
        event = await watch.next()
        assert (event["type"], event["object"]["apiVersion"], event["object"]["spec"]) == (
            "ADDED",
            "example.com/v2",
            {"large": 1},
        )
        assert (await tables.next())["object"]["rows"][0]["cells"] == ["a", 1]
        await api.patch(f"{V1}/a", {"spec": {"size": 2}})
        assert (await watch.next())["object"]["spec"] == {"large": 2}
        await api("DELETE", f"{V1}/a")
        assert (await watch.next())["type"] == "DELETED"


async def test_what_a_webhook_does_wrong_is_told(tmp_path: Path) -> None:
    def refused(request: dict[str, Any]) -> bytes:
        response = {"uid": request["uid"], "result": {"status": "Failure", "message": "no idea"}}
        review = {"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1", "response": response}
        return orjson.dumps(review)

    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        await install(api, hook)
        await api.create(V1, widget("a", "v1", size=1))
        hook.reply = refused
        answer = await api("GET", f"{V2}/a")
        assert (answer.status, answer.message) == (
            500,
            "conversion webhook for example.com/v1, Kind=Widget failed: no idea",
        )


async def test_a_list_of_objects_stored_in_different_versions(tmp_path: Path) -> None:
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        await install(api, hook)
        await api.create(V1, widget("a", "v1", size=1))
        moved = [version("v1", "size", storage=False), version("v2", "large", storage=True)]
        path = f"{DEFINITIONS}/widgets.example.com"
        await api.patch(path, {"spec": {"versions": moved}})
        while (await api.get("/apis/example.com/v2"))["resources"][0]["storageVersionHash"] != HASH_OF_V2:
            await asyncio.sleep(0.01)
        await api.create(V2, widget("b", "v2", large=2))
        assert [each["spec"] for each in (await api.get(V1))["items"]] == [{"size": 1}, {"size": 2}]
        assert [each["spec"] for each in (await api.get(V2))["items"]] == [{"large": 1}, {"large": 2}]
        shown = await api.get(f"{V2}/a")
        assert (await api("PUT", f"{V2}/a", shown)).status == 200
        hook.code = 500
        assert (await api.get(f"{V2}/a"))["spec"] == {"large": 1}


async def test_objects_are_made_while_the_storage_version_moves(tmp_path: Path) -> None:
    """Whatever of the two a creation meets, it succeeds once, and the object reads right in both versions."""
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        await install(api, hook)
        path, made = f"{DEFINITIONS}/widgets.example.com", 0
        for turn in range(6):
            versions = [version("v1", "size", storage=turn % 2 == 1), version("v2", "large", storage=turn % 2 == 0)]
            assert (await api.patch(path, {"spec": {"versions": versions}})).status == 200
            wanted = [widget(f"w{made + each}", "v1", size=made + each) for each in range(8)]
            answers = await asyncio.gather(*(api("POST", V1, each) for each in wanted))
            assert [answer.status for answer in answers] == [201] * 8
            assert [answer.body["spec"]["size"] for answer in answers] == list(range(made, made + 8))
            made += 8
        for path, field in ((V1, "size"), (V2, "large")):
            assert {each["spec"][field] for each in (await api.get(path))["items"]} == set(range(made))


HASH_OF_V2 = storage_version_hash("example.com", "v2", "Widget")


async def test_selectors_ask_for_fields_of_the_version(tmp_path: Path) -> None:
    versions = [version("v1", "size", storage=True), version("v2", "large", storage=False)]
    versions[1]["selectableFields"] = [{"jsonPath": ".spec.large"}]
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        conversion = {
            "strategy": "Webhook",
            "webhook": {"clientConfig": hook.by_url, "conversionReviewVersions": ["v1"]},
        }
        await established(api, definition(versions=versions, conversion=conversion))
        await api.create(V1, widget("a", "v1", size=1))
        await api.create(V1, widget("b", "v1", size=2))
        assert await api.names(V2, fieldSelector="spec.large=2") == "b"
        refused = await api("GET", V1, fieldSelector="spec.large=2")
        assert refused.message == "field label not supported: spec.large"
        watch = await api.watch(V2, fieldSelector="spec.large=2")
        assert await watch.take(1) == [("ADDED", "b")]
        await api.patch(f"{V1}/a", {"spec": {"size": 2}})
        await api.patch(f"{V1}/b", {"spec": {"size": 3}})
        assert await watch.take(2) == [("ADDED", "a"), ("DELETED", "b")]


async def test_a_watch_that_ends_leaves_nothing_behind(tmp_path: Path) -> None:
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        await install(api, hook)
        stream = await api.raw("GET", V2, None, watch="1")
        await api.create(V1, widget("a", "v1", size=1))
        assert b"large" in await anext(stream.pieces)
        cache = api.server.cache["widgets.example.com"]
        assert len(cache.fanout) == 1
        await stream.pieces.aclose()
        assert len(cache.fanout) == 0


async def test_a_request_under_way_while_the_storage_version_moves(tmp_path: Path) -> None:
    """It goes on with what was served when it came, and what it writes reads right in both versions."""
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        await install(api, hook)
        before = api.server.served.find("example.com", "v1", "widgets")
        moved = [version("v1", "size", storage=False), version("v2", "large", storage=True)]
        await api.patch(f"{DEFINITIONS}/widgets.example.com", {"spec": {"versions": moved}})
        while (await api.get("/apis/example.com/v2"))["resources"][0]["storageVersionHash"] != HASH_OF_V2:
            await asyncio.sleep(0.01)
        after = api.server.served.find("example.com", "v1", "widgets")
        assert before is not after
        api.server.served.remove_custom(after)
        api.server.served.add_custom(before)
        made = await api.create(V1, widget("a", "v1", size=1))
        api.server.served.remove_custom(before)
        api.server.served.add_custom(after)
        assert made["spec"] == {"size": 1}
        assert (await api.get(f"{V1}/a"))["spec"] == {"size": 1}
        assert (await api.get(f"{V2}/a"))["spec"] == {"large": 1}


async def test_a_collection_is_deleted_by_fields_of_the_version(tmp_path: Path) -> None:
    versions = [version("v1", "size", storage=True), version("v2", "large", storage=False)]
    versions[1]["selectableFields"] = [{"jsonPath": ".spec.large"}]
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        webhook = {"clientConfig": hook.by_url, "conversionReviewVersions": ["v1"]}
        conversion = {"strategy": "Webhook", "webhook": webhook}
        await established(api, definition(versions=versions, conversion=conversion))
        for number in range(3):
            await api.create(V1, widget(f"w{number}", "v1", size=number))
        answer = await api("DELETE", V2, fieldSelector="spec.large=1")
        assert [each["metadata"]["name"] for each in answer.body["items"]] == ["w1"]
        assert await api.names(V1) == "w0 w2"


async def test_a_definition_goes_with_objects_that_nobody_can_convert_any_more(tmp_path: Path) -> None:
    async with webhook_server(converted, tmp_path) as hook, api_server() as api:
        await install(api, hook)
        await api.create(V1, widget("a", "v1", size=1))
        moved = [version("v1", "size", storage=False), version("v2", "large", storage=True)]
        path = f"{DEFINITIONS}/widgets.example.com"
        await api.patch(path, {"spec": {"versions": moved}})
        hook.code = 500
        assert (await api("DELETE", path)).status == 200
        async with asyncio.timeout(60):
            while (await api("GET", path)).status != 404:
                await asyncio.sleep(0.02)
