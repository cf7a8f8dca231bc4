"""What may be asked of GET, LIST and WATCH, and the words in which the rest is refused (apimachinery's and apiserver's)."""

from itertools import product
from typing import Any

import pytest

from kybern.transport.exchange import Stream
from tests.cluster.api_server import CORE, Api, api_server, config_map

MAPS = f"{CORE}/configmaps"
FUTURE = str(2**40)
INVALID = 'ListOptions.meta.k8s.io "" is invalid: '
MATCH = "resourceVersionMatch: "
NEEDS_VERSION = f"{MATCH}Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
NO_CONTINUE = f"{MATCH}Forbidden: resourceVersionMatch is forbidden when continue is provided"
NO_EXACT_ZERO = f'{MATCH}Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
UNKNOWN = f'{MATCH}Unsupported value: "Perhaps": supported values: "Exact", "NotOlderThan", ""'
NO_INITIAL = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"
NEEDS_INITIAL = f"{MATCH}Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
NEEDS_MATCH = f"{MATCH}Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
ONLY_NOT_OLDER = MATCH + 'Unsupported value: "{}": supported values: "NotOlderThan"'

NO_INTEGER = 'strconv.ParseInt: parsing "{}": invalid syntax'
NO_VERSION = 'resourceVersion: Invalid value: "{0}": strconv.ParseUint: parsing "{0}": invalid syntax'
TOO_BIG = 'resourceVersion: Invalid value: "{0}": strconv.ParseUint: parsing "{0}": value out of range'

Case = tuple[dict[str, str], int, str]

LISTS: list[Case] = [
    ({"resourceVersionMatch": "Exact"}, 422, INVALID + NEEDS_VERSION),
    ({"resourceVersionMatch": "NotOlderThan"}, 422, INVALID + NEEDS_VERSION),
    ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422, INVALID + NO_EXACT_ZERO),
    ({"resourceVersionMatch": "Perhaps", "resourceVersion": "1"}, 422, INVALID + UNKNOWN),
    ({"resourceVersionMatch": "Perhaps"}, 422, f"{INVALID}[{NEEDS_VERSION}, {UNKNOWN}]"),
    ({"resourceVersionMatch": "Exact", "resourceVersion": "1", "continue_": "x"}, 422, INVALID + NO_CONTINUE),
    ({"sendInitialEvents": "true"}, 422, INVALID + NO_INITIAL),
    ({"sendInitialEvents": "false", "resourceVersionMatch": "Exact"}, 422, f"{INVALID}[{NEEDS_VERSION}, {NO_INITIAL}]"),
    ({"limit": "x"}, 400, NO_INTEGER.format("x")),
    ({"limit": ""}, 400, NO_INTEGER.format("")),
    ({"limit": "1_0"}, 400, NO_INTEGER.format("1_0")),
    ({"limit": "9" * 40}, 400, f'strconv.ParseInt: parsing "{"9" * 40}": value out of range'),
    ({"timeoutSeconds": "1.5"}, 400, NO_INTEGER.format("1.5")),
    ({"resourceVersion": "x"}, 400, "invalid resource version: " + NO_VERSION.format("x")),
    ({"resourceVersion": "-1"}, 400, "invalid resource version: " + NO_VERSION.format("-1")),
    ({"resourceVersion": "1" * 30}, 400, "invalid resource version: " + TOO_BIG.format("1" * 30)),
    ({"fieldSelector": "data.a=b"}, 400, 'only "metadata.name", "metadata.namespace"'),
    ({"fieldSelector": "metadata.name"}, 400, "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
    ({"labelSelector": "a="}, 200, ""),
    ({"labelSelector": "a in"}, 400, "unable to parse requirement: found '' expected: '('"),
    ({"labelSelector": "a=b,"}, 400, "found '', expected: identifier after ','"),
    ({"labelSelector": "a!b"}, 400, "unable to parse requirement: found '!'"),
    ({"includeObject": "x", "unknown": "y"}, 200, ""),
]

