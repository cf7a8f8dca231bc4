"""Paths of custom resources, which pass by upstream's router."""

from tests.cluster.api_server import Api, api_server

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "/apis/example.com/v1"
SCHEMA = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


async def served(api: Api, plural: str, kind: str, scope: str) -> None:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": SCHEMA},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}},
    }
    names = {"plural": plural, "kind": kind}
    spec = {"group": "example.com", "scope": scope, "names": names, "versions": [version]}
    await api.create(DEFINITIONS, {"metadata": {"name": f"{plural}.example.com"}, "spec": spec})
    watch = await api.watch(DEFINITIONS, resourceVersion="0")
    while not any(
        each["type"] == "Established" and each["status"] == "True"
        for each in ((await watch.next())["object"].get("status") or {}).get("conditions") or ()
    ):
        pass


async def test_verbs_count_and_scopes() -> None:
    async with api_server() as api:
        await served(api, "apples", "Apple", "Namespaced")
        await served(api, "bears", "Bear", "Cluster")
        apples = f"{GROUP}/namespaces/default/apples"
        assert (await api("POST", f"{GROUP}/apples", {"metadata": {"name": "a"}})).body == "404 page not found\n"
        assert (await api("GET", f"{GROUP}/namespaces/default/bears")).body == "404 page not found\n"
        assert (await api("GET", f"{GROUP}/apples")).status == 200
        assert (await api("HEAD", apples)).status == 200
        refused = await api("OPTIONS", apples)
        assert refused.message == ' is not supported on resources of kind "apples.example.com"'
        assert (await api("POST", GROUP)).body["kind"] == "APIResourceList"


async def test_the_status_is_told_before_the_scale() -> None:
    async with api_server() as api:
        await served(api, "apples", "Apple", "Namespaced")
        accept = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
        group = (await api("GET", "/apis", None, accept)).body["items"][-1]
        [apples] = group["versions"][0]["resources"]
        assert [each["subresource"] for each in apples["subresources"]] == ["status", "scale"]


async def test_a_refusal_names_the_kind_that_was_written() -> None:
    async with api_server() as api:
        await served(api, "apples", "Apple", "Namespaced")
        body = {"apiVersion": "example.com/v1", "kind": "Pear", "metadata": {"name": "a"}}
        refused = await api("POST", f"{GROUP}/namespaces/default/apples", body)
        assert refused.message.startswith('Pear.example.com "a" is invalid: kind: Invalid value: "Pear"')


async def test_a_patch_of_a_collection_is_first_told_of_its_encoding() -> None:
    async with api_server() as api:
        await served(api, "apples", "Apple", "Namespaced")
        apples = f"{GROUP}/namespaces/default/apples"
        assert (await api("PATCH", apples, {})).status == 415
        nameless = await api.patch(apples, {})
        assert (nameless.status, nameless.message) == (400, "name must be provided")
