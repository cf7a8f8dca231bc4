"""Paths that lead to documents, and those that lead nowhere: methods, encodings, codes."""

import pytest

from tests.cluster.api_server import CORE, Answer, Api, api_server

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
NOT_ALLOWED = "the server does not allow this method on the requested resource"
NO_PATH = "the server could not find the requested resource"


async def asked(api: Api, path: str, accept: str) -> Answer:
    return await api("GET", path, None, {"accept": accept})


@pytest.mark.parametrize("path", ["/", "/apis", "/apis/apps", "/healthz", "/readyz", "/metrics", "/openapi/v3"])
async def test_some_documents_are_told_whatever_the_method(path: str) -> None:
    async with api_server() as api:
        assert [(await api(method, path)).status for method in ("POST", "DELETE", "OPTIONS")] == [200] * 3


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/apis/apps/v1", "/version", "/apis/apiregistration.k8s.io"])
async def test_others_are_only_read(path: str) -> None:
    async with api_server() as api:
        for method in ("POST", "DELETE", "HEAD"):
            answer = await api(method, path)
            assert (answer.status, answer.message) == (405, NOT_ALLOWED)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nope", 404),
        ("POST", "/nope", 404),
        ("GET", "/healthz/", 404),
        ("GET", "/healthz/nope", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/openapi/v3/nope", 404),
        ("PUT", f"{CORE}/pods", 405),
        ("PATCH", f"{CORE}/pods", 405),
        ("POST", f"{CORE}/pods/p", 405),
        ("POST", "/api/v1/pods", 405),
        ("DELETE", "/api/v1/pods", 405),
        ("GET", "/api/v1/pods/p", 404),
        ("POST", "/api/v1/pods/p", 404),
        ("GET", "/api/v1/bindings", 404),
        ("GET", f"{CORE}/bindings", 405),
        ("GET", f"{CORE}/bindings/b", 404),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews/r", 404),
        ("GET", "/apis/apps/v1/namespaces/default/deployments/d/scale/more", 404),
        ("HEAD", f"{CORE}/pods", 405),
    ],
)
async def test_a_method_is_refused_where_there_is_a_path(method: str, path: str, code: int) -> None:
    async with api_server() as api:
        assert (await api(method, path, {} if method in ("POST", "PUT") else None)).status == code


async def test_unknown_paths_of_known_groups_are_answered_with_a_status() -> None:
    async with api_server() as api:
        for path in ("/api/v2", "/apis/apps/v9", "/apis/apps/v9/deployments"):
            assert (await api("GET", path)).message == NO_PATH
        for path in ("/apis/nope", "/apis/nope/v1", "/apis/nope/v1/things"):
            assert (await api("GET", path)).body == "404 page not found\n"


async def test_encodings_of_discovery() -> None:
    async with api_server() as api:
        grouped = await asked(api, "/apis", f"text/html,{AGGREGATED.format('v2')}")
        assert grouped.body["kind"] == "APIGroupDiscoveryList"
        either = await asked(api, "/api", f"{AGGREGATED.format('v3')},application/json")
        assert either.body["kind"] == "APIVersions"
        for path in ("/api", "/apis"):
            assert (await asked(api, path, AGGREGATED.format("v2beta1"))).status == 406
        for path in ("/api/v1", "/apis/apps", "/apis/apps/v1"):
            assert (await asked(api, path, "application/json;as=Table;g=meta.k8s.io;v=v1")).status == 406
        assert "kind: APIGroupList" in (await asked(api, "/apis", "application/yaml")).body


async def test_the_issuers_keys_have_an_encoding_of_their_own() -> None:
    async with api_server(advertise_address="192.0.2.1", secure_port=6443) as api:
        assert "Available representations: application/jwk-set+json" in (await api("GET", "/openid/v1/jwks")).message
        assert "keys" in (await asked(api, "/openid/v1/jwks", "application/jwk-set+json")).body
        told = await api.get("/.well-known/openid-configuration")
        assert told["jwks_uri"] == "https://192.0.2.1:6443/openid/v1/jwks"


async def test_every_check_has_a_path() -> None:
    async with api_server() as api:
        paths = (await api.get("/"))["paths"]
        assert {"/livez/etcd", "/readyz/poststarthook/rbac/bootstrap-roles", "/readyz/shutdown"} <= set(paths)
        for path in (each for each in paths if each.startswith(("/healthz", "/livez", "/readyz"))):
            assert (await api("GET", path)).body == "ok", path
        told = (await api("GET", "/livez", verbose="", exclude="nope")).body
        assert told.splitlines()[-2:] == [
            'warn: some health checks cannot be excluded: no matches for "nope"',
            "livez check passed",
        ]


async def test_an_object_that_is_going_keeps_its_name() -> None:
    async with api_server() as api:
        path = f"{CORE}/configmaps"
        await api.create(path, {"metadata": {"name": "c", "finalizers": ["example.com/f"]}})
        await api("DELETE", f"{path}/c")
        again = await api("POST", path, {"metadata": {"name": "c"}})
        assert again.message == 'object is being deleted: configmaps "c" already exists'


async def test_a_deprecation_is_told_by_what_answers() -> None:
    async with api_server() as api:
        assert (await api("GET", f"{CORE}/endpoints")).warnings
        assert not (await api("PUT", f"{CORE}/endpoints", {})).warnings
        assert not (await asked(api, f"{CORE}/endpoints", "text/html")).warnings


async def test_conditions_that_this_server_tells_are_there_when_the_answer_is() -> None:
    async with api_server() as api:
        path = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
        spec = {"priorityLevelConfiguration": {"name": "nope"}, "matchingPrecedence": 7000}
        for name in ("a", "b", "c"):
            await api.create(path, {"metadata": {"name": name}, "spec": spec})
            assert [each["status"] for each in (await api.get(f"{path}/{name}"))["status"]["conditions"]] == ["True"]


async def test_the_aggregated_form_is_without_a_slash() -> None:
    async with api_server() as api:
        accept = AGGREGATED.format("v2")
        assert (await asked(api, "/apis", accept)).body["kind"] == "APIGroupDiscoveryList"
        assert (await asked(api, "/apis/", accept)).status == 406
        assert (await asked(api, "/apis/", f"{accept},application/json")).body["kind"] == "APIGroupList"


@pytest.mark.parametrize("path", ["/", "/version"])
async def test_what_no_encoder_sees_is_indented(path: str) -> None:
    async with api_server() as api:
        answer = await api.raw("GET", path, None, {"accept": "application/json;as=Table"})
        assert answer.status == 200
        assert answer.body.startswith(b'{\n  "')


async def test_how_long_documents_are_kept() -> None:
    async with api_server() as api:
        for path, accept, expected in (
            ("/apis", AGGREGATED.format("v2"), ["public"]),
            ("/apis", "application/json", ["no-cache, private"]),
            ("/healthz", "application/json", ["no-cache, private"]),
        ):
            answer = await api.raw("GET", path, None, {"accept": accept})
            assert [value for name, value in answer.headers if name == "Cache-Control"] == expected


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("//", 404, "404 page not found\n"),
        (
            "/api/v1/watch",
            500,
            'Internal Server Error: "/api/v1/watch": failed to create RequestInfo: unable to determine kind and '
            "namespace from url, /api/v1/watch\n",
        ),
        ("/apis/apps/v1/proxy/", 500, "Internal Server Error: "),
    ],
)
async def test_paths_that_nobody_understands(path: str, code: int, words: str) -> None:
    async with api_server() as api:
        answer = await api("GET", path)
        assert (answer.status, answer.body[: len(words)]) == (code, words)
