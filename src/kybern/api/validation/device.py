"""Dynamic resource allocation: what its claims and classes ask for, without their CEL selectors.

Source: pkg/apis/resource/validation.
"""

from collections.abc import Callable, Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import (
    duplicate,
    each_invalid,
    forbidden,
    immutable,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
)

_MOST_REQUESTS, _MOST_ALTERNATIVES, _MOST_SELECTORS, _MOST_CONFIGS = 32, 8, 32, 32
_LONGEST_EXPRESSION = 10 * 1024
_MODES = ("All", "ExactCount")
_NAME_OF_REQUEST = (
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
)
_ONE_KIND = "exactly one of `exactly` or `firstAvailable` is required"


def validate_claim(obj: Object) -> Iterator[FieldError]:
    yield from _claim_spec(obj.get("spec") or {}, "spec")


def validate_claim_update(new: Object, old: Object) -> Iterator[FieldError]:
    yield from immutable("spec", new.get("spec"), old.get("spec"))


def validate_claim_template(obj: Object) -> Iterator[FieldError]:
    yield from _claim_spec((obj.get("spec") or {}).get("spec") or {}, "spec.spec")


def validate_class(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _selectors(spec.get("selectors") or (), "spec.selectors")
    configs = spec.get("config") or ()
    yield from _at_most(configs, _MOST_CONFIGS, "spec.config")
    for index, config in enumerate(configs):
        yield from _configuration(config, f"spec.config[{index}]")


def validate_slice(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _driver(spec.get("driver") or "", "spec.driver")
    name = (spec.get("pool") or {}).get("name") or ""
    if not name:
        yield required("spec.pool.name")
    else:
        for part in name.split("/"):
            yield from each_invalid("spec.pool.name", part, names.dns_subdomain(part))
    node = spec.get("nodeName")
    if node is not None:
        if not node:
            yield invalid("spec.nodeName", node, "must be either unset or set to a non-empty string")
        else:
            yield from each_invalid("spec.nodeName", node, names.dns_subdomain(node))
    seen = set()
    for index, device in enumerate(spec.get("devices") or ()):
        path, own = f"spec.devices[{index}].name", device.get("name") or ""
        yield from _label(own, path)
        if own in seen:
            yield duplicate(path, own)
        seen.add(own)


def validate_slice_update(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    for key in ("driver", "nodeName"):
        yield from immutable(f"spec.{key}", after.get(key), before.get(key))
    pools = [(spec.get("pool") or {}).get("name") for spec in (after, before)]
    yield from immutable("spec.pool.name", *pools)


def validate_claim_status(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = new.get("status") or {}, old.get("status") or {}
    reserved = after.get("reservedFor") or ()
    if reserved and after.get("allocation") is None:
        yield forbidden("status.reservedFor", "may not be specified when `allocated` is not set")
    for index, user in enumerate(reserved):
        for key in ("resource", "name", "uid"):
            if not user.get(key):
                yield required(f"status.reservedFor[{index}].{key}")
    if after.get("allocation") is not None and before.get("allocation") is not None:
        yield from immutable("status.allocation", after["allocation"], before["allocation"])


def _claim_spec(spec: Object, path: str) -> Iterator[FieldError]:
    devices, at = spec.get("devices") or {}, f"{path}.devices"
    requests = devices.get("requests") or ()
    yield from _at_most(requests, _MOST_REQUESTS, f"{at}.requests")
    yield from _unique(requests, f"{at}.requests", _request)
    known = _request_names(requests)
    for key in ("constraints", "config"):
        for index, one in enumerate(devices.get(key) or ()):
            place = f"{at}.{key}[{index}]"
            for position, name in enumerate(one.get("requests") or ()):
                if name not in known:
                    yield invalid(f"{place}.requests[{position}]", name, _NAME_OF_REQUEST)
            if key == "config":
                yield from _configuration(one, place)


def _request_names(requests: Sequence[Object]) -> set[str]:
    known = {request.get("name") or "" for request in requests}
    for request in requests:
        for alternative in request.get("firstAvailable") or ():
            known.add(f"{request.get('name') or ''}/{alternative.get('name') or ''}")
    return known


def _at_most(values: Sequence[Object], limit: int, path: str) -> Iterator[FieldError]:
    if len(values) > limit:
        yield too_many(path, len(values), limit)


def _unique(
    values: Sequence[Object], path: str, validate: Callable[[Object, str], Iterator[FieldError]]
) -> Iterator[FieldError]:
    seen = set()
    for index, value in enumerate(values):
        yield from validate(value, f"{path}[{index}]")
        name = value.get("name") or ""
        if name in seen:
            yield duplicate(f"{path}[{index}]", name)
        seen.add(name)


def _request(request: Object, path: str) -> Iterator[FieldError]:
    yield from _label(request.get("name") or "", f"{path}.name")
    exactly, alternatives = request.get("exactly"), request.get("firstAvailable") or ()
    if exactly is None and not alternatives:
        yield required(path, _ONE_KIND)
    elif exactly is not None and alternatives:
        yield invalid(path, None, f"{_ONE_KIND}, but multiple fields are set")
    elif exactly is not None:
        yield from _devices(exactly, f"{path}.exactly")
    else:
        yield from _at_most(alternatives, _MOST_ALTERNATIVES, f"{path}.firstAvailable")
        yield from _unique(alternatives, f"{path}.firstAvailable", _alternative)


def _alternative(request: Object, path: str) -> Iterator[FieldError]:
    yield from _label(request.get("name") or "", f"{path}.name")
    yield from _devices(request, path)


def _devices(request: Object, path: str) -> Iterator[FieldError]:
    name, mode, count = request.get("deviceClassName") or "", request.get("allocationMode"), request.get("count") or 0
    if not name:
        yield required(f"{path}.deviceClassName")
    else:
        yield from each_invalid(f"{path}.deviceClassName", name, names.dns_subdomain(name))
    yield from _selectors(request.get("selectors") or (), f"{path}.selectors")
    match mode:
        case "All":
            if count:
                yield invalid(f"{path}.count", count, "must not be specified when allocationMode is 'All'")
        case "ExactCount":
            if count <= 0:
                yield invalid(f"{path}.count", count, "must be greater than zero")
        case _:
            yield not_supported(f"{path}.allocationMode", mode or "", _MODES)


def _selectors(selectors: Sequence[Object], path: str) -> Iterator[FieldError]:
    yield from _at_most(selectors, _MOST_SELECTORS, path)
    for index, selector in enumerate(selectors):
        expression, at = selector.get("cel"), f"{path}[{index}].cel"
        if expression is None:
            yield required(at)
        elif names.size(expression.get("expression") or "") > _LONGEST_EXPRESSION:
            yield too_long(f"{at}.expression", _LONGEST_EXPRESSION)


def _configuration(config: Object, path: str) -> Iterator[FieldError]:
    opaque = config.get("opaque")
    if opaque is None:
        yield required(f"{path}.opaque")
    else:
        yield from _driver(opaque.get("driver") or "", f"{path}.opaque.driver")
        if opaque.get("parameters") is None:
            yield required(f"{path}.opaque.parameters")


def _driver(name: str, path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
        return
    if names.size(name) > 63:
        yield too_long(path, 63)
    yield from each_invalid(path, name.lower(), names.dns_subdomain(name.lower()))


def _label(name: str, path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
    else:
        yield from each_invalid(path, name, names.dns_label(name))
