"""WATCH: what comes first, what enters and leaves, in which form, and where it cannot go on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kybern.storage.sqlite.backend import SqliteBackend
from kybern.transport.exchange import Stream
from tests.cluster.api_server import CORE, Api, Watch, api_server, config_map, pod

MAPS, PODS = f"{CORE}/configmaps", f"{CORE}/pods"
OLD = "/api/v1/watch/namespaces/default/configmaps"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
PARTIAL = {"accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
END = {"k8s.io/initial-events-end": "true"}
BOOKMARKS = {"allowWatchBookmarks": "true"}


def initial(value: str) -> dict[str, str]:
    return {"sendInitialEvents": value, "resourceVersionMatch": "NotOlderThan"}


async def old_path(api: Api, path: str, **query: str) -> Watch:
    stream = await api.raw("GET", path, **query)
    assert isinstance(stream, Stream), stream
    return Watch(stream)


INITIAL = [
    # query, whether what is there comes first, whether a bookmark ends that
    ({}, True, False),
    (BOOKMARKS, True, True),
    ({"resourceVersion": "0"}, True, False),
    ({"resourceVersion": "0", **BOOKMARKS}, True, True),
    (initial("true"), True, False),
    (initial("true") | BOOKMARKS, True, True),
    (initial("true") | BOOKMARKS | {"resourceVersion": "0"}, True, True),
    (initial("true") | BOOKMARKS | {"resourceVersion": "1"}, True, True),
    (initial("false"), False, False),
    (initial("false") | BOOKMARKS, False, False),
    (initial("false") | {"resourceVersion": "0"}, False, False),
]


@pytest.mark.parametrize(("query", "first", "end"), INITIAL, ids=lambda value: str(value).replace("resourceV", "v"))
async def test_what_comes_first(query: dict[str, str], first: bool, end: bool) -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("a"))
        await api.create(MAPS, config_map("b"))
        watch = await api.watch(MAPS, **query)
        await api.create(MAPS, config_map("c"))
        if first:
            assert await watch.take(2) == [("ADDED", "a"), ("ADDED", "b")]
        if end:
            event = await watch.next()
            assert (event["type"], event["object"]["metadata"]["annotations"]) == ("BOOKMARK", END)
            assert (event["object"]["kind"], event["object"]["apiVersion"]) == ("ConfigMap", "v1")
        assert await watch.take(1) == [("ADDED", "c")]


async def test_from_a_version() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("a"))
        version = (await api.create(MAPS, config_map("b")))["metadata"]["resourceVersion"]
        await api.patch(f"{MAPS}/a", {"data": {"n": "1"}})
        await api("DELETE", f"{MAPS}/b")
        for query in ({}, initial("false")):
            watch = await api.watch(MAPS, resourceVersion=version, **query)
            assert await watch.take(2) == [("MODIFIED", "a"), ("DELETED", "b")]


async def test_objects_enter_and_leave_by_labels() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("a"))
        watch = await api.watch(MAPS, labelSelector="in=yes")
        versions = []
        for labels, data in (({"in": "yes"}, "1"), ({"in": "yes"}, "2"), ({"in": None}, "3"), ({"in": "yes"}, "4")):
            changed = await api.patch(f"{MAPS}/a", {"metadata": {"labels": labels}, "data": {"n": data}})
            versions.append(changed.body["metadata"]["resourceVersion"])
        deleted = [await watch.next() for _ in range(4)]
        assert [(each["type"], each["object"]["data"]["n"]) for each in deleted] == [
            ("ADDED", "1"),
            ("MODIFIED", "2"),
            ("DELETED", "2"),
            ("ADDED", "4"),
        ]
        assert [each["object"]["metadata"]["resourceVersion"] for each in deleted] == versions
        assert deleted[2]["object"]["metadata"]["labels"] == {"in": "yes"}
        await api("DELETE", f"{MAPS}/a")
        last = await watch.next()
        assert (last["type"], last["object"]["data"]) == ("DELETED", {"n": "4"})
        assert int(last["object"]["metadata"]["resourceVersion"]) > int(versions[-1])


async def test_objects_enter_and_leave_by_fields() -> None:
    async with api_server() as api:
        watches = [
            await api.watch(PODS, fieldSelector=fields)
            for fields in ("spec.nodeName=n", "spec.nodeName=", "status.phase!=Running,metadata.name=p")
        ]
        await api.create(PODS, pod("p"))
        target = {"target": {"kind": "Node", "name": "n"}, "metadata": {"name": "p"}}
        assert (await api("POST", f"{PODS}/p/binding", target)).status == 201
        await api.patch(f"{PODS}/p/status", {"status": {"phase": "Running"}})
        assert await watches[0].take(2) == [("ADDED", "p"), ("MODIFIED", "p")]
        assert await watches[1].take(2) == [("ADDED", "p"), ("DELETED", "p")]
        assert await watches[2].take(3) == [("ADDED", "p"), ("MODIFIED", "p"), ("DELETED", "p")]


async def test_one_object() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("other"))
        watches = [
            await api.watch(MAPS, fieldSelector="metadata.name=a"),
            await old_path(api, f"{OLD}/a"),
            await old_path(api, f"{OLD}/a", fieldSelector="metadata.name=a"),
        ]
        whole = [await old_path(api, path) for path in (OLD, "/api/v1/watch/configmaps")]
        await api.create(MAPS, config_map("b"))
        await api.create(MAPS, config_map("a"))
        await api("DELETE", f"{MAPS}/a")
        for watch in watches:
            assert await watch.take(2) == [("ADDED", "a"), ("DELETED", "a")]
        assert await whole[0].take(2) == [("ADDED", "other"), ("ADDED", "b")]
        assert ("ADDED", "other") in await whole[1].take(2)


async def test_a_namespace_by_its_old_path() -> None:
    async with api_server() as api:
        watch = await old_path(api, "/api/v1/watch/namespaces/default")
        await api.create("/api/v1/namespaces", {"metadata": {"name": "n"}})
        await api.patch("/api/v1/namespaces/default", {"metadata": {"labels": {"a": "b"}}})
        assert await watch.take(2) == [("ADDED", "default"), ("MODIFIED", "default")]


async def test_tables() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("a", x="1"))
        await api.create(MAPS, config_map("b"))
        watch = await api.watch(MAPS, TABLE, **BOOKMARKS)
        await api.patch(f"{MAPS}/b", {"data": {"x": "1", "y": "2"}})
        events = [await watch.next() for _ in range(4)]
        assert [each["type"] for each in events] == ["ADDED", "ADDED", "BOOKMARK", "MODIFIED"]
        tables = [each["object"] for each in events]
        assert {(each["kind"], each["apiVersion"]) for each in tables} == {("Table", "meta.k8s.io/v1")}
        assert [bool(each["columnDefinitions"]) for each in tables] == [True, False, False, False]
        assert [each["rows"][0]["cells"][:2] for each in tables] == [["a", 1], ["b", 0], ["", 0], ["b", 2]]
        version = tables[2]["metadata"]["resourceVersion"]
        shown = {"resourceVersion": version, "annotations": END}
        partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": shown}
        assert tables[2]["rows"][0]["object"] == partial
        wrong = await api("GET", MAPS, None, TABLE, watch="1", includeObject="Some")
        assert (wrong.status, wrong.message) == (400, UNKNOWN_INCLUDE)
        wrong = await api("GET", MAPS, None, TABLE, includeObject="Some")
        assert (wrong.status, wrong.message) == (400, UNKNOWN_INCLUDE)


UNKNOWN_INCLUDE = (
    "Unable to convert to Table as requested: includeObject: Invalid value: \"Some\": must be 'Metadata', 'Object', "
    "'None', or empty"
)


async def test_the_first_table_has_the_columns_when_changes_come_before_it_is_read() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("a"))
        for query in ({}, {"resourceVersion": str(api.server.cache.revision)}):
            watch = await api.watch(MAPS, TABLE, **query)
            await api.patch(f"{MAPS}/a", {"data": {"n": str(query)}})
            assert (await watch.next())["object"]["columnDefinitions"]


async def test_metadata() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("a", x="1"))
        watch = await api.watch(MAPS, PARTIAL, **BOOKMARKS)
        for expected in ({"name": "a"}, {"annotations": END}):
            shown = (await watch.next())["object"]
            assert shown.keys() == {"kind", "apiVersion", "metadata"}
            assert (shown["kind"], shown["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
            assert shown["metadata"].items() >= expected.items()


async def test_time_runs_out_with_a_bookmark() -> None:
    async with api_server() as api:
        query = initial("false") | {"timeoutSeconds": "1"}
        told, newest = 0, 1
        async with asyncio.timeout(60):
            while told < newest:  # Once, unless this machine stands still for a second in between.
                plain, marked = await api.watch(MAPS, **query), await api.watch(MAPS, **query, **BOOKMARKS)
                other = await api.create(f"{CORE}/secrets", {"metadata": {"generateName": "s-"}})
                bookmark = await marked.next()
                assert bookmark["type"] == "BOOKMARK"
                assert await marked.ended()
                assert await plain.ended()
                told, newest = (int(each["metadata"]["resourceVersion"]) for each in (bookmark["object"], other))


async def test_a_watch_that_names_no_end_has_the_servers() -> None:
    async with api_server(min_request_timeout_seconds=0.1) as api:
        assert await (await api.watch(MAPS, **initial("false"))).ended()


async def too_old(api: Api, version: int) -> Any:
    event = await (await api.watch(MAPS, resourceVersion=str(version))).next()
    return event["type"], event["object"].get("code"), event["object"].get("reason"), event["object"].get("message")


async def test_after_a_restart(tmp_path: Path) -> None:
    store = await SqliteBackend.open(tmp_path / "s.db")
    async with api_server(store) as api:
        before = (await api.create(MAPS, config_map("a")))["metadata"]["resourceVersion"]
        listed = await api("GET", MAPS)
    await store.close()
    store = await SqliteBackend.open(tmp_path / "s.db")
    async with api_server(store) as api:
        floor = api.server.cache["configmaps"].floor
        assert await too_old(api, 1) == ("ERROR", 410, "Expired", f"too old resource version: 1 ({floor})")
        again = await api("GET", MAPS)
        assert again.body["items"] == listed.body["items"]
        assert int(again.body["metadata"]["resourceVersion"]) >= int(before)
        watch = await api.watch(MAPS, resourceVersion=str(floor))
        await api.patch(f"{MAPS}/a", {"data": {"n": "1"}})
        assert await watch.take(1) == [("MODIFIED", "a")]
    await store.close()


async def test_what_the_window_has_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.cache.resource_cache.WINDOW_LIMIT", 10)
    async with api_server() as api:
        first = int((await api.create(MAPS, config_map("a")))["metadata"]["resourceVersion"])
        for number in range(11):
            changed = await api.patch(f"{MAPS}/a", {"data": {"n": str(number)}})
        floor = api.server.cache["configmaps"].floor
        assert first < floor < int(changed.body["metadata"]["resourceVersion"])
        assert await too_old(api, first) == ("ERROR", 410, "Expired", f"too old resource version: {first} ({floor})")
        watch = await api.watch(MAPS, resourceVersion=str(floor))
        assert await watch.take(10) == [("MODIFIED", "a")] * 10


async def test_the_server_ends_its_watches() -> None:
    async with api_server() as api:
        watch = await api.watch(MAPS, **initial("false"))
        await api.server.stop()
        async with asyncio.timeout(60):
            assert await watch.ended()
