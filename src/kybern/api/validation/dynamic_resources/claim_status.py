"""The status of a ResourceClaim: what was allocated, for whom, and what drivers tell of it."""

from collections.abc import Callable, Hashable, Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.addresses import validate_interface_address
from kybern.api.validation.conditions import validate_conditions
from kybern.api.validation.core.affinity import validate_node_selector
from kybern.api.validation.dynamic_resources.claim import (
    CONFIGS_LIMIT,
    RequestNames,
    requests_of,
    validate_configuration,
    validate_raw,
    validate_reference,
    validate_references,
)
from kybern.api.validation.dynamic_resources.device_names import (
    each,
    each_once,
    validate_driver,
    validate_label,
    validate_pool,
    validate_uid,
)
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
from kybern.api.validation.internal_form import internal_form

_USERS_LIMIT, _RESULTS_LIMIT, _CONDITIONS_LIMIT, _IPS_LIMIT, _BINDING_LIMIT = 256, 32, 8, 16, 4
_DATA_LIMIT = 10 * 1024
_INTERFACE_LIMIT, _HARDWARE_LIMIT = 256, 128
_SOURCES = ("FromClaim", "FromClass")
_ALLOCATION = "io.k8s.api.resource.v1.AllocationResult"
_NAMED_BY = ("driver", "pool", "device", "shareID")


def device_id(device: Object) -> tuple[str, ...]:
    """Which device, and which share of it."""
    return tuple(device.get(key) or "" for key in _NAMED_BY)


def _shown(place: tuple[str, ...]) -> Object:
    """A device in a message, by the names of upstream's own type."""
    return dict(zip(("Driver", "Pool", "Device", "ShareID"), place, strict=True))


def allocated(status: Object) -> set[tuple[str, ...]]:
    results = ((status.get("allocation") or {}).get("devices") or {}).get("results") or ()
    return set(map(device_id, results))


def validate_claim_status(new: Object, old: Object) -> Iterator[FieldError]:
    status, before = new.get("status") or {}, old.get("status") or {}
    users = status.get("reservedFor") or ()
    yield from each_once(users, _USERS_LIMIT, "status.reservedFor", _user, lambda user: user.get("uid") or "")
    known = allocated(status)
    devices = status.get("devices") or ()
    yield from each(devices, None, "status.devices", lambda one, at: _device(one, at, known))
    places = [device_id(device) for device in devices]
    for index, place in enumerate(places):
        if place in places[:index]:
            yield duplicate(f"status.devices[{index}]", _shown(place))
    allocation = status.get("allocation")
    if users and allocation is None:
        yield forbidden("status.reservedFor", "may not be specified when `allocated` is not set")
    elif new["metadata"].get("deletionTimestamp") and any(
        user not in (before.get("reservedFor") or ()) for user in users
    ):
        detail = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
        yield forbidden("status.reservedFor", detail)
    if allocation is None:
        return
    if before.get("allocation") is None:
        requests = requests_of((new.get("spec") or {}).get("devices") or {})
        yield from _allocation(allocation, "status.allocation", requests)
    elif allocation != before["allocation"]:
        yield from immutable("status.allocation", internal_form(_ALLOCATION, allocation), None)


def _user(user: Object, path: str) -> Iterator[FieldError]:
    for key in ("resource", "name", "uid"):
        if not user.get(key):
            yield required(f"{path}.{key}")


def _allocation(allocation: Object, path: str, requests: RequestNames) -> Iterator[FieldError]:
    devices = allocation.get("devices") or {}
    at = f"{path}.devices"
    yield from each(
        devices.get("results") or (), _RESULTS_LIMIT, f"{at}.results", lambda one, place: _result(one, place, requests)
    )
    yield from each(
        devices.get("config") or (), 2 * CONFIGS_LIMIT, f"{at}.config", lambda one, place: _config(one, place, requests)
    )
    if allocation.get("nodeSelector") is not None:
        yield from validate_node_selector(allocation["nodeSelector"], f"{path}.nodeSelector")


