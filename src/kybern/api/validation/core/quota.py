"""ResourceQuota and LimitRange."""

from collections.abc import Iterator, Mapping, Sequence

from kybern.api import quantity
from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.quantities import (
    CONTAINER_RESOURCES,
    is_quota_huge_page,
    overcommit_allowed,
    validate_amount,
    validate_container_resource_name,
    validate_quota_resource_name,
    validate_resource_name,
)
from kybern.api.validation.field import IMMUTABLE, duplicate, each_invalid, forbidden, invalid, required

_EXISTS_ONLY = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
_SCOPES = (*_EXISTS_ONLY, "PriorityClass", "VolumeAttributesClass")
_CONFLICTS = (frozenset(("BestEffort", "NotBestEffort")), frozenset(("Terminating", "NotTerminating")))
_POD_RESOURCES = frozenset(
    ("pods", *CONTAINER_RESOURCES, *(f"{side}.{one}" for side in ("requests", "limits") for one in ("cpu", "memory")))
)
_CLAIM_RESOURCES = frozenset(("persistentvolumeclaims", "requests.storage"))
_EXISTS_DETAIL = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_LIMIT_TYPES = ("Pod", "Container", "PersistentVolumeClaim")


def validate_quota(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    hard: Mapping[str, str] = spec.get("hard") or {}
    yield from _amounts(hard, "spec.hard")
    yield from _scopes(spec, hard)
    selector = spec.get("scopeSelector")
    if selector is not None:
        yield from _scope_selector(selector, hard)


def _amounts(amounts: Mapping[str, str], path: str) -> Iterator[FieldError]:
    for name, amount in amounts.items():
        yield from validate_quota_resource_name(name, f"{path}[{name}]")
        yield from validate_amount(name, amount, f"{path}[{name}]")


def _fits(scope: str, name: str) -> bool:
    """Whether a scope says anything about a standard resource."""
    match scope:
        case "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity":
            return name in _POD_RESOURCES
        case "BestEffort":
            return name == "pods"
        case "VolumeAttributesClass":
            return name in _CLAIM_RESOURCES
        case _:
            return True


def _standard(name: str) -> bool:
    return not list(validate_quota_resource_name(name, "")) and "/" not in name and not is_quota_huge_page(name)


def _scopes(spec: Object, hard: Mapping[str, str]) -> Iterator[FieldError]:
    scopes: Sequence[str] = spec.get("scopes") or ()
    path = "spec.scopes"
    for scope in scopes:
        if scope not in _SCOPES:
            yield invalid(path, scopes, "unsupported scope")
        for name in sorted(hard):
            if _standard(name) and not _fits(scope, name):
                yield invalid(path, scopes, "unsupported scope applied to resource")
    for pair in _CONFLICTS:
        if pair <= set(scopes):
            yield invalid(path, scopes, "conflicting scopes")


def _scope_selector(selector: Object, hard: Mapping[str, str]) -> Iterator[FieldError]:
    path = "spec.scopeSelector.matchExpressions"
    seen = set()
    for requirement in selector.get("matchExpressions") or ():
        scope, operator = requirement.get("scopeName") or "", requirement.get("operator") or ""
        values = requirement.get("values") or ()
        seen.add(scope)
        if scope not in _SCOPES:
            yield invalid(f"{path}.scopeName", scope, "unsupported scope")
        for name in sorted(hard):
            if _standard(name) and not _fits(scope, name):
                yield invalid(path, _shown(selector), "unsupported scope applied to resource")
        if scope in _EXISTS_ONLY and operator != "Exists":
            yield invalid(f"{path}.operator", operator, _EXISTS_DETAIL)
        yield from _operator(operator, values, path)
    for pair in _CONFLICTS:
        if pair <= seen:
            yield invalid(path, None, "conflicting scopes")


def _shown(selector: Object) -> Object:
    """Upstream shows its internal ScopeSelector, which has no JSON names and leaves nothing out."""
    return {
        "MatchExpressions": [
            {
                "ScopeName": one.get("scopeName") or "",
                "Operator": one.get("operator") or "",
                "Values": one.get("values"),
            }
            for one in selector.get("matchExpressions") or ()
        ]
    }


def _operator(operator: str, values: Sequence[str], path: str) -> Iterator[FieldError]:
    match operator:
        case "In" | "NotIn":
            if not values:
                detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                yield required(f"{path}.values", detail)
        case "Exists" | "DoesNotExist":
            if values:
                detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                yield invalid(f"{path}.values", values, detail)
        case _:
            yield invalid(f"{path}.operator", operator, "not a valid selector operator")


def validate_quota_update(new: Object, old: Object) -> Iterator[FieldError]:
    scopes, before = ((obj.get("spec") or {}).get("scopes") or [] for obj in (new, old))
    if set(scopes) != set(before):
        yield invalid("spec.scopes", (new.get("spec") or {}).get("scopes"), IMMUTABLE)


def validate_quota_status(new: Object, old: Object) -> Iterator[FieldError]:
    status = new.get("status") or {}
    for key in ("hard", "used"):
        yield from _amounts(status.get(key) or {}, f"status.{key}")


def validate_limit_range(obj: Object) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        path = f"spec.limits[{index}]"
        kind = item.get("type") or ""
        yield from _limit_type(kind, f"{path}.type")
        if kind in seen:
            yield duplicate(f"{path}.type", kind)
        seen.add(kind)
        yield from _limit_names(item, kind, path)
        keys = ("max", "min", "maxLimitRequestRatio", *(("default", "defaultRequest") if kind != "Pod" else ()))
        for name in dict.fromkeys(name for key in keys for name in item.get(key) or ()):
            yield from _Limit(item, name, path, with_defaults=kind != "Pod").errors()


def _limit_type(kind: str, path: str) -> Iterator[FieldError]:
    errors = each_invalid(path, kind, names.qualified_name(kind))
    yield from errors
    if not errors and "/" not in kind and kind not in _LIMIT_TYPES:
        yield invalid(path, kind, "must be a standard limit type or fully qualified")


def _limit_names(item: Object, kind: str, path: str) -> Iterator[FieldError]:
    check = validate_container_resource_name if kind in ("Pod", "Container") else validate_resource_name
    for key in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
        if kind == "Pod" and key in ("default", "defaultRequest"):
            if item.get(key):
                yield forbidden(f"{path}.{key}", "may not be specified when `type` is 'Pod'")
            continue
        bounded = "storage" in {**(item.get("min") or {}), **(item.get("max") or {})}
        if key == "maxLimitRequestRatio" and kind == "PersistentVolumeClaim" and not bounded:
            detail = "either minimum or maximum storage value is required, but neither was provided"
            yield required(f"{path}.limits", detail)
        for name in item.get(key) or ():
            yield from check(name, f"{path}.{key}[{name}]")


class _Limit:
    """The five figures of one resource, compared with each other."""

    def __init__(self, item: Object, name: str, path: str, *, with_defaults: bool) -> None:
        self._name, self._path = name, path
        self._low = (item.get("min") or {}).get(name)
        self._high = (item.get("max") or {}).get(name)
        self._default = (item.get("default") or {}).get(name) if with_defaults else None
        self._request = (item.get("defaultRequest") or {}).get(name) if with_defaults else None
        self._ratio = (item.get("maxLimitRequestRatio") or {}).get(name)

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}[{self._name}]"

    def errors(self) -> Iterator[FieldError]:
        low, high, default, request = self._low, self._high, self._default, self._request
        if _above(low, high):
            yield invalid(self._at("min"), low, f"min value {low} is greater than max value {high}")
        at = self._at("defaultRequest")
        if _above(low, request):
            yield invalid(at, request, f"min value {low} is greater than default request value {request}")
        if _above(request, high):
            yield invalid(at, request, f"default request value {request} is greater than max value {high}")
        if _above(request, default):
            yield invalid(at, request, f"default request value {request} is greater than default limit value {default}")
        at = self._at("default")
        if _above(low, default):
            yield invalid(at, low, f"min value {low} is greater than default value {default}")
        if _above(default, high):
            yield invalid(at, high, f"default value {default} is greater than max value {high}")
        yield from self._ratio_errors()
        if not overcommit_allowed(self._name) and default and request and quantity.compare(default, request):
            detail = f"default value {default} must equal to defaultRequest value {request} in {self._name}"
            yield invalid(self._at("defaultRequest"), request, detail)

    def _ratio_errors(self) -> Iterator[FieldError]:
        ratio = self._ratio
        if ratio is None:
            return
        at = self._at("maxLimitRequestRatio")
        if quantity.compare(ratio, "1") < 0:
            yield invalid(at, ratio, f"ratio {ratio} is less than 1")
        if self._low is not None and self._high is not None and quantity.parse(self._low):
            limit = quantity.parse(self._high) / quantity.parse(self._low)
            if quantity.milli_value(ratio) / 1000 > limit:
                yield invalid(at, ratio, f"ratio {ratio} is greater than max/min = {limit:f}")


def _above(left: str | None, right: str | None) -> bool:
    return left is not None and right is not None and quantity.compare(left, right) > 0


def quota_warnings(obj: Object) -> Iterator[str]:
    """Requests that may be larger than limits."""
    hard: Mapping[str, str] = (obj.get("spec") or {}).get("hard") or {}
    for name in ("cpu", "memory", "storage", "ephemeral-storage"):
        request, limit = f"requests.{name}", f"limits.{name}"
        if request not in hard and name in ("cpu", "memory"):
            request = name
        if request in hard and limit in hard and quantity.compare(hard[request], hard[limit]) > 0:
            yield f"ResourceQuota {request} ({hard[request]}) should be less than {limit} ({hard[limit]})"
