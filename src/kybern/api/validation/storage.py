"""StorageClass, VolumeAttributesClass, VolumeAttachment, CSIDriver, CSINode, CSIStorageCapacity.

Source: pkg/apis/storage/validation.
"""

from collections.abc import Iterator, Mapping, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.persistent_volume import validate_inline_volume
from kybern.api.validation.core.quantities import non_negative_quantity
from kybern.api.validation.core.volume_sources import validate_csi_driver_name
from kybern.api.validation.field import (
    IMMUTABLE,
    duplicate,
    each_invalid,
    forbidden,
    immutable,
    invalid,
    non_negative,
    not_supported,
    required,
    sorted_map,
    too_long,
)
from kybern.api.validation.internal_form import internal_form
from kybern.api.validation.metadata import validate_label_selector

_PARAMETERS_LIMIT, _PARAMETERS_SIZE = 512, 256 * 1024
_ATTACHMENT_SIZE = _MESSAGE_SIZE = 256 * 1024
_NODE_ID_LIMIT = 256
_SHORTEST_TOKEN, _LONGEST_TOKEN = 600, 1 << 32
_SHORTEST_ALLOCATABLE_PERIOD = 10
_BINDING_MODES = ("Immediate", "WaitForFirstConsumer")
_RECLAIM_POLICIES = ("Delete", "Retain")
_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLE_MODES = ("Persistent", "Ephemeral")
_ONE_SOURCE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


def validate_storage_class(obj: Object) -> Iterator[FieldError]:
    yield from _provisioner(obj.get("provisioner") or "", "provisioner")
    yield from _parameters(obj.get("parameters") or {})
    policy, mode = obj.get("reclaimPolicy") or "", obj.get("volumeBindingMode")
    if policy and policy not in _RECLAIM_POLICIES:
        yield not_supported("reclaimPolicy", policy, _RECLAIM_POLICIES)
    if mode is None:
        yield required("volumeBindingMode")
    elif mode not in _BINDING_MODES:
        yield not_supported("volumeBindingMode", mode, _BINDING_MODES)
    yield from _topologies(obj.get("allowedTopologies") or ())


