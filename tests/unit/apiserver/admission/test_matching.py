"""Which writes a webhook or a policy is about."""

from collections.abc import Sequence
from typing import Any

import pytest

from kybern.api.registry import find
from kybern.api.resource import Resource
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.matching import is_exempt, match_of, selects_object


def resource(group: str, version: str, plural: str) -> Resource:
    found = find(group, version, plural)
    assert found is not None
    return found


PODS, NODES = resource("", "v1", "pods"), resource("", "v1", "nodes")
V1, V2 = (
    resource("autoscaling", "v1", "horizontalpodautoscalers"),
    resource("autoscaling", "v2", "horizontalpodautoscalers"),
)


def others(of: Resource) -> Sequence[Resource]:
    return [V2] if of is V1 else [V1] if of is V2 else []


def write(of: Resource, operation: Any = "CREATE", subresource: str = "", name: str = "x") -> Attributes:
    return Attributes(operation, of, "default" if of.namespaced else "", name, subresource=subresource)


def rule(**changes: Any) -> dict[str, Any]:
    every = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}
    return every | changes


@pytest.mark.parametrize(
    ("given", "attributes", "expected"),
    [
        (rule(), write(PODS), PODS),
        (rule(), write(PODS, subresource="status"), None),
        (rule(resources=["*/*"]), write(PODS, subresource="status"), PODS),
        (rule(resources=["pods/*"]), write(PODS), PODS),
        (rule(resources=["*/status"]), write(PODS, subresource="status"), PODS),
        (rule(resources=["pods/exec"]), write(PODS, "CONNECT", "exec"), PODS),
        (rule(resources=["services"]), write(PODS), None),
        (rule(operations=["UPDATE", "DELETE"]), write(PODS), None),
        (rule(apiGroups=["apps"]), write(PODS), None),
        (rule(apiGroups=[""]), write(PODS), PODS),
        (rule(scope="Cluster"), write(PODS), None),
        (rule(scope="Cluster"), write(NODES), NODES),
        (rule(scope="Namespaced"), write(NODES), None),
        (rule(apiGroups=["autoscaling"], apiVersions=["v2"]), write(V1), V2),
        (rule(apiGroups=["autoscaling"], apiVersions=["v1"]), write(V1), V1),
        (rule(resourceNames=["x"]), write(PODS), PODS),
        (rule(resourceNames=["y"]), write(PODS), None),
    ],
)
def test_rules(given: dict[str, Any], attributes: Attributes, expected: Resource | None) -> None:
    assert match_of({"rules": [given]}, "rules").resource(attributes, others) is expected


def test_exact_rules_take_no_other_version() -> None:
    given = {"rules": [rule(apiVersions=["v2"])], "matchPolicy": "Exact"}
    assert match_of(given, "rules").resource(write(V1), others) is None


def test_what_is_excluded_does_not_match() -> None:
    given = {"resourceRules": [rule()], "excludeResourceRules": [rule(resources=["pods"])]}
    match = match_of(given, "resourceRules", "excludeResourceRules")
    assert match.resource(write(PODS), others) is None
    assert match.resource(write(NODES), others) is NODES


def test_objects_are_selected_as_they_were_or_will_be() -> None:
    selector = match_of({"objectSelector": {"matchLabels": {"a": "b"}}}, "rules").objects
    plain: dict[str, Any] = {"metadata": {}}
    labelled = {"metadata": {"labels": {"a": "b"}}}
    assert selects_object(selector, plain, labelled)
    assert selects_object(selector, labelled, None)
    assert not selects_object(selector, plain, None)
    assert not selects_object(selector, {"kind": "PodExecOptions"}, None)


def test_configurations_are_exempt() -> None:
    group = "admissionregistration.k8s.io"
    assert is_exempt(write(resource(group, "v1", "validatingwebhookconfigurations")))
    assert not is_exempt(write(PODS))
