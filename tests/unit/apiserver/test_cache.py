"""The watch cache: bytes, windows, selections, watchers."""

import asyncio
from typing import Any

import orjson
import pytest

from kybern.api.registry import find
from kybern.api.resource import Resource
from kybern.apiserver.cache.change import bookmarks, event_line
from kybern.apiserver.cache.resource_cache import WINDOW_LIMIT, ResourceCache
from kybern.apiserver.cache.selection import Selection, parsed_selection, with_known_fields
from kybern.apiserver.cache.version import Version, encode
from kybern.apiserver.cache.watcher import LINES_LIMIT, Watcher
from kybern.base.errors import BadRequest, Expired

PODS = find("", "v1", "pods")
assert PODS is not None
HEAD = b'{"kind":"Pod","apiVersion":"v1",'


def pod(name: str, namespace: str = "a", node: str = "", **labels: str) -> bytes:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    spec: dict[str, Any] = {"containers": [], "nodeName": node}
    return encode({"spec": spec, "apiVersion": "v1", "metadata": metadata, "kind": "Pod"})


def filled(*keys: str) -> ResourceCache:
    cache = ResourceCache(PODS, "/registry/pods/")
    cache.load(
        [(key, pod(key.partition("/")[2], key.partition("/")[0]), index + 2) for index, key in enumerate(keys)], 10
    )
    return cache


def selection_of(resource: Resource, namespace: str, labels: str, fields: str) -> Selection:
    return with_known_fields(parsed_selection(namespace, labels, fields), resource)


def plain(version: Version) -> bytes:
    return HEAD + version.tail


def watch(cache: ResourceCache, selection: Selection | None = None) -> Watcher:
    watcher = Watcher(selection or Selection(), plain, deadline=0)
    cache.fanout.add(watcher)
    return watcher


async def seen(watcher: Watcher) -> list[tuple[str, str, str]]:
    """(type, name, resourceVersion) of what waits."""
    watcher.end()
    events = [orjson.loads(line) for line in b"".join([piece async for piece in watcher]).splitlines()]
    return [
        (event["type"], event["object"]["metadata"]["name"], event["object"]["metadata"]["resourceVersion"])
        for event in events
    ]


def test_the_revision_is_spliced_into_the_stored_bytes() -> None:
    cache = filled("a/p")
    version = cache.objects["a/p"]
    assert orjson.loads(plain(version)) == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "2", "name": "p", "namespace": "a", "labels": {}},
        "spec": {"containers": [], "nodeName": ""},
    }
    assert orjson.loads(plain(version.at(77)))["metadata"]["resourceVersion"] == "77"
    assert version.parse(HEAD)["metadata"]["name"] == "p"


def test_keys_order_as_the_store_orders_them() -> None:
    cache = filled("a-b/x", "a/x", "b/x")
    cache.apply("a/w", pod("w"), 11)
    cache.apply("ab/x", pod("x", "ab"), 12)
    assert cache.keys == ["a-b/x", "a/w", "a/x", "ab/x", "b/x"]
    assert cache.keys_in("a") == ["a/w", "a/x"]
    cache.apply("a/x", None, 13)
    assert cache.keys_in("a") == ["a/w"]


def test_selections() -> None:
    cache = filled()
    cache.apply("a/p", pod("p", node="n1", app="x"), 11)
    cache.apply("a/q", pod("q", node="n2", app="y"), 12)
    cache.apply("b/r", pod("r", "b", node="n1", app="x"), 13)

    def names(namespace: str = "", labels: str = "", fields: str = "") -> str:
        found = cache.select(selection_of(PODS, namespace, labels, fields))
        return "".join(version.name for version in found)

    assert names() == "pqr"
    assert names("a") == "pq"
    assert names(labels="app=x") == "pr"
    assert names("a", "app in (x,y),app!=y") == "p"
    assert names(fields="spec.nodeName=n1") == "pr"
    assert names("b", fields="spec.nodeName=n1") == "r"
    assert names(fields="spec.nodeName!=n1") == "q"
    assert names("a", fields="metadata.name=q") == "q"
    assert names("a", fields="metadata.name=r") == ""
    with pytest.raises(BadRequest, match="field label not supported"):
        names(fields="spec.nope=1")


async def test_objects_enter_and_leave_a_selection() -> None:
    cache = filled()
    watcher = watch(cache, selection_of(PODS, "", "app=x", ""))
    everyone = watch(cache)
    cache.apply("a/p", pod("p", app="y"), 11)
    cache.apply("a/p", pod("p", app="x"), 12)
    cache.apply("a/p", pod("p", node="n", app="x"), 13)
    cache.apply("a/p", pod("p", app="y"), 14)
    cache.apply("a/p", None, 15)
    assert await seen(watcher) == [("ADDED", "p", "12"), ("MODIFIED", "p", "13"), ("DELETED", "p", "14")]
    kinds = [kind for kind, _, _ in await seen(everyone)]
    assert kinds == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]


async def test_watchers_of_a_node_see_its_pods_come_and_go() -> None:
    cache = filled()
    one, other = (watch(cache, selection_of(PODS, "", "", f"spec.nodeName=n{n}")) for n in (1, 2))
    cache.apply("a/p", pod("p", node="n1"), 11)
    cache.apply("a/p", pod("p", node="n2"), 12)
    assert await seen(one) == [("ADDED", "p", "11"), ("DELETED", "p", "12")]
    assert await seen(other) == [("ADDED", "p", "12")]


