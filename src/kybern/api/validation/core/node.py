"""Node."""

import re
from collections.abc import Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.address_warnings import cidr_warnings
from kybern.api.validation.addresses import parse_cidr, validate_cidr
from kybern.api.validation.core.quantities import validate_amount
from kybern.api.validation.field import (
    duplicate,
    each_invalid,
    forbidden,
    internal,
    invalid,
    not_supported,
    quote,
    required,
)

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_feature = re.compile("[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*").fullmatch
_FEATURE_MESSAGE = (
    "must start with an UpperCamelCase segment, with subsequent segments separated by '/' "
    "(e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
)
_FROM_EMPTY = 'node updates may not change {} except from "" to valid'


def validate_node(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _taints(spec.get("taints") or (), "metadata.taints")
    yield from _resources(obj)
    yield from _declared_features((obj.get("status") or {}).get("declaredFeatures") or (), "status.declaredFeatures")
    cidrs: Sequence[str] = spec.get("podCIDRs") or ()
    for index, cidr in enumerate(cidrs):
        yield from validate_cidr(f"spec.podCIDRs[{index}]", cidr)
    if len(cidrs) > 1:
        versions = {network.version for cidr in cidrs if (network := parse_cidr(cidr)) is not None}
        unread = next(((index, cidr) for index, cidr in enumerate(cidrs) if parse_cidr(cidr) is None), None)
        if unread is not None:
            why = f"invalid CIDR[{unread[0]}]: <nil> (invalid CIDR address: {unread[1]})"
            yield internal("spec.podCIDRs", f"invalid PodCIDRs. failed to check with dual stack with error:{why}")
        if unread is not None or len(versions) < 2 or len(cidrs) > 2:
            yield invalid("spec.podCIDRs", cidrs, "may specify no more than one CIDR for each IP family")


def _resources(obj: Object) -> Iterator[FieldError]:
    for key in ("capacity", "allocatable"):
        for name, amount in ((obj.get("status") or {}).get(key) or {}).items():
            yield from validate_amount(name, amount, f"status.{key}.{name}")


def _declared_features(features: Sequence[str], path: str) -> Iterator[FieldError]:
    for index, feature in enumerate(features):
        if names.size(feature) > 253:
            yield invalid(
                f"{path}[{index}]", feature, f"invalid feature name {quote(feature)}: {names.max_length(253)}"
            )
        elif not _feature(feature):
            yield invalid(f"{path}[{index}]", feature, f"invalid feature name {quote(feature)}: {_FEATURE_MESSAGE}")
        if index and feature == features[index - 1]:
            yield duplicate(f"{path}[{index}]", feature)
        elif index and feature < features[index - 1]:
            yield invalid(f"{path}[{index}]", feature, "list must be sorted alphabetically")


def _taints(taints: Sequence[Object], path: str) -> Iterator[FieldError]:
    seen = set()
    for index, taint in enumerate(taints):
        at = f"{path}[{index}]"
        key, value, effect = taint.get("key") or "", taint.get("value") or "", taint.get("effect") or ""
        yield from each_invalid(f"{at}.key", key, names.qualified_name(key))
        if messages := names.label_value(value):
            yield invalid(f"{at}.value", value, ";".join(messages))
        yield from validate_taint_effect(effect, f"{at}.effect")
        if (effect, key) in seen:
            fault = duplicate(at, {"Key": key, "Value": value, "Effect": effect, "TimeAdded": taint.get("timeAdded")})
            detail = "taints must be unique by key and effect pair"
            yield FieldError(fault.reason, fault.path, f"{fault.message}: {detail}")
        seen.add((effect, key))


def validate_taint_effect(effect: str, path: str, *, optional: bool = False) -> Iterator[FieldError]:
    if optional and not effect:
        return
    if not effect:
        yield required(path)
    elif effect not in EFFECTS:
        yield not_supported(path, effect, EFFECTS)


def validate_node_update(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    yield from _resources(new)
    yield from _declared_features((new.get("status") or {}).get("declaredFeatures") or (), "status.declaredFeatures")
    seen: list[Object] = []
    for index, address in enumerate((new.get("status") or {}).get("addresses") or ()):
        if address in seen:
            shown = {"Type": address.get("type", ""), "Address": address.get("address", "")}
            yield duplicate(f"status.addresses[{index}]", shown)
        seen.append(address)
    ranges, known = after.get("podCIDRs") or (), before.get("podCIDRs") or ()
    changes = 1 if known and len(ranges) != len(known) else sum(map(str.__ne__, ranges, known))
    for _ in range(changes):
        yield forbidden("spec.podCIDRs", _FROM_EMPTY.format("podCIDR"))
    if before.get("providerID") and before["providerID"] != after.get("providerID"):
        yield forbidden("spec.providerID", _FROM_EMPTY.format("providerID"))
    yield from _taints(after.get("taints") or (), "metadata.taints")
    if (after.get("externalID") or "") != (before.get("externalID") or ""):
        yield forbidden("spec.externalID", "may not be updated")


def node_warnings(obj: Object) -> Iterator[str]:
    spec = obj.get("spec") or {}
    if "configSource" in spec:
        yield "spec.configSource: the feature is removed"
    if spec.get("externalID"):
        yield "spec.externalID: this field is deprecated, and is unused by Kubernetes"
    for index, cidr in enumerate(spec.get("podCIDRs") or ()):
        yield from cidr_warnings(f"spec.podCIDRs[{index}]", cidr)
