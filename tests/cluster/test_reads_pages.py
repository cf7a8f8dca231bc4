"""LIST in pages: every page shows one revision, tokens that cannot be used are refused in upstream's words."""

from base64 import urlsafe_b64encode
from typing import Any

import orjson
import pytest

from tests.cluster.api_server import CORE, Answer, Api, api_server, config_map

MAPS = f"{CORE}/configmaps"
NOT_VALID = "invalid continue token: continue key is not valid"
TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


def encoded(value: Any) -> str:
    data = value if isinstance(value, bytes) else orjson.dumps(value)
    return urlsafe_b64encode(data).decode().rstrip("=")


def named(**fields: Any) -> str:
    return encoded({"v": "meta.k8s.io/v1", "rv": 5, "start": "default/a"} | fields)


TOKENS = [
    ("abc$", f"{NOT_VALID}: illegal base64 data at input byte 3"),
    ("abcde", f"{NOT_VALID}: illegal base64 data at input byte 4"),
    (encoded(b"x"), f"{NOT_VALID}: invalid character 'x' looking for beginning of value"),
    (encoded(b'{"v":'), f"{NOT_VALID}: unexpected end of JSON input"),
    (encoded({}), f"{NOT_VALID}: server does not recognize this encoded version "),
    (named(v="v2"), f"{NOT_VALID}: server does not recognize this encoded version v2"),
    (named(rv=0), f"{NOT_VALID}: incorrect encoded start resourceVersion (version meta.k8s.io/v1)"),
    (named(start=""), f"{NOT_VALID}: encoded start key empty (version meta.k8s.io/v1)"),
    (named(start="../secrets"), f"{NOT_VALID}: ../secrets"),
    (named(start="a//b"), f"{NOT_VALID}: a//b"),
    (named(start="//b"), f"{NOT_VALID}: //b"),
]


@pytest.mark.parametrize(("token", "message"), TOKENS, ids=[message[36:70] for _, message in TOKENS])
async def test_tokens_that_are_none(token: str, message: str) -> None:
    async with api_server() as api:
        answer = await api("GET", MAPS, continue_=token, limit="1")
        assert (answer.status, answer.body["reason"], answer.message) == (400, "BadRequest", message)


async def fill(api: Api, count: int, **labels: str) -> None:
    for number in range(count):
        obj = config_map(f"c{number}")
        obj["metadata"]["labels"] = labels
        await api.create(MAPS, obj)


def names(answer: Answer) -> str:
    assert answer.status == 200, answer
    return " ".join(item["metadata"]["name"] for item in answer.body["items"])


async def test_all_pages_show_the_state_of_the_first() -> None:
    async with api_server() as api:
        await fill(api, 7)
        for path in (MAPS, "/api/v1/configmaps"):
            whole = await api("GET", path)
            page = await api("GET", path, limit="3")
            items, version = list(page.body["items"]), page.body["metadata"]["resourceVersion"]
            assert page.body["metadata"]["remainingItemCount"] == len(whole.body["items"]) - 3
            await api.patch(f"{MAPS}/c5", {"data": {path: "1"}})
            await api("DELETE", f"{MAPS}/c6")
            while "continue" in page.body["metadata"]:
                page = await api("GET", path, limit="3", continue_=page.body["metadata"]["continue"])
                items += page.body["items"]
                assert page.body["metadata"]["resourceVersion"] == version
            assert "remainingItemCount" not in page.body["metadata"]
            assert items == whole.body["items"]
            await api.create(MAPS, config_map("c6"))


@pytest.mark.parametrize("change", [False, True])
async def test_pages_of_what_is_selected_tell_no_count(change: bool) -> None:
    async with api_server() as api:
        await fill(api, 5, a="b")
        await api.create(MAPS, config_map("b0"))
        page = await api("GET", MAPS, limit="2", labelSelector="a=b")
        assert names(page) == "c0 c1"
        assert "remainingItemCount" not in page.body["metadata"]
        if change:
            await api("DELETE", f"{MAPS}/c3")
        page = await api("GET", MAPS, limit="4", labelSelector="a=b", continue_=page.body["metadata"]["continue"])
        assert names(page) == "c2 c3 c4"
        assert "continue" not in page.body["metadata"]


