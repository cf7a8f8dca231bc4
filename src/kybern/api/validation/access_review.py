"""SubjectAccessReview, SelfSubjectAccessReview, LocalSubjectAccessReview. Source: pkg/apis/authorization/validation."""

from collections.abc import Iterator
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, forbidden, invalid, required

_TOGETHER = "cannot be specified in combination with resourceAttributes"
_NEITHER = "exactly one of nonResourceAttributes or resourceAttributes must be specified"


def validate_access_review(review: Object) -> Iterator[FieldError]:
    spec: Object = review.get("spec") or {}
    yield from _spec(spec, names_subject=True)
    yield from _metadata(review["metadata"], "must be empty")


def validate_self_access_review(review: Object) -> Iterator[FieldError]:
    yield from _spec(review.get("spec") or {}, names_subject=False)
    yield from _metadata(review["metadata"], "must be empty")


def validate_local_access_review(review: Object) -> Iterator[FieldError]:
    """Its metadata has the namespace of the request."""
    spec: Object = review.get("spec") or {}
    metadata = review["metadata"]
    yield from _spec(spec, names_subject=True)
    yield from _metadata(metadata, "must be empty except for namespace", "namespace")
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and (resource.get("namespace") or "") != metadata.get("namespace", ""):
        named = resource.get("namespace") or ""
        yield invalid("spec.resourceAttributes.namespace", named, "must match metadata.namespace")
    if path is not None:
        yield invalid("spec.nonResourceAttributes", _shown_path(path), "disallowed on this kind of request")


def _spec(spec: Object, *, names_subject: bool) -> Iterator[FieldError]:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and path is not None:
        yield invalid("spec.nonResourceAttributes", _shown_path(path), _TOGETHER)
    if resource is None and path is None:
        yield invalid("spec.resourceAttributes", None, _NEITHER)
    if names_subject and not spec.get("user") and not spec.get("groups"):
        yield invalid("spec.user", "", "at least one of user or group must be specified")
    for kind in ("fieldSelector", "labelSelector"):
        selector = (resource or {}).get(kind)
        if selector is not None:
            yield from _selector(selector, f"spec.resourceAttributes.{kind}", of_labels=kind == "labelSelector")


def _metadata(metadata: Object, detail: str, *allowed: str) -> Iterator[FieldError]:
    if any(value for key, value in metadata.items() if key not in ("managedFields", *allowed)):
        yield invalid("metadata", metadata, detail)


def _selector(selector: Object, path: str, *, of_labels: bool) -> Iterator[FieldError]:
    raw, requirements = selector.get("rawSelector") or "", selector.get("requirements") or ()
    if raw and requirements:
        yield invalid(f"{path}.rawSelector", raw, "may not specified at the same time as requirements")
    if not raw and not requirements:
        yield required(f"{path}.requirements", f"when {path} is specified, requirements or rawSelector is required")
    for index, requirement in enumerate(requirements):
        yield from _requirement(requirement, f"{path}.requirements[{index}]", of_labels=of_labels)


def _requirement(requirement: Object, path: str, *, of_labels: bool) -> Iterator[FieldError]:
    """An operator that nobody knows is let through: newer clients may ask older servers."""
    key, values = requirement.get("key") or "", requirement.get("values") or ()
    if not of_labels and not key:
        yield required(f"{path}.key", "must be specified")
    match requirement.get("operator"):
        case "In" | "NotIn" if not values:
            yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        case "Exists" | "DoesNotExist" if values:
            yield forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    if of_labels:
        yield from each_invalid(f"{path}.key", key, names.qualified_name(key))
        for index, value in enumerate(values):
            yield from each_invalid(f"{path}.values[{index}]", value, names.label_value(value))


def _shown_path(attributes: Object) -> Any:
    """Upstream shows its internal type, which has no JSON names."""
    return {"Path": attributes.get("path") or "", "Verb": attributes.get("verb") or ""}