def _place(device: Object, path: str) -> Iterator[FieldError]:
    """Driver, pool and device."""
    checks: Sequence[tuple[str, Callable[[str, str], Iterator[FieldError]]]] = (
        ("driver", validate_driver),
        ("pool", validate_pool),
        ("device", validate_label),
    )
    for key, check in checks:
        yield from check(device.get(key) or "", f"{path}.{key}")


def _result(result: Object, path: str, requests: RequestNames) -> Iterator[FieldError]:
    yield from validate_reference(result.get("request") or "", f"{path}.request", requests)
    yield from _place(result, path)
    yield from validate_binding(result, path)
    if result.get("shareID") is not None:
        yield from validate_uid(result["shareID"], f"{path}.shareID")


def _config(config: Object, path: str, requests: RequestNames) -> Iterator[FieldError]:
    source = config.get("source")
    if not source:
        yield required(f"{path}.source")
    elif source not in _SOURCES:
        yield not_supported(f"{path}.source", source, _SOURCES)
    yield from validate_references(config.get("requests") or (), f"{path}.requests", requests)
    yield from validate_configuration(config, path)


def validate_binding(device: Object, path: str) -> Iterator[FieldError]:
    """Conditions to wait for before a Pod is bound: of success and of failure, both or none."""
    keys = ("bindingConditions", "bindingFailureConditions")
    good, bad = (device.get(key) or [] for key in keys)
    for key, given in zip(keys, (good, bad), strict=True):
        yield from each(given, _BINDING_LIMIT, f"{path}.{key}", _condition_name)
    yield from _repeated(good, f"{path}.{keys[0]}")
    seen: set[Hashable] = set()
    for index, condition in enumerate(bad):
        at = f"{path}.{keys[1]}[{index}]"
        if condition in seen:
            yield duplicate(at, condition)
        seen.add(condition)
        if condition in good:
            yield invalid(at, condition, "bindingFailureConditions must not overlap with bindingConditions")
    for own, other, given, needed in ((keys[0], keys[1], good, bad), (keys[1], keys[0], bad, good)):
        if needed and not given:
            yield invalid(f"{path}.{own}", device.get(own), f"{own} are required to use {other}")


def _condition_name(name: str, path: str) -> Iterator[FieldError]:
    yield from each_invalid(path, name, names.qualified_name(name))


def _repeated(values: Sequence[str], path: str) -> Iterator[FieldError]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield duplicate(f"{path}[{index}]", value)


def _device(device: Object, path: str, known: set[tuple[str, ...]]) -> Iterator[FieldError]:
    yield from _place(device, path)
    if device.get("shareID") is not None:
        yield from validate_uid(device["shareID"], f"{path}.shareID")
    if (place := device_id(device)) not in known:
        yield invalid(path, _shown(place), "must be an allocated device in the claim")
    conditions = device.get("conditions") or ()
    if len(conditions) > _CONDITIONS_LIMIT:
        yield too_many(f"{path}.conditions", len(conditions), _CONDITIONS_LIMIT)
    yield from validate_conditions(conditions, f"{path}.conditions")
    if device.get("data") is not None:
        yield from validate_raw(device["data"], f"{path}.data", _DATA_LIMIT)
    yield from _network(device.get("networkData") or {}, f"{path}.networkData")


def _network(data: Object, path: str) -> Iterator[FieldError]:
    for key, limit in (("interfaceName", _INTERFACE_LIMIT), ("hardwareAddress", _HARDWARE_LIMIT)):
        if names.size(data.get(key) or "") > limit:
            yield too_long(f"{path}.{key}", limit)
    yield from each_once(
        data.get("ips") or (), _IPS_LIMIT, f"{path}.ips", lambda text, at: validate_interface_address(at, text)
    )
