"""Aggregated ClusterRoles: what is gathered, in which order, and when nothing is written."""

from kybern.api.types.meta_v1 import LabelSelector, ObjectMeta
from kybern.api.types.rbac_v1 import AggregationRule, ClusterRole, PolicyRule
from kybern.client.client import PatchType
from kybern.controllers.cluster_role_aggregation import NAME, decide


def rule(resource: str) -> PolicyRule:
    return PolicyRule(verbs=["get"], api_groups=[""], resources=[resource])


def part(name: str, label: str, *resources: str) -> ClusterRole:
    return ClusterRole(metadata=ObjectMeta(name=name, labels={label: "true"}), rules=[rule(each) for each in resources])


def gathering(*labels: str, rules: tuple[str, ...] = ()) -> ClusterRole:
    selectors = [LabelSelector(match_labels={label: "true"}) for label in labels]
    return ClusterRole(
        metadata=ObjectMeta(name="all", labels={"a": "true"}),
        rules=[rule(each) for each in rules],
        aggregation_rule=AggregationRule(cluster_role_selectors=selectors),
    )


def test_rules_are_gathered_by_selector_then_name_each_once_and_never_its_own() -> None:
    role = gathering("a", "b", rules=("own",))
    parts = [
        part("z", "a", "pods", "secrets"),
        part("y", "b", "nodes"),
        part("x", "a", "secrets"),
        part("w", "c", "no"),
    ]
    (patch,) = decide(role, [role, *parts]).patches
    assert [each["resources"] for each in patch.patch["rules"]] == [["secrets"], ["pods"], ["nodes"]]
    assert (patch.content_type, patch.query) == (PatchType.APPLY, {"fieldManager": NAME, "force": "true"})


def test_what_is_so_already_is_not_written() -> None:
    role = gathering("a", rules=("pods",))
    assert decide(role, [role, part("x", "a", "pods")]).writes == 0
    assert decide(part("x", "a", "pods"), []).writes == 0


def test_nothing_to_gather_lets_go_of_the_rules() -> None:
    role = gathering("a", rules=("pods",))
    (patch,) = decide(role, [role]).patches
    assert "rules" not in patch.patch
