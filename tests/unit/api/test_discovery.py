"""Discovery documents, from rows."""

import pytest

from kybern.api import discovery
from kybern.api.registry import RESOURCES
from kybern.api.resource import Resource, Subresource

SCALE = Subresource("scale", ("get", "patch", "update"), ("autoscaling", "v1", "Scale"))
ROWS = (
    Resource("", "v1", "Pod", "pods", True, short_names=("po",), categories=("all",)),
    Resource("", "v1", "Node", "nodes", False, short_names=("no",)),
    Resource("batch", "v1", "Job", "jobs", True),
    Resource("apps", "v1", "Deployment", "deployments", True, subresources=(SCALE,)),
    Resource("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True),
    Resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True),
    Resource("zoo.example.com", "v1beta1", "Ape", "apes", True),
    Resource("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", False, stored=False),
)


def test_groups_come_in_upstreams_order_with_the_preferred_version_first() -> None:
    groups = discovery.api_group_list(ROWS)["groups"]
    assert [group["name"] for group in groups] == [
        "apps",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "zoo.example.com",
    ]
    assert groups[2]["preferredVersion"] == {"groupVersion": "autoscaling/v2", "version": "v2"}


def test_a_group_that_is_not_there() -> None:
    assert discovery.api_group(ROWS, "nope") is None
    assert discovery.api_resource_list(ROWS, "apps", "v9") is None


def test_resources_are_sorted_and_carry_the_hash_that_upstream_prints_for_pods() -> None:
    document = discovery.api_resource_list(ROWS, "", "v1")
    assert document is not None
    assert [entry["name"] for entry in document["resources"]] == ["nodes", "pods"]
    assert document["resources"][1]["storageVersionHash"] == "xPOwRZ+Yhw8="
    assert document["resources"][1]["shortNames"] == ["po"]


def test_a_subresource_names_its_own_group() -> None:
    document = discovery.api_resource_list(ROWS, "apps", "v1")
    assert document is not None
    assert document["resources"][1] == {
        "name": "deployments/scale",
        "singularName": "",
        "namespaced": True,
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
        "verbs": ["get", "patch", "update"],
    }


def test_reviews_are_not_stored() -> None:
    document = discovery.api_resource_list(ROWS, "authorization.k8s.io", "v1")
    assert document is not None
    assert "storageVersionHash" not in document["resources"][0]


@pytest.mark.parametrize(("core", "names"), [(True, [None]), (False, ["apps", "authorization.k8s.io", "autoscaling"])])
def test_aggregated(core: bool, names: list[str | None]) -> None:
    items = discovery.aggregated(ROWS, core=core)["items"]
    assert [item["metadata"].get("name") for item in items][: len(names)] == names


def test_versions_are_sorted_by_stability() -> None:
    versions = ["v1alpha1", "v10", "v2", "foo", "v2beta1", "v11alpha2", "v1"]
    ranked = sorted(versions, key=discovery.version_priority, reverse=True)
    assert ranked == ["v10", "v2", "v1", "v2beta1", "v11alpha2", "v1alpha1", "foo"]


def test_a_kind_of_the_resources_own_version_is_told_without_it() -> None:
    items = discovery.aggregated(RESOURCES, core=True)["items"]
    [pods] = [each for each in items[0]["versions"][0]["resources"] if each["resource"] == "pods"]
    kinds = {each["subresource"]: each["responseKind"] for each in pods["subresources"]}
    assert kinds["exec"] == {"group": "", "version": "", "kind": "PodExecOptions"}
    assert kinds["eviction"] == {"group": "policy", "version": "v1", "kind": "Eviction"}


def test_what_nobody_writes_has_no_hash_of_its_storage() -> None:
    document = discovery.api_resource_list(RESOURCES, "", "v1")
    assert document is not None
    without = {entry["name"] for entry in document["resources"] if "storageVersionHash" not in entry}
    assert {name for name in without if "/" not in name} == {"bindings", "componentstatuses"}
