"""ResourceClaim, ResourceClaimTemplate and DeviceClass: what is asked for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from kybern.api.resource import FieldError, Object
from kybern.api.schema import structure
from kybern.api.validation import names
from kybern.api.validation.core.quantities import is_extended
from kybern.api.validation.dynamic_resources.device_names import (
    each,
    each_once,
    name_of,
    validate_driver,
    validate_fully_qualified,
    validate_label,
)
from kybern.api.validation.dynamic_resources.selector import validate_selectors
from kybern.api.validation.field import each_invalid, forbidden, immutable, invalid, not_supported, required, too_long
from kybern.api.validation.internal_form import internal_form
from kybern.api.validation.metadata import validate_annotations, validate_labels

REQUESTS_LIMIT = CONFIGS_LIMIT = 32
_CONSTRAINTS_LIMIT, _ALTERNATIVES_LIMIT = 32, 8
_PARAMETERS_LIMIT = 10 * 1024
_MODES = ("All", "ExactCount")
_OPERATORS = ("Equal", "Exists")
EFFECTS = ("NoExecute", "NoSchedule", "None")
_NO_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
_ONE_KIND = "exactly one of `exactly` or `firstAvailable` is required"
_ONE_ATTRIBUTE = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
_OMITTED = "<value omitted>"

RequestNames = Mapping[str, frozenset[str]]
"""Request -> its alternatives."""


def validate_claim(obj: Object) -> Iterator[FieldError]:
    yield from _devices((obj.get("spec") or {}).get("devices") or {}, "spec.devices")


def validate_claim_template(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    metadata = spec.get("metadata") or {}
    yield from validate_annotations(metadata.get("annotations"), "spec.metadata.annotations")
    yield from validate_labels(metadata.get("labels"), "spec.metadata.labels")
    for key in structure.fields("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"):
        if metadata.get(key) and key not in ("annotations", "labels"):
            yield forbidden(f"spec.metadata.{'uID' if key == 'uid' else key}", "cannot be set")
    yield from _devices((spec.get("spec") or {}).get("devices") or {}, "spec.spec.devices")


def validate_claim_update(new: Object, old: Object) -> Iterator[FieldError]:
    """Of claims and of templates: nothing is asked about again, for nothing may change."""
    if list(immutable("spec", new.get("spec"), old.get("spec"))):
        definition = f"io.k8s.api.resource.v1.{new['kind']}Spec"
        yield from immutable("spec", internal_form(definition, new.get("spec")), None)


def validate_class(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from validate_selectors(spec.get("selectors") or (), "spec.selectors")
    yield from each(spec.get("config") or (), CONFIGS_LIMIT, "spec.config", validate_configuration)
    name = spec.get("extendedResourceName")
    if name is not None and not is_extended(name):
        yield invalid("spec.extendedResourceName", name, "must be a valid extended resource name")


def requests_of(devices: Object) -> RequestNames:
    return {
        name_of(request): frozenset(map(name_of, request.get("firstAvailable") or ()))
        for request in devices.get("requests") or ()
    }


def _devices(devices: Object, path: str) -> Iterator[FieldError]:
    known = requests_of(devices)
    yield from each_once(devices.get("requests") or (), REQUESTS_LIMIT, f"{path}.requests", _request, name_of)

    def constraint(one: Object, at: str) -> Iterator[FieldError]:
        yield from validate_references(one.get("requests") or (), f"{at}.requests", known)
        for key in ("matchAttribute", "distinctAttribute"):
            if one.get(key) is not None:
                yield from validate_fully_qualified(one[key], f"{at}.{key}")
                return
        yield required(at, _ONE_ATTRIBUTE)

    def configuration(one: Object, at: str) -> Iterator[FieldError]:
        yield from validate_references(one.get("requests") or (), f"{at}.requests", known)
        yield from validate_configuration(one, at)

    yield from each(devices.get("constraints") or (), _CONSTRAINTS_LIMIT, f"{path}.constraints", constraint)
    yield from each(devices.get("config") or (), CONFIGS_LIMIT, f"{path}.config", configuration)


def validate_references(given: Sequence[str], path: str, known: RequestNames) -> Iterator[FieldError]:
    yield from each_once(given, REQUESTS_LIMIT, path, lambda name, at: validate_reference(name, at, known))


def validate_reference(name: str, path: str, known: RequestNames) -> Iterator[FieldError]:
    """`request` or `request/alternative`."""
    parts = name.split("/")
    if len(parts) > 2:
        yield invalid(path, name, _NO_REQUEST)
        return
    for part in parts:
        yield from validate_label(part, path)
    if parts[0] not in known or (len(parts) == 2 and parts[1] not in known[parts[0]]):
        yield invalid(path, name, _NO_REQUEST)


def _request(request: Object, path: str) -> Iterator[FieldError]:
    yield from validate_label(name_of(request), f"{path}.name")
    exactly, alternatives = request.get("exactly"), request.get("firstAvailable") or ()
    if exactly is None and not alternatives:
        yield required(path, _ONE_KIND)
    elif exactly is not None and alternatives:
        yield invalid(path, None, f"{_ONE_KIND}, but multiple fields are set")
    elif exactly is not None:
        yield from _wanted(exactly, f"{path}.exactly")
    else:
        yield from each_once(alternatives, _ALTERNATIVES_LIMIT, f"{path}.firstAvailable", _alternative, name_of)


def _alternative(request: Object, path: str) -> Iterator[FieldError]:
    yield from validate_label(name_of(request), f"{path}.name")
    yield from _wanted(request, path)


def _wanted(request: Object, path: str) -> Iterator[FieldError]:
    name, mode, count = request.get("deviceClassName") or "", request.get("allocationMode"), request.get("count") or 0
    if not name:
        yield required(f"{path}.deviceClassName")
    else:
        yield from each_invalid(f"{path}.deviceClassName", name, names.dns_subdomain(name))
    yield from validate_selectors(request.get("selectors") or (), f"{path}.selectors")
    match mode:
        case "All":
            if count:
                yield invalid(f"{path}.count", count, "must not be specified when allocationMode is 'All'")
        case "ExactCount":
            if count <= 0:
                yield invalid(f"{path}.count", count, "must be greater than zero")
        case _:
            yield not_supported(f"{path}.allocationMode", mode or "", _MODES)
    yield from each(request.get("tolerations") or (), None, f"{path}.tolerations", _toleration)


def _toleration(toleration: Object, path: str) -> Iterator[FieldError]:
    key, value, effect = (toleration.get(part) or "" for part in ("key", "value", "effect"))
    if key:
        yield from each_invalid(f"{path}.key", key, names.qualified_name(key))
    match toleration.get("operator") or "":
        case "Exists":
            if value:
                yield invalid(f"{path}.value", value, "must be empty for operator `Exists`")
        case "Equal":
            yield from each_invalid(f"{path}.value", value, names.label_value(value))
        case "":
            yield required(f"{path}.operator")
        case other:
            yield not_supported(f"{path}.operator", other, _OPERATORS)
    if effect and effect not in EFFECTS:
        yield not_supported(f"{path}.effect", effect, EFFECTS)


def validate_configuration(config: Object, path: str) -> Iterator[FieldError]:
    opaque = config.get("opaque")
    if opaque is None:
        yield required(f"{path}.opaque")
        return
    yield from validate_driver(opaque.get("driver") or "", f"{path}.opaque.driver")
    yield from validate_raw(opaque.get("parameters"), f"{path}.opaque.parameters", _PARAMETERS_LIMIT)


def validate_raw(value: Any, path: str, limit: int) -> Iterator[FieldError]:
    """What only a driver understands: an object of at most `limit` bytes."""
    if value is None:
        yield required(path)
    elif len(orjson.dumps(value)) > limit:
        yield too_long(path, limit)
    elif not isinstance(value, dict):
        yield invalid(path, _OMITTED, "must be a valid JSON object")
