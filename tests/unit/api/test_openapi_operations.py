"""Operations of the documents: texts, types of content, parameters and where they stand."""

from typing import Any

import orjson
import pytest

from kybern.api import openapi
from kybern.api.openapi import custom, parameters
from kybern.api.openapi.declared_defaults import DECLARED
from kybern.api.openapi.schemas import Dialect, structure
from kybern.api.registry import RESOURCES
from kybern.api.resource import Resource, Subresource

VERSION = "v1.36.0"
V2 = orjson.loads(openapi.v2(RESOURCES, VERSION))
V3 = orjson.loads(openapi.v3(RESOURCES, "api/v1", VERSION) or b"")
POD = "/api/v1/namespaces/{namespace}/pods/{name}"
PODS = "/api/v1/namespaces/{namespace}/pods"
PROTOBUF = "application/vnd.kubernetes.protobuf"
SUBRESOURCES = tuple(Subresource(name, ("get", "patch", "update"), kind) for name, kind in (
    ("status", None), ("scale", ("autoscaling", "v1", "Scale")),
))  # fmt: skip
OWL = Resource("birds.example.com", "v1", "Owl", "owls", True, subresources=SUBRESOURCES)


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each["name"] for each in found]


def owls(dialect: Dialect) -> dict[str, Any]:
    return custom.operations(custom.Published(OWL, "OwlList", None), dialect)


@pytest.mark.parametrize(
    ("path", "method", "text"),
    [
        (PODS, "get", "list or watch objects of kind Pod"),
        (PODS, "post", "create a Pod"),
        (PODS, "delete", "delete collection of Pod"),
        (POD, "get", "read the specified Pod"),
        (POD, "put", "replace the specified Pod"),
        (POD, "patch", "partially update the specified Pod"),
        (POD, "delete", "delete a Pod"),
        (POD + "/status", "get", "read status of the specified Pod"),
        (POD + "/status", "patch", "partially update status of the specified Pod"),
        (POD + "/eviction", "post", "create eviction of a Pod"),
        (POD + "/exec", "get", "connect GET requests to exec of Pod"),
        (POD + "/proxy/{path}", "head", "connect HEAD requests to proxy of Pod"),
        ("/api/v1/namespaces/{namespace}/events", "post", "create an Event"),
        ("/api/v1/namespaces/{namespace}/endpoints", "post", "create Endpoints"),
        ("/api/v1/componentstatuses", "get", "list objects of kind ComponentStatus"),
        ("/api/v1/", "get", "get available resources"),
        ("/apis/apps/", "get", "get information of a group"),
        ("/version/", "get", "get the version information for this server"),
    ],
)
def test_operations_say_what_they_do(path: str, method: str, text: str) -> None:
    assert V2["paths"][path][method]["description"] == text


def test_content_types() -> None:
    listed = V3["paths"][PODS]["get"]["responses"]["200"]["content"]
    assert list(listed) == [
        "application/json", "application/json;stream=watch", PROTOBUF, f"{PROTOBUF};stream=watch", "application/yaml",
    ]  # fmt: skip
    assert V2["paths"][POD]["get"]["produces"] == ["application/json", "application/yaml", PROTOBUF]
    assert V2["paths"][POD]["patch"]["consumes"][-1] == "application/apply-patch+yaml"
    assert V2["paths"][POD + "/log"]["get"]["produces"][0] == "text/plain"
    assert V3["paths"][POD + "/exec"]["get"]["responses"]["200"]["content"] == {"*/*": {"schema": {"type": "string"}}}


@pytest.mark.parametrize(
    ("method", "path", "codes"),
    [("post", PODS, ["200", "201", "202", "401"]), ("put", POD, ["200", "201", "401"]), ("get", POD, ["200", "401"]),
     ("patch", POD, ["200", "201", "401"]), ("delete", POD, ["200", "202", "401"]), ("delete", PODS, ["200", "401"])],
)  # fmt: skip
def test_codes_of_answers(method: str, path: str, codes: list[str]) -> None:
    assert list(V3["paths"][path][method]["responses"]) == codes


def test_bodies_are_required_except_options_of_a_delete() -> None:
    assert V3["paths"][POD]["put"]["requestBody"]["required"] is True
    assert V3["paths"][POD]["patch"]["requestBody"]["required"] is True
    assert "required" not in V3["paths"][POD]["delete"]["requestBody"]


def test_a_delete_answers_with_what_is_deleted_where_the_kind_does() -> None:
    answers = [V2["paths"][path]["delete"]["responses"]["200"]["schema"]["$ref"].rpartition(".")[2] for path in (
        POD, "/api/v1/namespaces/{namespace}/secrets/{name}",
    )]  # fmt: skip
    assert answers == ["Pod", "Status"]


def test_what_all_operations_take_stands_at_the_path() -> None:
    item = V3["paths"][POD]
    assert names(item["parameters"]) == ["name", "namespace", "pretty"]
    assert item["parameters"][0]["description"] == "name of the Pod"
    assert "parameters" not in item["get"]
    assert names(item["patch"]["parameters"]) == ["dryRun", "fieldManager", "fieldValidation", "force"]
    alone = V3["paths"]["/api/v1/pods"]
    assert "watch" in names(alone["parameters"])
    assert "parameters" not in alone["get"]
    evicted = V3["paths"][POD + "/eviction"]["parameters"]
    assert names(evicted) == ["dryRun", "fieldManager", "fieldValidation", "name", "namespace", "pretty"]
    assert [each["in"] for each in V3["paths"][POD + "/proxy/{path}"]["parameters"][2:]] == ["path", "query"]


