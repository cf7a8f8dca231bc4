"""PriorityClass. Source: pkg/apis/scheduling/validation."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation.field import forbidden, immutable, not_supported, required

SYSTEM_PREFIX = "system-"
HIGHEST_OF_USERS = 1_000_000_000
SYSTEM_CLASSES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
_PREEMPTION = ("PreemptLowerPriority", "Never")
_UNCHANGED = "may not be changed in an update."


def validate_priority_class(obj: Object) -> Iterator[FieldError]:
    name, value = obj["metadata"].get("name") or "", obj.get("value") or 0
    if name.startswith(SYSTEM_PREFIX):
        if fault := _not_a_system_class(obj, name, value):
            detail = f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: "
            yield forbidden("metadata.name", detail + fault)
    elif value > HIGHEST_OF_USERS:
        detail = f"maximum allowed value of a user defined priority is {HIGHEST_OF_USERS}"
        yield forbidden("value", detail)
    policy = obj.get("preemptionPolicy")
    if policy == "":
        yield required("preemptionPolicy")
    elif policy is not None and policy not in _PREEMPTION:
        yield not_supported("preemptionPolicy", policy, _PREEMPTION)


def _not_a_system_class(obj: Object, name: str, value: int) -> str:
    known = SYSTEM_CLASSES.get(name)
    if known is None:
        return f"{name} is not a known system priority class"
    if value != known:
        return f"value of {name} PriorityClass must be {known}"
    if obj.get("globalDefault"):
        return f"globalDefault of {name} PriorityClass must be false"
    return ""


def validate_priority_class_update(new: Object, old: Object) -> Iterator[FieldError]:
    """All that upstream checks of an update."""
    if (new.get("value") or 0) != (old.get("value") or 0):
        yield forbidden("value", _UNCHANGED)
    yield from immutable("preemptionPolicy", new.get("preemptionPolicy"), old.get("preemptionPolicy"))