WATCHES: list[Case] = [
    ({"resourceVersionMatch": "NotOlderThan"}, 422, INVALID + NEEDS_INITIAL),
    ({"resourceVersionMatch": "Exact"}, 422, f"{INVALID}[{NEEDS_INITIAL}, {ONLY_NOT_OLDER.format('Exact')}]"),
    ({"sendInitialEvents": "true"}, 422, INVALID + NEEDS_MATCH),
    ({"sendInitialEvents": "false", "resourceVersion": "0"}, 422, INVALID + NEEDS_MATCH),
    (
        {"sendInitialEvents": "true", "resourceVersionMatch": "Exact"},
        422,
        f"{INVALID}[{NEEDS_MATCH}, {ONLY_NOT_OLDER.format('Exact')}]",
    ),
    (
        {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "continue_": "x"},
        422,
        INVALID + NO_CONTINUE,
    ),
    ({"timeoutSeconds": "x"}, 400, NO_INTEGER.format("x")),
    ({"resourceVersion": "x"}, 500, NO_VERSION.format("x")),
    ({"fieldSelector": "data.a=b"}, 400, 'only "metadata.name", "metadata.namespace"'),
]


def _id(case: Case) -> str:
    return ",".join(f"{key}={value:.9}" for key, value in case[0].items())


@pytest.mark.parametrize("case", LISTS, ids=map(_id, LISTS))
async def test_lists(case: Case) -> None:
    async with api_server() as api:
        await _check(api, case, {})


@pytest.mark.parametrize("case", WATCHES, ids=map(_id, WATCHES))
async def test_watches(case: Case) -> None:
    async with api_server() as api:
        await _check(api, case, {"watch": "1"})


async def _check(api: Api, case: Case, more: dict[str, str]) -> None:
    query, status, message = case
    answer = await api("GET", MAPS, **query, **more)
    assert answer.status == status, answer
    if message:
        assert message in answer.message, answer.message
        assert answer.body.get("reason") == {400: "BadRequest", 422: "Invalid", 500: None}[status]
        assert answer.message.startswith(INVALID) == (status == 422)


async def test_get() -> None:
    async with api_server() as api:
        made = await api.create(MAPS, config_map("a"))
        for version in ("", "0", "1", made["metadata"]["resourceVersion"]):
            answer = await api("GET", f"{MAPS}/a", resourceVersion=version)
            assert (answer.status, answer.body) == (200, made)
        wrong = await api("GET", f"{MAPS}/a", resourceVersion="x")
        assert (wrong.status, wrong.message) == (500, NO_VERSION.format("x"))
        gone = await api("GET", f"{MAPS}/a", export="true")
        assert (gone.status, gone.message) == (
            400,
            "the export parameter, deprecated since v1.14, is no longer supported",
        )
        assert (await api("GET", f"{MAPS}/a", export="false")).status == 200
        assert (await api("HEAD", f"{MAPS}/a")).status == 405
        assert (await api("HEAD", MAPS)).status == 405


def _shown(versions: list[Any]) -> list[tuple[str, str]]:
    return [(each["metadata"]["name"], each["data"]["n"]) for each in versions]


LIMITS = ("", "1", "500")


@pytest.mark.parametrize("limit", LIMITS)
async def test_the_table_of_resource_versions(limit: str) -> None:
    """https://kubernetes.io/docs/reference/using-api/api-concepts/#resourceversion-in-metadata, row by row."""
    async with api_server() as api:
        await api.create(MAPS, config_map("a", n="1"))
        old = (await api.create(MAPS, config_map("b", n="1")))["metadata"]["resourceVersion"]
        await api.patch(f"{MAPS}/a", {"data": {"n": "2"}})
        newest = (await api.create(MAPS, config_map("c", n="1")))["metadata"]["resourceVersion"]
        past, now = [("a", "1"), ("b", "1")], [("a", "2"), ("b", "1"), ("c", "1")]
        paging = {"limit": limit} if limit else {}
        count = int(limit or 500)
        exactly_old = {(old, "Exact")} | ({(old, "")} if limit else set())
        for version, match in product(("", "0", old, newest), ("", "Exact", "NotOlderThan")):
            query = {"resourceVersion": version} if version else {}
            query |= {"resourceVersionMatch": match} if match else {}
            answer = await api("GET", MAPS, **query, **paging)
            if match and (not version or (version, match) == ("0", "Exact")):
                assert answer.status == 422
                continue
            expected = past if (version, match) in exactly_old else now
            shown = expected if version == "0" else expected[:count]
            assert (_shown(answer.body["items"]), answer.status) == (shown, 200), query
            told = answer.body["metadata"]["resourceVersion"]
            if expected is past or match == "Exact" or (limit and version == newest and not match):
                assert told == (old if expected is past else newest)
            assert int(told) >= int(version or 0)
            rest = len(expected) - len(shown)
            assert answer.body["metadata"].get("remainingItemCount", 0) == rest
            assert ("continue" in answer.body["metadata"]) == (rest > 0)


