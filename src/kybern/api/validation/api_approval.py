"""Definitions in groups of the community's domains: each needs a link to the review of its API (KEP-1111).

Source: apiextensions-apiserver pkg/apihelpers/helpers.go.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from kybern.api.resource import FieldError, Object
from kybern.api.validation.field import invalid, quote, required

_APPROVED = "api-approved.kubernetes.io"
_PROTECTED = (".k8s.io", ".kubernetes.io")
_APPROVAL_INVALID = (
    f'protected groups must have approval annotation "{_APPROVED}" with either a URL or a reason starting with '
    '"unapproved", see https://github.com/kubernetes/enhancements/pull/1111'
)
_APPROVAL_MISSING = (
    f'protected groups must have approval annotation "{_APPROVED}", '
    "see https://github.com/kubernetes/enhancements/pull/1111"
)


def validate_approval(obj: Object) -> Iterator[FieldError]:
    """Groups of the community's domains need a link to their review (KEP-1111)."""
    if not _is_protected(obj):
        return
    path, reason, detail = f"metadata.annotations[{_APPROVED}]", *fault_of_approval(obj)
    if reason == "MissingAnnotation":
        yield required(path, detail)
    elif reason == "InvalidAnnotation":
        yield invalid(path, _approval(obj), detail)


def _is_protected(obj: Object) -> bool:
    group = (obj.get("spec") or {}).get("group") or ""
    return group in ("k8s.io", "kubernetes.io") or group.endswith(_PROTECTED)


def _approval(obj: Object) -> str:
    return (obj["metadata"].get("annotations") or {}).get(_APPROVED) or ""


def fault_of_approval(obj: Object) -> tuple[str, str]:
    """(reason, message) of an annotation that approves nothing; empty for one that does, whatever the group."""
    value = _approval(obj)
    if not value:
        return "MissingAnnotation", _APPROVAL_MISSING
    if value.startswith("unapproved"):
        return "UnapprovedAnnotation", ""
    return ("", "") if all(urlsplit(value)[:2]) else ("InvalidAnnotation", _APPROVAL_INVALID)


def approval_condition(obj: Object) -> tuple[bool, str, str] | None:
    """(status, reason, message) of KubernetesAPIApprovalPolicyConformant; None for groups that need no approval."""
    if not _is_protected(obj):
        return None
    value, (reason, message) = _approval(obj), fault_of_approval(obj)
    if reason == "UnapprovedAnnotation":
        return False, reason, f"not approved: {quote(value)}"
    return (False, reason, message) if reason else (True, "ApprovedAnnotation", f"approved in {value}")
