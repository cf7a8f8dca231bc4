"""Which names definitions get, and the conditions that tell of it."""

from typing import Any

import pytest

from kybern.apiserver.custom.definition import Definition
from kybern.apiserver.custom.names import settled, terminating

NOW = "2026-01-01T00:00:00Z"
NAMES = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList", "shortNames": ["w"]}


def definition(group: str = "example.com", status: Any = None, **spec: Any) -> dict[str, Any]:
    annotations = spec.pop("annotations", {})
    metadata = {"name": f"widgets.{group}", "annotations": annotations}
    return {"metadata": metadata, "spec": {"group": group, "names": NAMES, **spec}, "status": status or {}}


def owner(**names: Any) -> dict[str, Any]:
    return {"status": {"acceptedNames": names}}


def told(status: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {each["type"]: (each["status"], each["reason"], each["message"]) for each in status["conditions"]}


def test_free_names_are_accepted_and_the_definition_established() -> None:
    status = settled(definition(), [], NOW)
    assert status["acceptedNames"] == NAMES
    assert told(status) == {
        "NamesAccepted": ("True", "NoConflicts", "no conflicts found"),
        "Established": ("True", "InitialNamesAccepted", "the initial names have been accepted"),
    }
    assert settled(definition(status=status), [], "later") == status


@pytest.mark.parametrize(
    ("taken", "reason", "name"),
    [
        ({"plural": "widgets"}, "PluralConflict", "widgets"),
        ({"shortNames": ["widget"]}, "SingularConflict", "widget"),
        ({"plural": "w"}, "ShortNamesConflict", "w"),
        ({"listKind": "Widget"}, "KindConflict", "Widget"),
        ({"kind": "WidgetList"}, "ListKindConflict", "WidgetList"),
    ],
)
def test_taken_names_are_refused(taken: dict[str, Any], reason: str, name: str) -> None:
    status = settled(definition(), [owner(**taken)], NOW)
    assert told(status) == {
        "NamesAccepted": ("False", reason, f'"{name}" is already in use'),
        "Established": ("False", "NotAccepted", "not all names are accepted"),
    }


def test_who_was_established_stays_so_with_the_names_it_had() -> None:
    before = settled(definition(), [], NOW)
    wanted = definition(status=before, names={**NAMES, "shortNames": ["x"]})
    status = settled(wanted, [owner(plural="x")], "later")
    assert status["acceptedNames"]["shortNames"] == ["w"]
    assert {kind: state[0] for kind, state in told(status).items()} == {"NamesAccepted": "False", "Established": "True"}


def test_groups_of_the_community_tell_of_their_approval() -> None:
    key = "api-approved.kubernetes.io"
    link = settled(definition("x.k8s.io", annotations={key: "https://example.com/1"}), [], NOW)
    assert told(link)["KubernetesAPIApprovalPolicyConformant"] == (
        "True",
        "ApprovedAnnotation",
        "approved in https://example.com/1",
    )
    bypassed = settled(definition("x.k8s.io", annotations={key: "unapproved, a test"}), [], NOW)
    assert told(bypassed)["KubernetesAPIApprovalPolicyConformant"] == (
        "False",
        "UnapprovedAnnotation",
        'not approved: "unapproved, a test"',
    )


def test_a_broken_bundle_keeps_a_definition_from_being_established() -> None:
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": {"caBundle": "bm8="}}}
    status = settled(definition(conversion=conversion), [], NOW)
    assert told(status)["Established"] == ("False", "InvalidCABundle", "The conversion webhook CABundle is invalid")


def test_the_time_of_a_condition_is_that_of_its_change() -> None:
    first = terminating({}, True, "A", "a", "1")
    second = terminating(first, True, "B", "b", "2")
    third = terminating(second, False, "C", "c", "3")
    assert [each["conditions"][0]["lastTransitionTime"] for each in (first, second, third)] == ["1", "1", "3"]


def test_deprecated_versions_name_a_better_one() -> None:
    versions = [
        {"name": "v1beta1", "served": True, "storage": False, "deprecated": True},
        {"name": "v1", "served": True, "storage": True},
        {"name": "v2alpha1", "served": True, "storage": False},
    ]
    found = Definition(definition(scope="Namespaced", versions=versions))
    assert [each.deprecation for each in found.versions] == [
        "example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget",
        "",
        "",
    ]
