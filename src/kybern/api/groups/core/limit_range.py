"""LimitRange: its defaults follow from its limits."""

from kybern.api.groups.behaviour import Behaviour
from kybern.api.resource import Object
from kybern.api.validation.core.quota import validate_limit_range


def default(obj: Object) -> None:
    """A maximum is the default limit, and that (or the minimum) the default request."""
    for item in (obj.get("spec") or {}).get("limits") or ():
        if item.get("type") != "Container":
            continue
        limits = {**(item.get("max") or {}), **(item.get("default") or {})}
        requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
        for key, amounts in (("default", limits), ("defaultRequest", requests)):
            if amounts:
                item[key] = amounts


BEHAVIOUR = {
    "LimitRange": Behaviour(
        default=default, validate=lambda obj: list(validate_limit_range(obj)), create_on_update=True
    )
}
