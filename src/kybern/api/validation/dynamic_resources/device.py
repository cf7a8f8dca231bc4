"""A device of a ResourceSlice: attributes, capacity, taints, nodes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.affinity import validate_node_selector
from kybern.api.validation.dynamic_resources.capacity import validate_capacity
from kybern.api.validation.dynamic_resources.claim import EFFECTS
from kybern.api.validation.dynamic_resources.claim_status import validate_binding
from kybern.api.validation.dynamic_resources.counters import validate_consumption
from kybern.api.validation.dynamic_resources.device_names import (
    each,
    each_once,
    name_of,
    shown_key,
    validate_label,
    validate_qualified,
)
from kybern.api.validation.dynamic_resources.node_choice import node_choice
from kybern.api.validation.field import each_invalid, forbidden, invalid, not_supported, required, too_long
from kybern.api.validation.internal_form import internal_form

_ENTRIES_LIMIT, _VALUES_LIMIT, _TAINTS_LIMIT, _CONSUMED_LIMIT = 32, 48, 16, 2
_LONGEST_VALUE = 64
_VALUES = ("int", "bool", "string", "version")
_ATTRIBUTE = "io.k8s.api.resource.v1.DeviceAttribute"
_INTERNAL_VALUES = {"Int": "IntValue", "Bool": "BoolValue", "String": "StringValue", "Version": "VersionValue"}
_INTERNAL_VALUES |= {f"{key}s": f"{name}s" for key, name in _INTERNAL_VALUES.items()}
_NUMBER = r"(0|[1-9]\d*)"
_PRE_RELEASE = r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_is_version = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRE_RELEASE}(\.{_PRE_RELEASE})*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
).fullmatch
_PER_DEVICE = "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """`selects_nodes`: whether each device tells its own nodes; `before`: the slice's devices as they were, by name."""

    selects_nodes: bool
    before: Mapping[str, Object]

    def validate(self, device: Object, path: str) -> Iterator[FieldError]:
        yield from validate_label(name_of(device), f"{path}.name")
        yield from _entries(device, path)
        taints = device.get("taints") or []
        known = self.before.get(name_of(device))
        if known is None or (known.get("taints") or []) != taints:
            yield from each(taints, _TAINTS_LIMIT, f"{path}.taints", _taint)
        yield from each_once(
            device.get("consumesCounters") or (),
            _CONSUMED_LIMIT,
            f"{path}.consumesCounters",
            validate_consumption,
            lambda one: one.get("counterSet") or "",
        )
        if self.selects_nodes:
            yield from _own_nodes(device, path)
        elif any(device.get(key) is not None for key in ("nodeName", "nodeSelector", "allNodes")):
            yield invalid(path, None, f"`nodeName`, `nodeSelector` and `allNodes` can only be set if {_PER_DEVICE}")
        yield from validate_binding(device, path)


def _entries(device: Object, path: str) -> Iterator[FieldError]:
    attributes, capacity = device.get("attributes") or {}, device.get("capacity") or {}
    total = len(attributes) + len(capacity)
    if total > _ENTRIES_LIMIT:
        detail = f"the total number of attributes and capacities must not exceed {_ENTRIES_LIMIT}"
        yield invalid(path, total, detail)
    if len(attributes) > _VALUES_LIMIT:
        yield invalid(path, len(attributes), f"the total number of attribute values must not exceed {_VALUES_LIMIT}")
    for key, attribute in attributes.items():
        yield from validate_qualified(key, f"{path}.attributes")
        yield from _attribute(attribute, f"{path}.attributes[{shown_key(key)}]")
    shared = bool(device.get("allowMultipleAllocations"))
    for key, amount in capacity.items():
        yield from validate_qualified(key, f"{path}.capacity")
        policy, at = amount.get("requestPolicy"), f"{path}.capacity[{shown_key(key)}].requestPolicy"
        if policy is not None and shared:
            yield from validate_capacity(amount.get("value") or "0", policy, at)
        elif policy is not None:
            yield forbidden(at, "allowMultipleAllocations must be true")


def _attribute(attribute: Object, path: str) -> Iterator[FieldError]:
    version, text = attribute.get("version"), attribute.get("string")
    if text is not None and names.size(text) > _LONGEST_VALUE:
        yield too_long(f"{path}.string", _LONGEST_VALUE)
    if version is not None:
        if not _is_version(version):
            yield invalid(f"{path}.version", version, "must be a string compatible with semver.org spec 2.0.0")
        if names.size(version) > _LONGEST_VALUE:
            yield too_long(f"{path}.version", _LONGEST_VALUE)
    given = sum(attribute.get(key) is not None for key in _VALUES)
    if given == 0:
        yield invalid(path, "", "exactly one value must be specified")
    elif given > 1:
        shown = {_INTERNAL_VALUES[key]: value for key, value in (internal_form(_ATTRIBUTE, attribute) or {}).items()}
        yield invalid(path, shown, "exactly one value must be specified")


def _taint(taint: Object, path: str) -> Iterator[FieldError]:
    key, value, effect = (taint.get(part) or "" for part in ("key", "value", "effect"))
    yield from each_invalid(f"{path}.key", key, names.qualified_name(key))
    if value:
        yield from each_invalid(f"{path}.value", value, names.label_value(value))
    if not effect:
        yield required(f"{path}.effect")
    elif effect not in EFFECTS:
        yield not_supported(f"{path}.effect", effect, EFFECTS)


def _own_nodes(device: Object, path: str) -> Iterator[FieldError]:
    chosen = yield from node_choice(device, path, validate_node_selector, ("allNodes",), "must not be empty")
    detail = f"exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when {_PER_DEVICE}"
    if not chosen:
        yield required(path, detail)
    elif len(chosen) > 1:
        yield invalid(path, f"{{{', '.join(chosen)}}}", detail)
