"""Objects of priority and fairness that every cluster has as they are: nobody may lock the administrator out.

Source: k8s.io/apiserver pkg/apis/flowcontrol/bootstrap, pkg/apis/flowcontrol/validation.
"""

from collections.abc import Iterator
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.validation.field import invalid
from kybern.api.validation.internal_form import internal_form

_ALL_RESOURCES: Object = {
    "verbs": ["*"],
    "apiGroups": ["*"],
    "resources": ["*"],
    "clusterScope": True,
    "namespaces": ["*"],
}
_ALL_PATHS: Object = {"verbs": ["*"], "nonResourceURLs": ["*"]}


def _groups(*names: str) -> list[Object]:
    subjects = [{"kind": "Group", "group": {"name": name}} for name in names]
    return [{"subjects": subjects, "resourceRules": [_ALL_RESOURCES], "nonResourceRules": [_ALL_PATHS]}]


_FIXED: dict[tuple[str, str], Object] = {
    ("FlowSchema", "exempt"): {
        "priorityLevelConfiguration": {"name": "exempt"},
        "matchingPrecedence": 1,
        "rules": _groups("system:masters"),
    },
    ("FlowSchema", "catch-all"): {
        "priorityLevelConfiguration": {"name": "catch-all"},
        "matchingPrecedence": 10_000,
        "distinguisherMethod": {"type": "ByUser"},
        "rules": _groups("system:unauthenticated", "system:authenticated"),
    },
    ("PriorityLevelConfiguration", "exempt"): {"type": "Exempt"},
    ("PriorityLevelConfiguration", "catch-all"): {
        "type": "Limited",
        "limited": {"nominalConcurrencyShares": 5, "lendablePercent": 0, "limitResponse": {"type": "Reject"}},
    },
}
_CHANGEABLE = "exempt"
"""How much the level of that name may use is the administrator's to say."""


def validate_fixed(obj: Object) -> Iterator[FieldError]:
    kind, name = obj["kind"], obj["metadata"].get("name") or ""
    fixed, spec = _FIXED.get((kind, name)), obj.get("spec") or {}
    if fixed is None:
        return
    level = (kind, name) == ("PriorityLevelConfiguration", _CHANGEABLE)
    compared = {key: value for key, value in spec.items() if key != _CHANGEABLE} if level else spec
    if _set(compared) != fixed:
        but = " except the 'spec.exempt' field" if level else ""
        shown = internal_form(f"io.k8s.api.flowcontrol.v1.{kind}Spec", spec)
        yield invalid("spec", shown, f"spec of '{name}'{but} must equal the fixed value")


def _set(value: Any) -> Any:
    """Without what is empty: to Go that is what is not there."""
    if isinstance(value, dict):
        return {key: _set(each) for key, each in value.items() if each not in (None, [], {})}
    return [_set(each) for each in value] if isinstance(value, list) else value
