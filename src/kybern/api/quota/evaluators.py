"""How each resource is counted; what has no way of its own is counted by number (`count/RESOURCE.GROUP`).

Source: pkg/quota/v1/evaluator/core, k8s.io/apiserver pkg/quota/v1/generic.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from kybern.api import quantity
from kybern.api.quota import pods
from kybern.api.quota.amounts import Amounts, add
from kybern.api.quota.scopes import InScope, claim_in_scope, no_scope, pod_in_scope
from kybern.api.resource import Object

Usage = Callable[[Object, float], Amounts]
"""(object, now) -> what it uses."""
_BY_CLASS = ".storageclass.storage.k8s.io/"
_CLAIM_NAMES = ("persistentvolumeclaims", "requests.storage")
_OLD_STORAGE_CLASS = "volume.beta.kubernetes.io/storage-class"
_BY_DEVICE_CLASS = ".deviceclass.resource.k8s.io/devices"
_ALL_DEVICES = "32"
"""What a request for all matching devices counts as: the most that an allocation may hold."""
_ALIASES = frozenset(("configmaps", "replicationcontrollers", "resourcequotas", "secrets"))
"""Counted under their plain names too."""


def _nothing_missing(names: Iterable[str], obj: Object) -> str:
    return ""


def _always(subresource: str, new: Object, old: Object | None) -> bool:
    return not subresource and old is None


@dataclass(frozen=True, slots=True)
class Evaluator:
    """How the objects of one resource use a quota."""

    group_resource: str
    counts: Callable[[str], bool]
    """Whether a name in `hard` is about this resource."""
    usage: Usage
    in_scope: InScope = no_scope
    missing: Callable[[Iterable[str], Object], str] = _nothing_missing
    """(names in `hard`, object) -> what the object must say and does not."""
    handles: Callable[[str, Object, Object | None], bool] = _always
    """(subresource, new, old) -> whether such a write may use more."""

    def names(self, hard: Iterable[str]) -> list[str]:
        return [name for name in hard if self.counts(name)]


@cache
def evaluator_of(group_resource: str) -> Evaluator:
    """The evaluator of `pods`, `deployments.apps`, …"""
    return _OWN[group_resource] if group_resource in _OWN else _counter(group_resource)


def _counter(group_resource: str) -> Evaluator:
    names = {f"count/{group_resource}": "1"}
    if group_resource in _ALIASES:
        names[group_resource] = "1"
    return Evaluator(group_resource, names.__contains__, lambda obj, now: names)


def _service_usage(service: Object, now: float) -> Amounts:
    spec = service.get("spec") or {}
    ports = spec.get("ports") or ()
    kind = spec.get("type")
    node_ports = 0
    if kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False):
        node_ports = len(ports)
    elif kind == "LoadBalancer":
        node_ports = sum(1 for port in ports if port.get("nodePort"))
    balancers = "1" if kind == "LoadBalancer" else "0"
    return {
        "count/services": "1",
        "services": "1",
        "services.loadbalancers": balancers,
        "services.nodeports": str(node_ports),
    }


def _claim_usage(claim: Object, now: float) -> Amounts:
    spec = claim.get("spec") or {}
    found = {"persistentvolumeclaims": "1", "count/persistentvolumeclaims": "1"}
    annotations = claim["metadata"].get("annotations") or {}
    storage_class = annotations.get(_OLD_STORAGE_CLASS) or spec.get("storageClassName") or ""
    amount = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    allocated = ((claim.get("status") or {}).get("allocatedResources") or {}).get("storage")
    if amount is not None:
        if allocated is not None and quantity.compare(allocated, amount) > 0:
            amount = allocated
        found["requests.storage"] = _whole(amount)
    if storage_class:
        found |= {f"{storage_class}{_BY_CLASS}{name}": found[name] for name in _CLAIM_NAMES if name in found}
    return found


def _whole(amount: str) -> str:
    """In whole bytes: quotas hold no fractions of them."""
    if quantity.parse(amount) % quantity.NANO == 0:
        return quantity.canonical(amount)
    return quantity.canonical(str(quantity.value(amount)))


def _claim_counts(name: str) -> bool:
    return name == "count/persistentvolumeclaims" or name in _CLAIM_NAMES or name.endswith(_CLAIM_SUFFIXES)


_CLAIM_SUFFIXES = tuple(_BY_CLASS + name for name in _CLAIM_NAMES)


def _claim_handles(subresource: str, new: Object, old: Object | None) -> bool:
    if subresource != "status":
        return not subresource
    return old is not None and (new.get("status") or {}) != (old.get("status") or {})


def _devices(claim: Object, now: float) -> Amounts:
    """Each request counts as its most expensive alternative."""
    found = {"count/resourceclaims.resource.k8s.io": "1"}
    for request in (((claim.get("spec") or {}).get("devices")) or {}).get("requests") or ():
        if request.get("exactly") is not None:
            found = add(found, _of_request(request["exactly"]))
        alternatives: dict[str, str] = {}
        for alternative in request.get("firstAvailable") or ():
            for name, amount in _of_request(alternative).items():
                if quantity.compare(amount, alternatives.get(name, "0")) > 0:
                    alternatives[name] = amount
        found = add(found, alternatives)
    return found


def _of_request(request: Object) -> Amounts:
    count = _ALL_DEVICES if request.get("allocationMode") == "All" else str(request.get("count") or 1)
    return {f"{request.get('deviceClassName') or ''}{_BY_DEVICE_CLASS}": count}


_OWN = {
    "pods": Evaluator(
        "pods",
        pods.counts,
        pods.usage,
        pod_in_scope,
        pods.missing,
        pods.handles,
    ),
    "services": Evaluator(
        "services",
        frozenset(("count/services", "services", "services.loadbalancers", "services.nodeports")).__contains__,
        _service_usage,
        handles=lambda subresource, new, old: not subresource,
    ),
    "persistentvolumeclaims": Evaluator(
        "persistentvolumeclaims", _claim_counts, _claim_usage, claim_in_scope, handles=_claim_handles
    ),
    "resourceclaims.resource.k8s.io": Evaluator(
        "resourceclaims.resource.k8s.io",
        lambda name: name == "count/resourceclaims.resource.k8s.io" or name.endswith(_BY_DEVICE_CLASS),
        _devices,
        handles=lambda subresource, new, old: not subresource,
    ),
}
