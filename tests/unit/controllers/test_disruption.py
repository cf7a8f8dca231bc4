"""What disruption budgets tell of Pods that no controller scales."""

from kybern.api.types import convert
from kybern.api.types.policy_v1 import PodDisruptionBudget
from kybern.controllers.disruption import unmanaged


def test_the_selector_is_shown_as_go_prints_it() -> None:
    expression = {"key": "k", "operator": "In", "values": ["x", "y"]}
    selector = {"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": [expression]}
    text = unmanaged(convert({"spec": {"selector": selector}}, PodDisruptionBudget))
    assert (
        "(selector: &LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:"
        "[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},})"
    ) in text