def _provisioner(name: str, path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
    else:
        yield from each_invalid(path, name.lower(), names.qualified_name(name.lower()))


def _parameters(parameters: Mapping[str, str], *, needed: bool = False) -> Iterator[FieldError]:
    path = "parameters"
    if len(parameters) > _PARAMETERS_LIMIT:
        yield too_long(path, _PARAMETERS_LIMIT)
        return
    if "" in parameters:
        yield invalid(path, "", "field can not be empty.")
    if _size(parameters) > _PARAMETERS_SIZE:
        yield too_long(path, _PARAMETERS_SIZE)
    if needed and not parameters:
        yield required(path, "must contain at least one key/value pair")


def _size(pairs: Mapping[str, str]) -> int:
    return sum(names.size(key) + names.size(value) for key, value in pairs.items())


def _topologies(terms: Sequence[Object]) -> Iterator[FieldError]:
    # Upstream's list begins with as many blanks as there are terms: an empty term counts as repeated by each.
    seen: list[dict[str, set[str]]] = [{} for _ in terms]
    for index, term in enumerate(terms):
        path = f"allowedTopologies[{index}].matchLabelExpressions"
        values: dict[str, set[str]] = {}
        for position, requirement in enumerate(term.get("matchLabelExpressions") or ()):
            key = requirement.get("key") or ""
            yield from _topology(requirement, f"{path}[{position}]")
            if key in values:
                yield duplicate(f"{path}[{position}].key", key)
            values[key] = set(requirement.get("values") or ())
        for _ in range(seen.count(values)):
            yield duplicate(path, "")
        seen.append(values)


def _topology(requirement: Object, path: str) -> Iterator[FieldError]:
    key, values = requirement.get("key") or "", requirement.get("values") or ()
    if not values:
        yield required(f"{path}.values")
    for index, value in enumerate(values):
        if value in values[:index]:
            yield duplicate(f"{path}.values[{index}]", value)
    yield from each_invalid(f"{path}.key", key, names.qualified_name(key))


def validate_storage_class_update(new: Object, old: Object) -> Iterator[FieldError]:
    for key in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        value = new.get(key)
        yield from immutable(key, sorted_map(value) if isinstance(value, dict) else value, old.get(key))


def _forbid_update(key: str, new: Object, old: Object) -> Iterator[FieldError]:
    if (new.get(key) or None) != (old.get(key) or None):
        yield forbidden(key, f"updates to {key} are forbidden.")


def validate_attributes_class(obj: Object) -> Iterator[FieldError]:
    yield from _provisioner(obj.get("driverName") or "", "driverName")
    yield from _parameters(obj.get("parameters") or {}, needed=True)


def validate_attributes_class_update(new: Object, old: Object) -> Iterator[FieldError]:
    for key in ("driverName", "parameters"):
        yield from _forbid_update(key, new, old)


def validate_attachment(obj: Object) -> Iterator[FieldError]:
    yield from _attachment(obj)


def validate_attachment_update(new: Object, old: Object) -> Iterator[FieldError]:
    """All that upstream checks of an update, of the status as well."""
    yield from _attachment(new)
    if new.get("spec") != old.get("spec"):
        yield invalid("spec", internal_form("io.k8s.api.storage.v1.VolumeAttachmentSpec", new["spec"]), IMMUTABLE)


def _attachment(obj: Object) -> Iterator[FieldError]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    yield from validate_csi_driver_name(spec.get("attacher") or "", "spec.attacher")
    yield from _attachment_source(spec.get("source") or {})
    node = spec.get("nodeName") or ""
    yield from each_invalid("spec.nodeName", node, names.dns_subdomain(node))
    if _size(status.get("attachmentMetadata") or {}) > _ATTACHMENT_SIZE:
        yield too_long("status.attachmentMetadata", _ATTACHMENT_SIZE)
    for key in ("attachError", "detachError"):
        error = status.get(key) or {}
        if names.size(error.get("message") or "") > _MESSAGE_SIZE:
            yield too_long(f"status.{key}.message", _MESSAGE_SIZE)
        if (error.get("errorCode") or 0) < 0:
            yield invalid(f"status.{key}.errorCode", error["errorCode"], names.between(0, 2**31 - 1))
    volume = (spec.get("source") or {}).get("persistentVolumeName")
    if volume is not None:
        yield from each_invalid("spec.source.persistentVolumeName", volume, names.dns_subdomain(volume))


def _attachment_source(source: Object) -> Iterator[FieldError]:
    path, inline, volume = "spec.source", source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    if inline is None and volume is None:
        yield required(path, _ONE_SOURCE)
    elif inline is not None and volume is not None:
        yield forbidden(path, _ONE_SOURCE)
    elif inline is None:
        if not volume:
            yield required(f"{path}.persistentVolumeName", "must specify non empty persistentVolumeName")
    else:
        yield from validate_inline_volume(inline, f"{path}.inlineVolumeSpec")


def validate_driver(obj: Object) -> Iterator[FieldError]:
    spec, path = obj.get("spec") or {}, "spec"
    # Upstream's path of attachRequired has a letter too many.
    needed = {
        "attachRequired": "attachedRequired",
        "podInfoOnMount": "podInfoOnMount",
        "storageCapacity": "storageCapacity",
    }
    for key, shown in needed.items():
        if spec.get(key) is None:
            yield required(f"{path}.{shown}")
    policy = spec.get("fsGroupPolicy")
    if policy is not None and policy not in _GROUP_POLICIES:
        yield not_supported(f"{path}.fsGroupPolicy", policy, _GROUP_POLICIES)
    yield from _token_requests(spec.get("tokenRequests") or ())
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in _LIFECYCLE_MODES:
            yield not_supported(f"{path}.volumeLifecycleModes", mode, _LIFECYCLE_MODES)
    if spec.get("seLinuxMount") is None:
        yield required(f"{path}.seLinuxMount")
    period = spec.get("nodeAllocatableUpdatePeriodSeconds")
    if period is not None and period < _SHORTEST_ALLOCATABLE_PERIOD:
        detail = "must be greater than or equal to 10 seconds"
        yield invalid(f"{path}.nodeAllocatableUpdatePeriodSeconds", period, detail)
    in_secrets = spec.get("serviceAccountTokenInSecrets")
    if in_secrets is not None and not spec.get("tokenRequests"):
        detail = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        yield invalid(f"{path}.serviceAccountTokenInSecrets", in_secrets, detail)


def _token_requests(requests: Sequence[Object]) -> Iterator[FieldError]:
    seen = set()
    for index, request in enumerate(requests):
        path, audience = f"spec.tokenRequests[{index}]", request.get("audience") or ""
        if audience in seen:
            yield duplicate(f"{path}.audience", audience)
            continue
        seen.add(audience)
        seconds = request.get("expirationSeconds")
        if seconds is not None and seconds < _SHORTEST_TOKEN:
            yield invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
        if seconds is not None and seconds > _LONGEST_TOKEN:
            detail = "may not specify a duration larger than 2^32 seconds"
            yield invalid(f"{path}.expirationSeconds", seconds, detail)


_SECRETS_UNSET = (
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible "
    "logging of tokens in volume attributes"
)


def warn_of_tokens(new: Object, old: Object | None) -> Sequence[str]:
    """Tokens are better handed over among the secrets; said when they are asked for anew."""
    spec, before = new.get("spec") or {}, (old or {}).get("spec") or {}
    tokens = spec.get("tokenRequests")
    asked = tokens and spec.get("serviceAccountTokenInSecrets") is None and tokens != before.get("tokenRequests")
    return (_SECRETS_UNSET,) if asked else ()


def validate_driver_update(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    yield from immutable("spec.attachedRequired", after.get("attachRequired"), before.get("attachRequired"))
    for key in ("volumeLifecycleModes",):
        yield from immutable(f"spec.{key}", after.get(key), before.get(key))


def validate_csi_node(obj: Object) -> Iterator[FieldError]:
    seen = set()
    for index, driver in enumerate((obj.get("spec") or {}).get("drivers") or ()):
        path, name = f"spec.drivers[{index}]", driver.get("name") or ""
        yield from validate_csi_driver_name(name, f"{path}.name")
        yield from _node_id(driver.get("nodeID") or "", f"{path}.nodeID")
        yield from non_negative(f"{path}.allocatable.count", (driver.get("allocatable") or {}).get("count"))
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
        keys = driver.get("topologyKeys") or ()
        for position, key in enumerate(keys):
            if not key:
                yield required(path)
            if key in keys[:position]:
                yield duplicate(path, key)
            yield from each_invalid(path, key, names.qualified_name(key))


def _node_id(identity: str, path: str) -> Iterator[FieldError]:
    if not identity:
        yield required(path)
    if names.size(identity) > _NODE_ID_LIMIT:
        yield invalid(path, identity, f"must be {_NODE_ID_LIMIT} characters or less")


def validate_csi_node_update(new: Object, old: Object) -> Iterator[FieldError]:
    """A driver that stays keeps all but its limits (KEP-4876)."""
    before = {driver.get("name"): driver for driver in (old.get("spec") or {}).get("drivers") or ()}
    for driver in (new.get("spec") or {}).get("drivers") or ():
        known = before.get(driver.get("name"))
        if known is not None:
            after, earlier = ({**one, "allocatable": None} for one in (driver, known))
            if after != earlier:
                shown = internal_form("io.k8s.api.storage.v1.CSINodeDriver", driver)
                yield invalid("spec.drivers", {**(shown or {}), "Allocatable": None}, IMMUTABLE)


def validate_capacity(obj: Object) -> Iterator[FieldError]:
    yield from validate_label_selector(obj.get("nodeTopology"), "nodeTopology")
    name = obj.get("storageClassName") or ""
    yield from each_invalid("storageClassName", name, names.dns_subdomain(name))
    if obj.get("capacity") is not None:
        yield from non_negative_quantity(obj["capacity"], "capacity")


def validate_capacity_update(new: Object, old: Object) -> Iterator[FieldError]:
    if new.get("nodeTopology") != old.get("nodeTopology"):  # All nodes is not the same as none.
        yield invalid("nodeTopology", new.get("nodeTopology"), IMMUTABLE)
    yield from immutable("storageClassName", new.get("storageClassName"), old.get("storageClassName"))