async def test_a_token_tells_the_version_itself() -> None:
    async with api_server() as api:
        await fill(api, 3)
        page = await api("GET", MAPS, limit="1")
        token = page.body["metadata"]["continue"]
        answer = await api("GET", MAPS, limit="1", continue_=token, resourceVersion="7")
        message = "specifying resource version is not allowed when using continue"
        assert (answer.status, answer.message) == (400, message)
        assert names(await api("GET", MAPS, limit="1", continue_=token, resourceVersion="0")) != ""


async def test_a_token_of_a_version_that_nobody_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.endpoints.revisions.FRESH_SECONDS", 0.01)
    async with api_server() as api:
        answer = await api("GET", MAPS, continue_=named(rv=2**40))
        assert (answer.status, answer.body["reason"]) == (504, "Timeout")


async def test_a_compacted_version_offers_an_inconsistent_rest() -> None:
    async with api_server() as api:
        await fill(api, 4)
        first = await api("GET", MAPS, limit="2")
        old = first.body["metadata"]["resourceVersion"]
        await api("DELETE", f"{MAPS}/c2")
        await api.create(MAPS, config_map("c9"))
        backend = api.server.surroundings.backend
        await backend.compact(await backend.current_revision())
        gone = await api("GET", MAPS, limit="2", continue_=first.body["metadata"]["continue"])
        assert (gone.status, gone.body["reason"], gone.message) == (410, "Expired", TOO_OLD)
        rest = await api("GET", MAPS, limit="1", continue_=gone.body["metadata"]["continue"])
        assert names(rest) == "c3"
        assert int(rest.body["metadata"]["resourceVersion"]) > int(old)
        assert rest.body["metadata"]["remainingItemCount"] == 1
        assert names(await api("GET", MAPS, continue_=rest.body["metadata"]["continue"])) == "c9"
        exact = await api("GET", MAPS, resourceVersion=old, resourceVersionMatch="Exact")
        assert (exact.status, exact.body["reason"]) == (410, "Expired")
        assert exact.message == "The resourceVersion for the provided list is too old."


async def test_a_compacted_version_is_gone_for_kinds_that_did_not_change_too() -> None:
    """Clients poll with a token until it expires."""
    async with api_server() as api:
        await fill(api, 4)
        first = await api("GET", MAPS, limit="2")
        old, token = first.body["metadata"]["resourceVersion"], first.body["metadata"]["continue"]
        await api.create(f"{CORE}/secrets", {"metadata": {"name": "s"}})
        assert names(await api("GET", MAPS, continue_=token)) == "c2 c3"
        backend = api.server.surroundings.backend
        await backend.compact(await backend.current_revision())
        gone = await api("GET", MAPS, continue_=token)
        assert (gone.status, gone.message) == (410, TOO_OLD)
        assert names(await api("GET", MAPS, continue_=gone.body["metadata"]["continue"])) == "c2 c3"
        assert (await api("GET", MAPS, resourceVersion=old, resourceVersionMatch="Exact")).status == 410


async def test_versions_order_all_kinds_and_never_go_back() -> None:
    async with api_server() as api:
        seen = 0
        for number in range(20):
            path = (MAPS, f"{CORE}/secrets", f"{CORE}/serviceaccounts")[number % 3]
            made = await api.create(path, {"metadata": {"name": f"o{number}"}})
            assert int(made["metadata"]["resourceVersion"]) > seen
            for other in (path, f"{CORE}/events", "/apis/apps/v1/deployments"):
                listed = int((await api("GET", other)).body["metadata"]["resourceVersion"])
                assert listed >= max(int(made["metadata"]["resourceVersion"]), seen)
                seen = listed
