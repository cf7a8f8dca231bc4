"""LimitRanger: containers get a namespace's default resources; Pods and claims stay within its bounds.

Source: https://kubernetes.io/docs/concepts/policy/limit-range/, plugin/pkg/admission/limitranger.
"""

from collections.abc import Iterator, Mapping

from kybern.api import quantity
from kybern.api.quota.pod_resources import pod_amounts
from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup

RANGES = "limitranges"
ANNOTATION = "kubernetes.io/limit-ranger"
_PODS, _CLAIMS = "pods", "persistentvolumeclaims"
Amounts = Mapping[str, str]


class LimitRanger(Plugin):
    about = (_PODS, _CLAIMS)

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._stored = lookup.cache(RANGES).objects

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        """New Pods, and those whose containers are resized."""
        mutable = attributes.subresource == ("" if old is None else "resize")
        if self._stored and attributes.group_resource == _PODS and mutable:
            for limit_range in self._ranges(attributes):
                fill_defaults(obj, limit_range)

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if not self._stored or obj is None or attributes.group_resource not in (_PODS, _CLAIMS):
            return
        claim = attributes.group_resource == _CLAIMS
        if attributes.subresource != ("resize" if old is not None and not claim else ""):
            return
        if old is not None and old["metadata"].get("deletionTimestamp"):
            return
        for limit_range in self._ranges(attributes):
            faults = list(claim_faults(obj, limit_range) if claim else pod_faults(obj, limit_range))
            if faults:
                listed = list(dict.fromkeys(faults))
                raise attributes.forbidden(obj, listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]")

    def _ranges(self, attributes: Attributes) -> list[Object]:
        return self._lookup.list(RANGES, attributes.namespace)


def fill_defaults(pod: Object, limit_range: Object) -> None:
    """Requests and limits that containers leave open; an annotation tells which."""
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for item in _items(limit_range, "Container"):
        requests |= item.get("defaultRequest") or {}
        limits |= item.get("default") or {}
    if not requests and not limits:
        return
    notes: list[str] = []
    for key, label in (("containers", "container"), ("initContainers", "init container")):
        for container in pod["spec"].get(key) or ():
            notes += _fill(container, requests, limits, label)
    if notes:
        metadata = pod["metadata"]
        text = f"LimitRanger plugin set: {'; '.join(notes)}"
        metadata["annotations"] = {**(metadata.get("annotations") or {}), ANNOTATION: text}


def _fill(container: Object, requests: Amounts, limits: Amounts, label: str) -> Iterator[str]:
    resources = dict(container.get("resources") or {})
    for key, defaults in (("requests", requests), ("limits", limits)):
        given = resources.get(key) or {}
        added = {name: amount for name, amount in defaults.items() if name not in given}
        if added:
            resources[key] = {**given, **added}
            yield f"{', '.join(sorted(added))} {key[:-1]} for {label} {container.get('name') or ''}"
    container["resources"] = resources


def pod_faults(pod: Object, limit_range: Object) -> Iterator[str]:
    spec = pod["spec"]
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item["type"] == "Container":
            for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
                resources = container.get("resources") or {}
                yield from _faults(item, resources.get("requests") or {}, resources.get("limits") or {})
        elif item["type"] == "Pod":
            yield from _faults(
                item, pod_amounts(spec, "requests", overhead=False), pod_amounts(spec, "limits", overhead=False)
            )


def claim_faults(claim: Object, limit_range: Object) -> Iterator[str]:
    requests = ((claim["spec"].get("resources") or {}).get("requests")) or {}
    for item in _items(limit_range, "PersistentVolumeClaim"):
        for name, bound in sorted((item.get("min") or {}).items()):
            yield from _below(name, item["type"], bound, requests, {})
        for name, bound in sorted((item.get("max") or {}).items()):
            where = f"maximum {name} usage per {item['type']} is {bound}"
            if name not in requests:
                yield f"{where}.  No request is specified"
            elif quantity.compare(requests[name], bound) > 0:
                yield f"{where}, but request is {requests[name]}"


def _items(limit_range: Object, kind: str) -> Iterator[Object]:
    return (item for item in (limit_range.get("spec") or {}).get("limits") or () if item["type"] == kind)


def _faults(item: Object, requests: Amounts, limits: Amounts) -> Iterator[str]:
    kind = item["type"]
    for name, bound in sorted((item.get("min") or {}).items()):
        yield from _below(name, kind, bound, requests, limits)
    for name, bound in sorted((item.get("max") or {}).items()):
        yield from _above(name, kind, bound, requests, limits)
    for name, bound in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        yield from _ratio(name, kind, bound, requests, limits)


def _below(name: str, kind: str, bound: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    where = f"minimum {name} usage per {kind} is {bound}"
    if name not in requests:
        yield f"{where}.  No request is specified"
    elif quantity.compare(requests[name], bound) < 0:
        yield f"{where}, but request is {requests[name]}"
    elif name in limits and quantity.compare(limits[name], bound) < 0:
        yield f"{where}, but limit is {limits[name]}"


def _above(name: str, kind: str, bound: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    where = f"maximum {name} usage per {kind} is {bound}"
    if name not in limits:
        yield f"{where}.  No limit is specified"
    elif quantity.compare(limits[name], bound) > 0:
        yield f"{where}, but limit is {limits[name]}"
    elif name in requests and quantity.compare(requests[name], bound) > 0:
        yield f"{where}, but request is {requests[name]}"


def _ratio(name: str, kind: str, bound: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    where = f"{name} max limit to request ratio per {kind} is {bound}"
    request, limit = quantity.parse(requests.get(name, "0")), quantity.parse(limits.get(name, "0"))
    if not request:
        yield f"{where}, but no request is specified or request is 0"
    elif not limit:
        yield f"{where}, but no limit is specified or limit is 0"
    elif limit * quantity.NANO > quantity.parse(bound) * request:
        yield f"{where}, but provided ratio is {limit / request:f}"
