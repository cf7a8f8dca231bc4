"""The quality-of-service class of a Pod, out of its containers' cpu and memory. Source: KEP-2837, component-helpers."""

from collections.abc import Iterable

from kybern.api import quantity
from kybern.api.resource import Object

_COUNTED = ("cpu", "memory")


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort; the Pod's own resources, where given, decide alone."""
    own = spec.get("resources")
    if own and (own.get("requests") or own.get("limits")):
        return _class([own])
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return _class([container.get("resources") or {} for container in containers])


def _class(all_resources: Iterable[Object]) -> str:
    requests: dict[str, int] = {}
    limits: dict[str, int] = {}
    guaranteed = True
    for resources in all_resources:
        _add(requests, resources.get("requests") or {})
        limited = _add(limits, resources.get("limits") or {})
        guaranteed = guaranteed and limited == set(_COUNTED)
    if not requests and not limits:
        return "BestEffort"
    if guaranteed and len(requests) == len(limits) and all(limits.get(key) == value for key, value in requests.items()):
        return "Guaranteed"
    return "Burstable"


def _add(total: dict[str, int], amounts: Object) -> set[str]:
    """Adds what is above zero; answers which resources were."""
    found = set()
    for name in _COUNTED:
        amount = quantity.parse(amounts[name]) if name in amounts else 0
        if amount > 0:
            found.add(name)
            total[name] = total.get(name, 0) + amount
    return found