def test_watchers_of_one_form_share_the_bytes() -> None:
    cache = filled()
    watchers = [watch(cache) for _ in range(3)]
    cache.apply("a/p", pod("p"), 11)
    lines = [watcher._lines[0] for watcher in watchers]
    assert lines[0] is lines[1] is lines[2]


async def test_changes_that_come_together_leave_together_and_in_order() -> None:
    cache = filled("a/p")
    watchers = [watch(cache), watch(cache), watch(cache, selection_of(PODS, "", "", "spec.nodeName=n1"))]
    cache.apply("a/q", pod("q", node="n1"), 11, more=True)
    cache.apply("a/p", None, 12, more=True)
    assert not watchers[0]._lines
    cache.apply("a/q", pod("q", node="n2"), 13)
    assert len(watchers[0]._lines) == 1
    assert watchers[0]._lines[0] is watchers[1]._lines[0]
    assert cache.fanout.events == 8
    told = [("ADDED", "q", "11"), ("DELETED", "p", "12"), ("MODIFIED", "q", "13")]
    assert [await seen(each) for each in watchers] == [told, told, [("ADDED", "q", "11"), ("DELETED", "q", "13")]]


def test_the_window_answers_or_says_that_it_is_too_old() -> None:
    cache = filled("a/p")
    for step in range(WINDOW_LIMIT + 5):
        cache.apply("a/q", pod("q", step=str(step)), 11 + step)
    with pytest.raises(Expired, match=r"too old resource version: 12 \(15\)"):
        cache.since(12)
    assert [change.revision for change in cache.since(11 + WINDOW_LIMIT + 2)] == [WINDOW_LIMIT + 14, WINDOW_LIMIT + 15]
    with pytest.raises(Expired):
        filled("a/p").since(9)
    assert list(filled("a/p").since(10)) == []


async def test_a_slow_watcher_is_cut_off_and_others_are_not() -> None:
    cache = filled()
    slow = watch(cache)
    for step in range(LINES_LIMIT + 1):
        cache.apply("a/p", pod("p"), 11 + step)
    assert slow.ended
    assert [piece async for piece in slow] == []


async def test_an_event_wakes_who_waits() -> None:
    cache = filled()
    watcher = watch(cache)
    waiting = asyncio.ensure_future(anext(watcher))
    await asyncio.sleep(0)
    cache.apply("a/p", pod("p"), 11)
    cache.apply("a/p", pod("p"), 12)
    assert orjson.loads(await waiting)["object"]["metadata"]["resourceVersion"] == "11"
    assert orjson.loads(await anext(watcher))["object"]["metadata"]["resourceVersion"] == "12"


async def test_who_listens_is_written_to_with_no_task_and_the_others_wait_for_theirs() -> None:
    cache = filled()
    quick, slow = watch(cache), watch(cache)
    sent: list[bytes] = []
    for each in (quick, slow):
        each.go_direct(sent.append)
    cache.apply("a/p", pod("p"), 11)
    assert not sent, "neither connection waits for a piece yet"
    waiting = [asyncio.ensure_future(anext(each)) for each in (quick, slow)]
    first = [await each for each in waiting]
    waiting = [asyncio.ensure_future(anext(each)) for each in (quick, slow)]
    await asyncio.sleep(0)
    cache.apply("a/p", pod("p"), 12)
    assert [_unframed(each) for each in sent] == [cache_line(cache, "a/p")] * 2
    assert sent[0] is sent[1]
    slow.go_direct(None)
    cache.apply("a/p", pod("p"), 13)
    cache.apply("a/p", pod("p"), 14)
    assert [_revision(_unframed(each)) for each in sent] == ["12", "12", "13", "14"]
    pieces = [await waiting[1], await anext(slow)]
    slow.go_direct(sent.append)
    cache.apply("a/p", pod("p"), 15)
    assert [_revision(each) for each in (first[1], *pieces, await anext(slow))] == ["11", "13", "14", "15"]
    assert not waiting[0].done()
    await quick.aclose()
    cache.apply("a/p", pod("p"), 16)
    assert [_revision(_unframed(each)) for each in sent[4:]] == ["15"]


def cache_line(cache: ResourceCache, key: str) -> bytes:
    return event_line(b"MODIFIED", plain(cache.objects[key]))


def _unframed(framed: bytes) -> bytes:
    size, _, rest = framed.partition(b"\r\n")
    assert rest[int(size, 16) :] == b"\r\n"
    return rest[:-2]


def _revision(line: bytes) -> str:
    revision: str = orjson.loads(line)["object"]["metadata"]["resourceVersion"]
    return revision


async def test_initial_events_come_first_and_none_is_lost() -> None:
    watcher = Watcher(Selection(), plain, deadline=0)
    watcher.begin(event_line(b"ADDED", b'{"n":%d}' % number) for number in range(200))
    watcher.push(event_line(b"ADDED", b'{"n":200}'))
    watcher.end()
    lines = b"".join([piece async for piece in watcher]).splitlines()
    assert [orjson.loads(line)["object"]["n"] for line in lines] == list(range(201))


def test_bookmarks() -> None:
    assert orjson.loads(bookmarks(HEAD)(5, True)) == {
        "type": "BOOKMARK",
        "object": {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}},
        },
    }


async def test_who_has_left_is_forgotten() -> None:
    cache = filled()
    watcher = watch(cache, selection_of(PODS, "", "", "spec.nodeName=n"))
    watcher.on_close = cache.fanout.remove
    assert len(cache.fanout) == 1
    await watcher.aclose()
    await watcher.aclose()
    assert len(cache.fanout) == 0
