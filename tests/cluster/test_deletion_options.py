"""Options of deletions, pages of collections, and what nobody may delete."""

from typing import Any

import pytest

from tests.cluster.api_server import CORE, Answer, Api, api_server, config_map

MAPS = f"{CORE}/configmaps"


async def deleted(api: Api, body: Any = None, **query: str) -> Answer:
    await api("POST", MAPS, config_map("c"))
    return await api("DELETE", f"{MAPS}/c", body, **query)


async def test_a_body_is_all_that_counts() -> None:
    async with api_server() as api:
        assert (await deleted(api, {}, dryRun="All")).status == 200
        assert (await api("GET", f"{MAPS}/c")).status == 404
        await deleted(api, None, dryRun="All")
        assert (await api("GET", f"{MAPS}/c")).status == 200


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"kind": "DeleteOptions", "apiVersion": "apps/v9"}, 200, ""),
        ({"kind": "Pod", "apiVersion": "v1"}, 400, 'no kind "Pod" is registered for version "v1" in scheme'),
        ({"gracePeriodSeconds": "x"}, 400, "json: cannot unmarshal string into Go struct field"),
        (b"[]", 400, "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value"),
        (b"{", 400, "couldn't get version/kind; json parse error: unexpected end of JSON input"),
        ({"propagationPolicy": "X"}, 422, "propagationPolicy: Unsupported value"),
        ({"dryRun": ["x"]}, 422, "dryRun: Unsupported value"),
        (
            {"propagationPolicy": "Orphan", "orphanDependents": True},
            422,
            "orphanDependents and deletionPropagation cannot be both set",
        ),
    ],
)
async def test_bodies(body: Any, code: int, message: str) -> None:
    async with api_server() as api:
        answer = await deleted(api, body)
        assert answer.status == code
        assert message in answer.body.get("message", "")


async def test_the_query() -> None:
    async with api_server() as api:
        refused = await deleted(api, None, gracePeriodSeconds="x")
        assert refused.message == 'strconv.ParseInt: parsing "x": invalid syntax'
        assert (await deleted(api, None, orphanDependents="anything")).body["metadata"]["finalizers"] == ["orphan"]


async def test_a_page_of_a_collection() -> None:
    async with api_server() as api:
        for name in ("a", "b", "c"):
            await api.create(MAPS, config_map(name))
        answer = await api("DELETE", MAPS, limit="2")
        assert [item["metadata"]["name"] for item in answer.body["items"]] == ["a", "b"]
        assert answer.body["metadata"]["remainingItemCount"] == 1
        assert await api.names(MAPS) == "c"


async def test_a_page_ends_where_it_is_full() -> None:
    async with api_server() as api:
        for name, labels in (("a", {"x": "y"}), ("b", {})):
            await api.create(MAPS, {"metadata": {"name": name, "labels": labels}})
        page = (await api("GET", MAPS, limit="1", labelSelector="x=y")).body
        rest = await api("GET", MAPS, limit="1", labelSelector="x=y", continue_=page["metadata"]["continue"])
        assert (len(page["items"]), rest.body["items"]) == (1, [])
        assert "continue" not in (await api("GET", MAPS, limit="2", labelSelector="x")).body["metadata"]


async def test_system_classes_stay() -> None:
    async with api_server() as api:
        answer = await api("DELETE", "/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical")
        assert (answer.status, "this is a system priority class and cannot be deleted" in answer.message) == (403, True)


@pytest.mark.parametrize(
    ("timeout", "fault"),
    [
        ("x", 'time: invalid duration "x"'),
        ("5", 'time: missing unit in duration "5"'),
        ("5y", 'time: unknown unit "y" in duration "5y"'),
        ("1h5m", ""),
        ("-1s", ""),
    ],
)
async def test_timeouts(timeout: str, fault: str) -> None:
    async with api_server() as api:
        answer = await api("GET", MAPS, timeout=timeout)
        if fault:
            assert answer.message == f"invalid timeout specified in the request URL - {fault}"
        else:
            assert answer.status == 200


async def test_revisions_that_are_none() -> None:
    async with api_server() as api:
        one = await api("GET", f"{MAPS}/c", resourceVersion="abc")
        assert (one.status, "reason" in one.body) == (500, False)
        assert (await api("GET", MAPS, resourceVersion="abc")).status == 400


async def test_bodies_of_other_kinds_and_none() -> None:
    async with api_server() as api:
        for kind in ("Pod", "List"):
            answer = await api("POST", MAPS, {"apiVersion": "v1", "kind": kind})
            assert f"converting (v1.{kind}) to (core.ConfigMap): unknown conversion" in answer.message
        assert "name or generateName is required" in (await api("POST", MAPS, b"null")).message
        wrong = await api("POST", MAPS, {}, {"content-type": "application/json;foo"})
        assert wrong.status == 415


async def test_what_a_collection_is_chosen_by_is_looked_at_first() -> None:
    async with api_server() as api:
        bad = {"propagationPolicy": "Sideways"}
        assert (await api("DELETE", MAPS, bad, limit="x")).message.startswith("strconv.ParseInt")
        assert (await api("DELETE", MAPS, bad)).status == 422
        assert (await api("DELETE", MAPS, continue_="x")).message.startswith("invalid continue token")
        assert (await api("DELETE", MAPS, resourceVersion="x")).message.startswith("invalid resource version")


async def test_bodies_that_say_nothing_or_too_much() -> None:
    async with api_server() as api:
        await api.create(MAPS, {"metadata": {"name": "kept"}})
        kept = f"{MAPS}/kept"
        assert (await api("DELETE", kept, {"apiVersion": "a/b/c"})).message == "unexpected GroupVersion string: a/b/c"
        assert (await api("DELETE", kept, {"dryRun": ["All", "All"]})).status == 200
        yaml = {"content-type": "application/yaml"}
        assert (await api("DELETE", kept, b"{", yaml)).message.startswith("yaml: ")
        assert (await api("DELETE", kept, b"null")).status == 200
        assert (await api("GET", kept)).status == 404


async def test_who_waits_for_dependents_in_the_old_way_is_told_that_it_takes_time() -> None:
    async with api_server() as api:
        await api.create(MAPS, {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}})
        assert (await api("DELETE", f"{MAPS}/held", {"orphanDependents": False})).status == 202
        assert (await api("DELETE", f"{MAPS}/held")).status == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"kind": "Other"}, 'no kind "Other" is registered for version "meta.k8s.io/v1" in scheme '),
        ({"kind": "Other", "apiVersion": "v1"}, 'no kind "Other" is registered for version "v1" in scheme '),
        ({"kind": "Status", "apiVersion": "v1"}, "converting (v1.Status) to (v1.DeleteOptions): unknown conversion"),
    ],
)
async def test_what_is_no_options(body: dict[str, str], words: str) -> None:
    async with api_server() as api:
        answer = await api("DELETE", f"{MAPS}/nobody", body)
        assert (answer.status, answer.message.startswith(words)) == (400, True), answer


@pytest.mark.parametrize("wanted", [{"uid": ""}, {"resourceVersion": ""}])
async def test_an_empty_precondition_fits_nothing(wanted: dict[str, str]) -> None:
    async with api_server() as api:
        assert (await deleted(api, {"preconditions": wanted})).status == 409
        assert (await deleted(api, {"preconditions": dict.fromkeys(wanted)})).status == 200