def test_v2_shares_parameters_but_those_that_clients_look_for() -> None:
    found = V2["paths"][POD]["patch"]["parameters"]
    assert [each.get("name") for each in found] == [None, "dryRun", None, "fieldValidation", None]
    body, manager = (V2["parameters"][each["$ref"].removeprefix("#/parameters/")] for each in (found[0], found[2]))
    assert (body["in"], body["required"], manager["name"]) == ("body", True, "fieldManager")
    assert found[2] != V2["paths"][POD]["put"]["parameters"][2], "of an apply it says more"
    written = V2["paths"][POD]["put"]["parameters"][0]
    assert written["schema"] == {"$ref": "#/definitions/io.k8s.api.core.v1.Pod"}, "bodies of a kind are its own"


def test_a_shared_parameter_is_named_after_its_content() -> None:
    parameter = {"uniqueItems": True, "type": "string", "name": "colour", "in": "query"}
    items, shared = parameters.share({"/": {"get": {"parameters": [parameter]}}})
    assert shared == {"colour-JTRvx4k0": parameter}
    assert items == {"/": {"get": {"parameters": [{"$ref": "#/parameters/colour-JTRvx4k0"}]}}}


def test_old_paths_of_watches() -> None:
    told = {
        path: V3["paths"][path]["get"]["operationId"]
        for path in V3["paths"]
        if path.endswith(("/pods", "/pods/{name}"))
    }
    assert told["/api/v1/watch/namespaces/{namespace}/pods/{name}"] == "watchCoreV1NamespacedPod"
    assert told["/api/v1/watch/namespaces/{namespace}/pods"] == "watchCoreV1NamespacedPodList"
    assert told["/api/v1/watch/pods"] == "watchCoreV1PodListForAllNamespaces"


def test_clients_find_watch_by_its_words() -> None:
    (watch,) = (each for each in V3["paths"]["/api/v1/pods"]["parameters"] if each["name"] == "watch")
    assert watch["description"].startswith("Watch for changes to the described resources")


def test_custom_resources_take_and_answer_json_and_yaml() -> None:
    item = owls(Dialect.V2)["/apis/birds.example.com/v1/namespaces/{namespace}/owls/{name}"]
    assert item["get"]["produces"] == item["put"]["consumes"] == ["application/json", "application/yaml"]
    assert item["patch"]["consumes"] == [
        "application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml",
    ]  # fmt: skip
    assert item["delete"]["description"] == "delete an Owl"
    assert item["get"]["tags"] == ["birdsExampleCom_v1"]
    shared = {f"#/parameters/{name}" for name in V2["parameters"]}
    references = [each["$ref"] for each in item["parameters"] if "$ref" in each]
    assert references
    assert set(references) <= shared


def test_operations_on_a_custom_scale_tell_of_the_resource() -> None:
    scale = owls(Dialect.V3)["/apis/birds.example.com/v1/namespaces/{namespace}/owls/{name}/scale"]
    assert scale["get"]["x-kubernetes-group-version-kind"]["kind"] == "Owl"
    schema = scale["get"]["responses"]["200"]["content"]["application/yaml"]["schema"]
    assert schema["$ref"].endswith("autoscaling.v1.Scale")
    assert names(scale["get"]["parameters"]) == ["resourceVersion"]


def test_documents_tell_the_release_of_the_api() -> None:
    assert V2["info"] == V3["info"] == {"title": "Kubernetes", "version": "1.36"}
    assert custom.document_v3([])["info"] == {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"}


def test_custom_resources_and_their_lists_are_told_alike_but_for_defaults() -> None:
    row = Resource("birds.example.com", "v1", "Owl", "owls", True, selectable_fields={"spec.hue": str})
    hue = {"type": "string", "default": "grey"}
    nest = {"type": "object", "x-kubernetes-embedded-resource": True}
    spec = {"type": "object", "default": {"hue": "brown"}, "properties": {"hue": hue, "nest": nest}}
    published = custom.Published(row, "OwlList", {"type": "object", "properties": {"spec": spec}})
    for dialect, told in ((Dialect.V2, [None, None]), (Dialect.V3, [{"hue": "brown"}, "grey"])):
        one, many = custom.definitions(published, dialect).values()
        assert one["x-kubernetes-selectable-fields"] == many["x-kubernetes-selectable-fields"] == [
            {"fieldPath": "spec.hue"}
        ]  # fmt: skip
        shown = one["properties"]["spec"]
        assert [shown.get("default"), shown["properties"]["hue"].get("default")] == told
        assert shown["properties"]["nest"]["properties"]["kind"]["description"].startswith("kind is a string value")


def test_documents_of_custom_resources_know_no_groups_of_other_servers() -> None:
    schemas = custom.document_v3([custom.Published(OWL, "OwlList", None)])["components"]["schemas"]
    options = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]["x-kubernetes-group-version-kind"]
    groups = {each["group"] for each in options}
    assert groups >= {"", "apps", "policy"}
    assert not groups & {"admission.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io"}


def test_declared_defaults_are_told_in_v3() -> None:
    port = "io.k8s.api.core.v1.ContainerPort"
    assert V3["components"]["schemas"][port]["properties"]["protocol"]["default"] == "TCP"
    assert "default" not in V2["definitions"][port]["properties"]["protocol"]
    for name, fields in DECLARED.items():
        assert fields.keys() <= structure()[name]["f"].keys()
