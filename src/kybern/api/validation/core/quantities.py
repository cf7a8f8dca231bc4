"""Names and amounts of resources (cpu, memory, example.com/gpu). Source: core/validation, core/helper."""

from collections.abc import Iterator

from kybern.api import quantity
from kybern.api.resource import FieldError
from kybern.api.validation import names
from kybern.api.validation.field import NOT_NEGATIVE, each_invalid, invalid

CONTAINER_RESOURCES = frozenset(("cpu", "memory", "ephemeral-storage"))
_OBJECTS = frozenset(
    ("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims")
)
_SERVICE_KINDS = frozenset(("services.nodeports", "services.loadbalancers"))
_COMPUTE = frozenset(f"{side}.{name}" for side in ("requests", "limits") for name in CONTAINER_RESOURCES)
QUOTA_RESOURCES = CONTAINER_RESOURCES | _COMPUTE | _OBJECTS | _SERVICE_KINDS | {"requests.storage"}
_STANDARD = QUOTA_RESOURCES | {"storage"}
_HUGE_PAGES = "hugepages-"
_REQUESTS = "requests."
_NATIVE_DOMAIN = "kubernetes.io/"
_INTEGER = _OBJECTS | _SERVICE_KINDS
_NOT_INTEGER = "must be an integer"


def is_huge_page(name: str) -> bool:
    return name.startswith(_HUGE_PAGES)


def is_quota_huge_page(name: str) -> bool:
    return name.startswith((_HUGE_PAGES, _REQUESTS + _HUGE_PAGES))


def is_native(name: str) -> bool:
    """Kubernetes' own: without a domain, or with its."""
    return "/" not in name or _NATIVE_DOMAIN in name


def is_extended(name: str) -> bool:
    """example.com/gpu: counted in whole units and never overcommitted."""
    if is_native(name) or name.startswith(_REQUESTS):
        return False
    return not names.qualified_name(_REQUESTS + name)


def overcommit_allowed(name: str) -> bool:
    return is_native(name) and not is_huge_page(name)


def validate_resource_name(name: str, path: str) -> Iterator[FieldError]:
    errors = each_invalid(path, name, names.qualified_name(name))
    yield from errors
    if not errors and "/" not in name and name not in _STANDARD and not is_quota_huge_page(name):
        yield invalid(path, name, "must be a standard resource type or fully qualified")


def validate_quota_resource_name(name: str, path: str) -> Iterator[FieldError]:
    yield from validate_resource_name(name, path)
    if "/" not in name and name not in QUOTA_RESOURCES and not is_quota_huge_page(name):
        yield invalid(path, name, "must be a standard resource for quota")


def validate_container_resource_name(name: str, path: str) -> Iterator[FieldError]:
    if name in CONTAINER_RESOURCES:
        return
    errors = list(validate_resource_name(name, path))
    yield from errors
    if "/" not in name:
        if not is_huge_page(name):
            yield invalid(path, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        yield invalid(path, name, "doesn't follow extended resource name standard")


def validate_amount(name: str, amount: str, path: str) -> Iterator[FieldError]:
    """Not negative, and whole for what is counted."""
    yield from non_negative_quantity(amount, path)
    if (name in _INTEGER or is_extended(name)) and quantity.milli_value(amount) % 1000:
        yield invalid(path, amount, _NOT_INTEGER)


def non_negative_quantity(amount: str, path: str) -> Iterator[FieldError]:
    if quantity.parse(amount) < 0:
        yield invalid(path, amount, NOT_NEGATIVE)
