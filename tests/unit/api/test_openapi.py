"""OpenAPI documents hold together: every reference leads somewhere, and clients find what they look for."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from kybern.api import openapi
from kybern.api.openapi.enums import enums
from kybern.api.openapi.schemas import Dialect
from kybern.api.resource import Resource, Subresource

SCALE = Subresource("scale", ("get", "patch", "update"), ("autoscaling", "v1", "Scale"))
STATUS = Subresource("status", ("get", "patch", "update"))
ROWS = (
    Resource("", "v1", "Pod", "pods", True, subresources=(STATUS,)),
    Resource("", "v1", "Node", "nodes", False),
    Resource("apps", "v1", "Deployment", "deployments", True, subresources=(SCALE, STATUS)),
    Resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False),
)
VERSION = "v1.36.0"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def v3(path: str) -> dict[str, Any]:
    text = openapi.v3(ROWS, path, VERSION)
    assert text is not None
    document: dict[str, Any] = orjson.loads(text)
    return document


@pytest.mark.parametrize("path", ["api/v1", "apis/apps/v1", "apis/apiextensions.k8s.io/v1"])
def test_every_reference_of_v3_is_there(path: str) -> None:
    document = v3(path)
    targets = {Dialect.V3.value + name for name in document["components"]["schemas"]}
    assert set(references(document)) <= targets


def test_every_reference_of_v2_is_there() -> None:
    document = orjson.loads(openapi.v2(ROWS, VERSION))
    definitions = {Dialect.V2.value + name for name in document["definitions"]}
    assert set(references(document)) <= definitions | {f"#/parameters/{name}" for name in document["parameters"]}


def test_the_index_names_every_version_and_its_hash_follows_the_rows() -> None:
    index = openapi.v3_index(ROWS, VERSION)["paths"]
    assert list(index) == [
        ".well-known/openid-configuration",
        "api",
        "api/v1",
        "apis",
        "apis/apiextensions.k8s.io",
        "apis/apiextensions.k8s.io/v1",
        "apis/apps",
        "apis/apps/v1",
        "openid/v1/jwks",
        "version",
    ]
    assert all(openapi.v3(ROWS, path, VERSION) for path in index)
    assert openapi.v3_index(ROWS[1:], VERSION)["paths"]["api/v1"] != index["api/v1"]
    assert openapi.v3_index(ROWS[1:], VERSION)["paths"]["apis/apps/v1"] == index["apis/apps/v1"]


def test_a_version_that_is_not_served() -> None:
    assert openapi.v3(ROWS, "apis/nope/v1", VERSION) is None


def test_kubectl_finds_that_patches_take_field_validation() -> None:
    patch = v3("apis/apps/v1")["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "kind": "Deployment", "version": "v1"}
    assert "fieldValidation" in [parameter["name"] for parameter in patch["parameters"]]


def test_fields_of_few_values_name_them() -> None:
    schemas = v3("api/v1")["components"]["schemas"]
    policy = schemas["io.k8s.api.core.v1.Container"]["properties"]["imagePullPolicy"]
    assert policy["enum"] == ["Always", "IfNotPresent", "Never"]
    assert policy["description"].endswith('\n\nPossible enum values:\n - `"Always"`\n - `"IfNotPresent"`\n - `"Never"`')
    claim = openapi.schemas.schema("io.k8s.api.core.v1.PersistentVolumeClaimSpec", {}, Dialect.V3)
    assert "ReadWriteOncePod" in claim["properties"]["accessModes"]["items"]["enum"]


@pytest.mark.parametrize(("definition", "fields"), enums().items())
def test_every_field_of_few_values_is_there(definition: str, fields: dict[str, list[str]]) -> None:
    properties = openapi.schemas.schema(definition, {}, Dialect.V2)["properties"]
    for field, values in fields.items():
        assert values in (properties[field].get("enum"), properties[field].get("items", {}).get("enum"))


def test_lists_keep_what_strategic_merge_needs() -> None:
    pod_spec = v3("api/v1")["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]
    containers = pod_spec["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert containers["description"]


@pytest.mark.parametrize(
    ("path", "method", "operation"),
    [
        ("/api/v1/namespaces/{namespace}/pods", "get", "listCoreV1NamespacedPod"),
        ("/api/v1/namespaces/{namespace}/pods", "delete", "deleteCoreV1CollectionNamespacedPod"),
        ("/api/v1/namespaces/{namespace}/pods/{name}/status", "put", "replaceCoreV1NamespacedPodStatus"),
        ("/api/v1/pods", "get", "listCoreV1PodForAllNamespaces"),
        ("/api/v1/nodes/{name}", "get", "readCoreV1Node"),
    ],
)
def test_operations_are_named_as_upstream_names_them(path: str, method: str, operation: str) -> None:
    assert v3("api/v1")["paths"][path][method]["operationId"] == operation


@pytest.mark.parametrize("path", ["api/v1", "apis/apps/v1"])
def test_operations_without_parameters_have_no_list_of_them(path: str) -> None:
    """An empty list is lost when Go's types write what they have read."""
    for item in v3(path)["paths"].values():
        for operation in item.values():
            assert operation != []
            if isinstance(operation, dict):
                assert operation.get("parameters") != []


def test_defaults_are_what_go_always_encodes() -> None:
    document = orjson.loads(openapi.v3(ROWS, "api/v1", VERSION) or b"")
    schemas = document["components"]["schemas"]
    container = schemas["io.k8s.api.core.v1.Container"]["properties"]
    assert container["name"]["default"] == ""
    assert "default" not in container["image"]
    assert container["resources"]["default"] == {}
    assert "default" not in container["livenessProbe"], "it may be nil"
    items = schemas["io.k8s.api.core.v1.PodList"]["properties"]["items"]["items"]
    assert items == {"$ref": "#/components/schemas/io.k8s.api.core.v1.Pod"}


def test_a_document_tells_its_own_delete_options() -> None:
    document = orjson.loads(openapi.v3(ROWS, "apis/apps/v1", VERSION) or b"")
    options = document["components"]["schemas"]["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]
    assert [kind["group"] for kind in options["x-kubernetes-group-version-kind"]] == ["", "apps"]
