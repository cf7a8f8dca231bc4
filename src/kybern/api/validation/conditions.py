"""metav1.Conditions. Source: apimachinery apis/meta/v1/validation."""

import re
from collections.abc import Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import duplicate, each_invalid, invalid, not_supported, required, too_long

_STATUSES = ("False", "True", "Unknown")
_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_is_reason = re.compile(_REASON).fullmatch
_REASON_LIMIT, _MESSAGE_LIMIT = 1024, 32 * 1024
_REASON_FAULT = names.regex_error(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_'",
    _REASON,
    "my_name",
    "MY_NAME",
    "MyName",
    "ReasonA,ReasonB",
    "ReasonA:ReasonB",
)


def validate_conditions(conditions: Sequence[Object], path: str) -> Iterator[FieldError]:
    seen = set()
    for index, condition in enumerate(conditions):
        at, kind = f"{path}[{index}]", condition.get("type") or ""
        if kind in seen:
            yield duplicate(f"{at}.type", kind)
        seen.add(kind)
        yield from each_invalid(f"{at}.type", kind, names.qualified_name(kind))
        if condition.get("status") not in _STATUSES:
            yield not_supported(f"{at}.status", condition.get("status") or "", _STATUSES)
        if (condition.get("observedGeneration") or 0) < 0:
            generation = condition["observedGeneration"]
            yield invalid(f"{at}.observedGeneration", generation, "must be greater than or equal to zero")
        if not condition.get("lastTransitionTime"):
            yield required(f"{at}.lastTransitionTime")
        yield from _reason(condition.get("reason") or "", f"{at}.reason")
        if names.size(condition.get("message") or "") > _MESSAGE_LIMIT:
            yield too_long(f"{at}.message", _MESSAGE_LIMIT)


def _reason(reason: str, path: str) -> Iterator[FieldError]:
    if not reason:
        yield required(path)
        return
    if not _is_reason(reason):
        yield invalid(path, reason, _REASON_FAULT)
    if names.size(reason) > _REASON_LIMIT:
        yield too_long(path, _REASON_LIMIT)
