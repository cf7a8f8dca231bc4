"""Requests and limits of containers and of whole Pods."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from kybern.api import quantity
from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.quantities import (
    is_huge_page,
    overcommit_allowed,
    validate_amount,
    validate_container_resource_name,
    validate_resource_name,
)
from kybern.api.validation.field import duplicate, each_invalid, forbidden, invalid, not_found, not_supported, required

_SHARED = ("cpu", "memory")


def validate_requirements(
    requirements: Object, claims: Collection[str], path: str, *, of_pod: bool = False
) -> Iterator[FieldError]:
    """A ResourceRequirements; `claims` are the names of the Pod's resource claims."""
    limits: Mapping[str, str] = requirements.get("limits") or {}
    requests: Mapping[str, str] = requirements.get("requests") or {}
    for name, amount in limits.items():
        yield from _named_amount(name, amount, f"{path}.limits[{name}]", of_pod=of_pod)
    for name, amount in requests.items():
        yield from _named_amount(name, amount, f"{path}.requests[{name}]", of_pod=of_pod)
        yield from _against_limit(name, amount, limits.get(name), path)
    both = {*limits, *requests}
    if any(map(is_huge_page, both)) and both.isdisjoint(_SHARED):
        yield forbidden(path, "HugePages require cpu or memory")
    yield from _claims(requirements.get("claims") or (), claims, f"{path}.claims")


def _named_amount(name: str, amount: str, path: str, *, of_pod: bool) -> Iterator[FieldError]:
    if of_pod:
        yield from _pod_resource_name(name, path)
    else:
        yield from validate_container_resource_name(name, path)
    yield from validate_amount(name, amount, path)
    if is_huge_page(name) and not _divisible(name, amount):
        yield invalid(path, amount, f"{amount} is not positive integer multiple of {name}")


def _divisible(name: str, amount: str) -> bool:
    try:
        page = quantity.value(name.removeprefix("hugepages-"))
    except ValueError:
        return False
    return page > 0 and quantity.value(amount) % page == 0


def _pod_resource_name(name: str, path: str) -> Iterator[FieldError]:
    errors = list(validate_resource_name(name, path))
    yield from errors
    if not errors and name not in _SHARED and not is_huge_page(name):
        yield not_supported(path, name, ("cpu", "hugepages-", "memory"))


def _against_limit(name: str, amount: str, limit: str | None, path: str) -> Iterator[FieldError]:
    if limit is None:
        if not overcommit_allowed(name):
            yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")
        return
    order = quantity.compare(amount, limit)
    if order and not overcommit_allowed(name):
        yield invalid(f"{path}.requests", amount, f"must be equal to {name} limit of {limit}")
    elif order > 0:
        yield invalid(f"{path}.requests", amount, f"must be less than or equal to {name} limit of {limit}")


def _claims(used: Sequence[Object], known: Collection[str], path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, claim in enumerate(used):
        at, name, request = f"{path}[{index}]", claim.get("name") or "", claim.get("request") or ""
        if not name:
            yield required(at)
            continue
        if name in seen:
            yield duplicate(at, name)
        else:
            key = f"{name}/{request}" if request else name
            if request:
                yield from each_invalid(f"{at}.request", request, names.dns_label(request))
            if key in seen or (not request and any(one.startswith(f"{name}/") for one in seen)):
                yield duplicate(at, key)
            seen.add(key)
        if name not in known:
            where = f": {', '.join(sorted(known))}" if known else " which is empty"
            error = not_found(at, name)
            detail = f"{error.message}: must be one of the names in pod.spec.resourceClaims{where}"
            yield FieldError(error.reason, at, detail)


def validate_pod_resources(spec: Object, claims: Collection[str], path: str) -> Iterator[FieldError]:
    """The Pod's own requests and limits (KEP-2837): they bound those of its containers."""
    own = spec.get("resources")
    if own is None:
        return
    path = f"{path}.resources"
    if (spec.get("os") or {}).get("name") == "windows":
        yield forbidden(path, "may not be set for a windows pod")
        return
    if own.get("claims") is not None:
        yield forbidden(f"{path}.claims", "claims may not be set for Resources at pod-level")
    yield from validate_requirements(own, claims, path, of_pod=True)
    for name, amount in (own.get("requests") or {}).items():
        total = _sum(spec, "requests", name)
        if total > quantity.parse(amount):
            detail = f"must be greater than or equal to aggregate container requests of {quantity.format_nanos(total)}"
            yield invalid(f"{path}.requests[{name}]", amount, detail)
    yield from _pod_limits(spec, own.get("limits") or {}, path)


def _pod_limits(spec: Object, limits: Mapping[str, str], path: str) -> Iterator[FieldError]:
    for name, limit in limits.items():
        total = _sum(spec, "limits", name) if is_huge_page(name) else 0
        if total > quantity.parse(limit):
            detail = f"must be greater than or equal to aggregate container limits of {quantity.format_nanos(total)}"
            yield invalid(f"{path}.limits[{name}]", limit, detail)
    for index, container in enumerate(spec.get("containers") or ()):
        for name, single in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and quantity.compare(single, limits[name]) > 0:
                detail = f"must be less than or equal to pod limits of {limits[name]}"
                yield invalid(f"{path}.containers[{index}][{name}].limits", single, detail)


def _sum(spec: Object, side: str, name: str) -> int:
    """What all containers need together, in quantity's own unit: init containers run one after the other, each
    beside the sidecars that were begun before it."""
    total = sum(_amount(container, side, name) for container in spec.get("containers") or ())
    sidecars = peak = 0
    for container in spec.get("initContainers") or ():
        amount = _amount(container, side, name)
        if container.get("restartPolicy") == "Always":
            sidecars += amount
            amount = 0
        peak = max(peak, sidecars + amount)
    return max(total + sidecars, peak)


def _amount(container: Object, side: str, name: str) -> int:
    return quantity.parse(((container.get("resources") or {}).get(side) or {}).get(name, "0"))
