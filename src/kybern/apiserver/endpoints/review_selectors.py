"""Selectors in access reviews: what of them cannot be read is left out of the question, and the answer says so.

Source: pkg/registry/authorization/util/helpers.go.
"""

from collections.abc import Callable

from kybern.api.resource import Object
from kybern.api.selectors import SelectorError, labels_from_struct, parse_fields, parse_labels


def evaluation_error(spec: Object) -> str:
    """What a review's status tells of its selectors; "" where all is understood."""
    attributes = spec.get("resourceAttributes") or {}
    faults = (
        _fault(attributes, "fieldSelector", parse_fields, _is_field),
        _fault(attributes, "labelSelector", parse_labels, _is_label),
    )
    return "; ".join(fault for fault in faults if fault)


def _fault(attributes: Object, key: str, parse: Callable[[str], object], understood: Callable[[Object], bool]) -> str:
    selector = attributes.get(key) or {}
    raw, requirements = selector.get("rawSelector"), selector.get("requirements") or ()
    read = [understood(each) for each in requirements]
    if raw and not requirements:
        read = [_parses(parse, raw)]
    if all(read):
        return ""
    return f"spec.resourceAttributes.{key} {'partially ' if any(read) else ''}ignored due to parse error"


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except SelectorError:
        return False
    return True


def _is_field(requirement: Object) -> bool:
    """Only one value is compared yet."""
    return requirement.get("operator") in ("In", "NotIn") and len(requirement.get("values") or ()) == 1


def _is_label(requirement: Object) -> bool:
    try:
        labels_from_struct({"matchExpressions": [requirement]})
    except SelectorError:
        return False
    return True