TOO_LARGE = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}


@pytest.mark.parametrize("name", ["", "/a"])
@pytest.mark.parametrize("match", ["", "Exact", "NotOlderThan"])
async def test_versions_that_nobody_has_seen(name: str, match: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.endpoints.revisions.FRESH_SECONDS", 0.01)
    async with api_server() as api:
        query = {"resourceVersionMatch": match} if match else {}
        answer = await api("GET", MAPS + name, resourceVersion=FUTURE, **query)
        assert (answer.status, answer.body["reason"]) == (504, "Timeout")
        assert answer.message == f"Timeout: Too large resource version: {FUTURE}, current: {api.server.cache.revision}"
        assert answer.body["details"] == TOO_LARGE | {"retryAfterSeconds": 1}


@pytest.mark.parametrize("query", [{}, {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}])
async def test_a_watch_from_the_future_fails_within(query: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.endpoints.revisions.FRESH_SECONDS", 0.01)
    async with api_server() as api:
        watch = await api.watch(MAPS, resourceVersion=FUTURE, **query)
        event = await watch.next()
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 504, "Timeout")
        assert await watch.ended()


async def test_old_paths_are_checked_as_lists_are() -> None:
    """Upstream looks at the query's `watch` there, which they do without."""
    path = "/api/v1/watch/namespaces/default/configmaps"
    async with api_server() as api:
        answer = await api("GET", path, sendInitialEvents="true")
        assert (answer.status, answer.message) == (422, INVALID + NO_INITIAL)
        mismatch = await api("GET", f"{path}/a", fieldSelector="metadata.name=b")
        assert (mismatch.status, mismatch.message) == (400, "fieldSelector metadata.name doesn't match requested name")
        stream = await api.raw("GET", f"{path}/a", fieldSelector="metadata.name=a", timeoutSeconds="1")
        assert isinstance(stream, Stream)


async def test_events_are_selected_by_the_names_of_their_version() -> None:
    """events.k8s.io has other names for what core/v1 stores; each version knows its own alone."""
    core, own = f"{CORE}/events", "/apis/events.k8s.io/v1/namespaces/default/events"
    async with api_server() as api:
        for name in ("a", "b"):
            event = {
                "metadata": {"name": name}, "eventTime": "2026-05-01T10:00:00.000000Z", "type": "Normal",
                "reportingController": f"example.com/{name}", "reportingInstance": "i", "action": "Look",
                "reason": "Seen", "regarding": {"kind": "Pod", "name": name, "namespace": "default"},
            }  # fmt: skip
            await api.create(own, event)
        assert await api.names(own, fieldSelector="reportingController=example.com/a") == "a"
        assert await api.names(own, fieldSelector="regarding.name=b") == "b"
        assert await api.names(core, fieldSelector="involvedObject.name=b,reportingComponent!=example.com/a") == "b"
        watch = await api.watch(own, fieldSelector="regarding.name=a", resourceVersion="0")
        assert await watch.take(1) == [("ADDED", "a")]
        refused = await api("GET", core, fieldSelector="regarding.name=b")
        assert (refused.status, refused.message) == (400, "field label not supported: regarding.name")
        assert (await api("GET", own, fieldSelector="involvedObject.name=b")).status == 400
