"""What a client takes and sends is looked at before what it wants; who takes no form of errors is told in plain JSON."""

import orjson
import pytest

from kybern.apiserver.user import User, authenticated
from tests.cluster.api_server import CORE, Api, api_server, config_map

MAPS = f"{CORE}/configmaps"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
ROUTED = "406: Not Acceptable\n\nAvailable representations: "
NEGOTIATED = "only the following media types are accepted: "
NO_PATH = "the server could not find the requested resource"
NOT_ALLOWED = "the server does not allow this method on the requested resource"


@pytest.mark.parametrize(
    ("method", "path", "accept", "words"),
    [
        ("GET", f"{MAPS}/nobody", "text/html", ROUTED),
        ("GET", f"{MAPS}/nobody", "application/*", ROUTED),
        ("GET", f"{MAPS}/nobody", "Application/JSON", ROUTED),
        ("GET", f"{MAPS}/nobody", "application/json;as=Chart;g=meta.k8s.io;v=v1", NEGOTIATED),
        ("GET", f"{MAPS}?limit=x", "application/json;sv=v9", NEGOTIATED),
        ("DELETE", f"{MAPS}/nobody", "application/json;as=Table", NEGOTIATED),
        ("PUT", f"{MAPS}/nobody", "text/css", ROUTED),
        ("POST", f"{CORE}/pods/nobody/eviction", TABLE, NEGOTIATED),
    ],
)
async def test_what_nobody_can_make_is_refused_first(method: str, path: str, accept: str, words: str) -> None:
    async with api_server() as api:
        path, _, query = path.partition("?")
        name, _, value = query.partition("=")
        answer = await api(method, path, None, {"accept": accept}, **({name: value} if name else {}))
        assert (answer.status, answer.message.startswith(words)) == (406, True), answer


async def test_options_of_a_watch_are_looked_at_before_its_encoding() -> None:
    async with api_server() as api:
        answer = await api("GET", MAPS, None, {"accept": "application/yaml"}, watch="1", limit="x")
        assert answer.status == 400
        answer = await api("GET", MAPS, None, {"accept": "application/yaml"}, watch="1")
        assert answer.status == 406


@pytest.mark.parametrize(("accept", "lines"), [("application/json", 1), (TABLE, 12), ("application/json;sv=v1", 12)])
async def test_who_takes_no_form_of_errors_is_told_in_indented_json(accept: str, lines: int) -> None:
    async with api_server() as api:
        answer = await api.raw("GET", f"{MAPS}/nobody", None, {"accept": accept})
        assert answer.status == 404
        assert orjson.loads(answer.body)["reason"] == "NotFound"
        assert len(answer.body.splitlines()) == pytest.approx(lines, abs=3 if lines > 1 else 0)


async def test_rows_show_objects_in_the_version_of_their_table() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("one"))
        answer = await api("GET", MAPS, None, {"accept": TABLE.replace("v=v1", "v=v1beta1")})
        versions = {answer.body["apiVersion"], *(row["object"]["apiVersion"] for row in answer.body["rows"])}
        assert versions == {"meta.k8s.io/v1beta1"}


@pytest.mark.parametrize(
    ("method", "path", "code", "words"),
    [
        ("GET", "/api/v1/pods/one/status", 404, NO_PATH),
        ("GET", "/api/v1/watch/pods/one", 404, NO_PATH),
        ("GET", "/api/v1/watch/namespaces/default/pods/one/status", 404, NO_PATH),
        ("POST", "/api/v1/watch/pods", 405, NOT_ALLOWED),
        ("GET", "/apis/apps/v1/proxy/deployments/one", 404, NO_PATH),
        ("HEAD", f"{CORE}/pods/one/exec", 405, NOT_ALLOWED),
        ("TRACE", f"{CORE}/pods/one/proxy/", 405, NOT_ALLOWED),
        ("POST", f"{CORE}/services/one/proxy/?dryRun", 400, "dryRun is not supported"),
        ("GET", f"{MAPS}/..", 400, "Name parameter invalid: \"..\": may not be '..'"),
        ("DELETE", f"{MAPS}/a%b", 400, "Name parameter invalid: \"a%b\": may not contain '%'"),
    ],
)
async def test_paths_that_lead_nowhere(method: str, path: str, code: int, words: str) -> None:
    async with api_server() as api:
        path, asks, query = path.partition("?")
        answer = await api(method, path, **({query: "All"} if asks else {}))
        assert (answer.status, answer.message) == (code, words)


async def test_what_selects_a_name_is_still_a_list() -> None:
    async with api_server() as api:
        await api.create(MAPS, config_map("one"))
        assert await api.names("/api/v1/configmaps", fieldSelector="metadata.name=one") == "one"


async def told(api: Api, path: str, headers: dict[str, str] | None = None) -> list[str]:
    answer = await api.raw("GET", path, None, headers)
    return [value for name, value in answer.headers if name == "X-Content-Type-Options"]


async def test_browsers_are_told_not_to_guess() -> None:
    async with api_server() as api:
        nobody = api.as_user(authenticated("nobody", ()))
        assert await told(nobody, MAPS) == ["nosniff"]
        assert await told(api, "/nowhere") == ["nosniff"]
        assert await told(api, "/apis/nowhere/v1/things") == ["nosniff"]
        assert await told(api, f"{MAPS}/nobody") == []


async def test_a_token_behind_too_much_space_is_none() -> None:
    async with api_server() as api:
        stranger: User | None = None
        answer = await api.as_user(stranger)("GET", "/version", None, {"authorization": "Bearer  abc"})
        assert answer.status == 200
        assert [each for each in answer.warnings if "extra space" in each]


async def test_options_are_looked_at_in_upstreams_order() -> None:
    async with api_server() as api:
        unknown = {"fieldSelector": "data.a=b"}
        told = await api("GET", MAPS, resourceVersionMatch="Exact", **unknown)
        assert told.status == 422
        told = await api("GET", MAPS, fieldSelector="nonsense", limit="x")
        assert told.message.startswith("strconv.ParseInt")
        told = await api("GET", MAPS, **unknown)
        assert told.status == 400


async def test_a_creations_encoding_is_looked_at_before_its_options() -> None:
    async with api_server() as api:
        text = {"content-type": "text/plain"}
        assert (await api("POST", MAPS, config_map("one"), text, dryRun="x")).status == 415
        assert (await api("PUT", f"{MAPS}/one", config_map("one"), text, dryRun="x")).status == 422


async def test_who_asks_for_indented_json_by_its_name_has_it() -> None:
    async with api_server() as api:
        answer = await api.raw("GET", "/api", None, {"accept": "application/json;pretty=1"}, pretty="false")
        assert answer.body.startswith(b"{\n")


async def test_nobody_reads_a_patch_of_nothing() -> None:
    async with api_server() as api:
        assert (await api.patch(f"{MAPS}/nobody", b"{")).status == 404
        assert (await api.patch(f"{MAPS}/nobody", b"{", force="true")).status == 422
        await api.create(MAPS, config_map("one"))
        assert (await api.patch(f"{MAPS}/one", b"{")).status == 400
