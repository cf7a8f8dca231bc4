"""Which objects a quota's scopes take in. Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes
and pkg/quota/v1/evaluator/core."""

from collections.abc import Callable, Iterator, Sequence

from kybern.api.groups.core.qos import qos_class
from kybern.api.resource import Object

InScope = Callable[[Object, Object], bool]
"""(scope selector, object) -> whether the object falls under it."""


def selectors_of(quota: Object) -> list[Object]:
    """spec.scopes and spec.scopeSelector as one list of requirements."""
    spec = quota.get("spec") or {}
    plain = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    return [*plain, *((spec.get("scopeSelector") or {}).get("matchExpressions") or ())]


def matches_quota(quota: Object, obj: Object, in_scope: InScope) -> bool:
    """Whether all scopes of a quota take the object in."""
    return all(in_scope(selector, obj) for selector in selectors_of(quota))


def no_scope(selector: Object, obj: Object) -> bool:
    """Objects that fall under no scope at all."""
    return False


def pod_in_scope(selector: Object, pod: Object) -> bool:
    spec = pod.get("spec") or {}
    match selector["scopeName"]:
        case "Terminating":
            return spec.get("activeDeadlineSeconds") is not None
        case "NotTerminating":
            return spec.get("activeDeadlineSeconds") is None
        case "BestEffort":
            return qos_class(spec) == "BestEffort"
        case "NotBestEffort":
            return qos_class(spec) != "BestEffort"
        case "PriorityClass":
            name = spec.get("priorityClassName")
            return _selected(selector, [name] if name else [])
        case "CrossNamespacePodAffinity":
            return any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in _terms(spec))
    return False


def claim_in_scope(selector: Object, claim: Object) -> bool:
    if selector["scopeName"] != "VolumeAttributesClass":
        return False
    status = claim.get("status") or {}
    names = (
        (claim.get("spec") or {}).get("volumeAttributesClassName"),
        status.get("currentVolumeAttributesClassName"),
        (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"),
    )
    return _selected(selector, [name for name in names if name])


def _selected(selector: Object, names: Sequence[str]) -> bool:
    """Of several names one that is selected is enough; no name is what DoesNotExist and NotIn ask for."""
    values = selector.get("values") or ()
    match selector.get("operator"):
        case "Exists":
            return bool(names)
        case "DoesNotExist":
            return not names
        case "In":
            return any(name in values for name in names)
        case "NotIn":
            return not names or any(name not in values for name in names)
    return False


def _terms(spec: Object) -> Iterator[Object]:
    """All affinity and anti-affinity terms of a Pod."""
    affinity = spec.get("affinity") or {}
    for key in ("podAffinity", "podAntiAffinity"):
        group = affinity.get(key) or {}
        yield from group.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for weighted in group.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield weighted.get("podAffinityTerm") or {}
