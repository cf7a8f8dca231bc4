"""Label selectors of typed objects against labels (apimachinery's LabelSelectorAsSelector)."""

from collections.abc import Mapping

from kybern.api.types.meta_v1 import LabelSelector, LabelSelectorRequirement


def matches(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether the labels satisfy the selector. None matches nothing, an empty selector everything."""
    if selector is None:
        return False
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _satisfies(requirement, labels) for requirement in selector.match_expressions
    )


def is_empty(selector: LabelSelector | None) -> bool:
    """Whether the selector names no condition at all."""
    return selector is None or not (selector.match_labels or selector.match_expressions)


def matches_map(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether the labels hold every pair (a Service's selector)."""
    return all(labels.get(key) == value for key, value in selector.items())


def _satisfies(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False
